"""Each fault of a file is named with its column, first bad row, date and remedy, all at once."""

import pandas as pd
import pytest

from phase6c.data.bars import load_bars
from phase6c.errors import DataError

GOOD = """Date,Open,High,Low,Close,Adj Close,Volume
2020-01-02,1.0,2.0,0.5,1.5,0.75,10
2020-01-03,1.5,2.0,1.0,1.5,0.75,20
2020-01-06,1.5,2.0,1.0,1.6,0.80,0
"""
NO_DATE = "Write all dates as YYYY-MM-DD"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "abc.csv"


@pytest.fixture
def refusal(path):
    def refusal(text):
        path.write_text(text)
        with pytest.raises(DataError) as caught:
            load_bars(path)
        assert caught.value.exit_code == 65
        return str(caught.value)

    return refusal


@pytest.fixture
def loaded(path):
    def loaded(text):
        path.write_text(text)
        return load_bars(path)

    return loaded


def closes(dates, values=None):
    values = [1 + 0.01 * n for n in range(len(dates))] if values is None else values
    rows = [f"{date},{value}" for date, value in zip(dates, values, strict=True)]
    return "\n".join(["date,close", *rows])


def days(n, freq="B", start="2020-01-02"):
    return [f"{day:%Y-%m-%d}" for day in pd.date_range(start, periods=n, freq=freq)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("Date,", "Day,", ["no column date, but Day. Rename Day to date."]),
        ("Date,", ",", ["no column date, but one without a name. Rename that one to date."]),
        (",Close", ",Cloze", ["no column close, but Cloze. Rename Cloze to close."]),
        (",Close", ",End", ["no column close (it has Date, Open, High, Low, End, "]),
        ("Volume", "Volum", ["no column volume, but Volum. Rename Volum to volume, or remove"]),
        ("Volume", "Tickr", ["no column ticker, but Tickr. Rename Tickr to ticker"]),
        ("Adj Close", "close", ["has the column close twice. Keep one of them."]),
        ("Low", "Bottom", ["has open and high, but no column low. Add low, or remove open and"]),
        ("2020-01-03", "soon", ["date (soon) is not a date in row 2", NO_DATE]),
        ("2020-01-03", "2020-02-30", ["date (2020-02-30) is not a date in row 2", NO_DATE]),
        ("2020-01-03", "1578009600", ["date (1578009600) is not a date in row 2", NO_DATE]),
        ("2020-01-03", "1/3/2020", ["has dates in two orders (2020-01-02 and 1/3/2020)", "anew"]),
        ("2020-01-03", "today", ["date (today) is not a date in row 2", NO_DATE]),
        ("2020-01-03", "", ["date is missing in row 2", "Name the day of every bar"]),
        ("2020-01-06", "2920-01-06", ["(2920-01-06) is outside the years 1800 to 2200 in row 3"]),
        ("2020-01-03", "2020-01-02", ["an earlier one with other numbers in row 2", "tell"]),
        ("2020-01-03", "2020-01-01", ["is earlier than the one before it in row 2", "sort"]),
        ("2020-01-06", "2020-03-10", ["ends a gap of more than 60 days in row 3", "Fill the gap"]),
        ("10\n", "1k\n", ["volume (1k) is not a number in row 1 of the data, date 2020-01-02"]),
        ("10\n", '"12,34.5"\n', ["volume (12,34.5) is not a number", "plain numbers"]),
        ("10\n", "$3\n", ["volume ($3) is not a number in row 1"]),
        ("2020-01-03,1.5", "2020-01-03,", ["open is missing in row 2", "2020-01-03", "Fill"]),
        ("2020-01-03,1.5", "2020-01-03,nan", ["open (nan) is missing in row 2"]),
        ("1.6,0.80", "1.6,-inf", ["adj_close (-inf) is infinite in row 3"]),
        ("2020-01-03,1.5", "2020-01-03,0", ["open (0) is not above zero in row 2"]),
        ("2020-01-03,1.5", "2020-01-03,-1", ["open (-1) is not above zero in row 2"]),
        ("0.80,0", "0.80,-5", ["volume (-5) is negative in row 3"]),
        ("1.0,2.0,0.5", "1.0,0.4,0.5", ["high (0.4) is below low in row 1"]),
        ("1.6,0.80", "2.6,0.80", ["close (2.6) is above high in row 3"]),
        ("1.6,0.80", "0.6,0.80", ["close (0.6) is below low in row 3"]),
        (
            "1.6,0.80",
            "1.6,1.7e308",
            ["adj_close (1.7e308) is out of all proportion to close in row 3"],
        ),
        ("1.6,0.80", "1.6,80", ["close (1.6) jumps by a factor of 9 or more in row 3", "decimal"]),
    ],
)
def test_a_fault_is_named_with_file_column_row_date_and_remedy(refusal, old, new, said):
    message = refusal(GOOD.replace(old, new, 1))
    for part in ["abc.csv: ", *said]:
        assert part in message


def test_further_rows_with_the_same_fault_are_counted(refusal):
    message = refusal(GOOD.replace(",2.0,", ",x,"))
    assert "in row 1 of the data, date 2020-01-02, and in 2 more rows. Write" in message
    message = refusal(GOOD.replace("2020-01-0", "x", 2))
    assert "date (x2) is not a date in row 1 of the data, and in 1 more row. Write" in message


def test_what_is_shown_of_a_cell_stays_on_its_line(refusal):
    message = refusal(GOOD.replace("1.5,2.0", f'"a\n{"b" * 99}",2.0'))
    assert len(message.splitlines()) == 1
    assert r"open ('a\nbbbb" in message
    assert "b" * 40 not in message


def test_a_high_that_misses_its_close_by_rounding_passes(loaded):
    loaded(GOOD.replace("1.6,0.80", "2.000001,0.80"))


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y"),
        *("%Y-%m-%d 00:00:00", "%Y-%m-%dT16:00Z", "%Y-%m-%d 00:00:00.000000-0500"),
        "%Y-%m-%d 4:00 PM",
    ],
)
def test_dates_are_read_in_the_order_that_suits_all_of_them(loaded, form):
    dates = pd.bdate_range("2020-01-28", periods=8)
    frame = loaded(closes([f"{date:{form}}" for date in dates])).frame
    assert (frame["date"].to_numpy() == dates.to_numpy()).all()


def test_the_month_comes_first_where_both_orders_are_possible(loaded):
    frame = loaded(closes(["1/2/2020", "1/3/2020"])).frame
    assert frame["date"].dt.strftime("%m-%d").tolist() == ["01-02", "01-03"]


def test_dates_in_two_orders_are_shown_and_none_is_guessed(refusal):
    message = refusal(closes(["1/29/2020", "1/30/2020", "31/1/2020", "2/3/2020"]))
    assert "has dates in two orders (1/29/2020 and 31/1/2020). Export the file anew" in message


def test_daylight_saving_is_no_change_of_the_time_zone(loaded):
    dates = ["2020-03-06 00:00:00-05:00", "2020-03-09 00:00:00-04:00"]
    assert loaded(closes(dates)).digest == loaded(closes(["2020-03-06", "2020-03-09"])).digest


def test_time_zones_may_not_be_mixed(refusal):
    message = refusal(closes(["2020-01-02 00:00-05:00", "2020-01-03 00:00+01:00"]))
    assert "has another time zone than earlier ones in row 2" in message
    message = refusal(closes(["2020-01-02 00:00-05:00", "2020-01-03"]))
    assert "date (2020-01-03) has no time zone, unlike earlier ones, in row 2" in message
    message = refusal(closes(["2020-01-02", "2020-01-03 00:00Z"]))
    assert "has a time zone, unlike earlier ones, in row 2" in message


def test_intraday_bars_are_not_daily(refusal):
    message = refusal(closes([f"2020-01-02 {hour}:30:00" for hour in (10, 11, 12)]))
    assert "date (2020-01-02 11:30:00) names a second time of the same day in row 2" in message
    assert "Bars must be daily" in message


@pytest.mark.parametrize("freq", ["W-FRI", "MS"])
def test_weekly_and_monthly_bars_are_not_daily(refusal, freq):
    message = refusal(closes(days(12, freq)))
    assert "is the first of bars more than 4 days apart (median), in row 1" in message
    assert "Bars must be daily, not weekly or monthly" in message


def test_a_close_that_does_not_move_in_thirty_rows_is_refused(refusal, loaded):
    loaded(closes(days(29), [5] * 29))
    message = refusal(closes(days(30), [5] * 30))
    assert "close (5) is the only value, first in row 1 of the data, date 2020-01-02." in message


def with_volume(volume):
    rows = closes(days(30)).splitlines()
    return "\n".join([rows[0] + ",volume", *(f"{row},{volume}" for row in rows[1:])])


def test_a_volume_that_does_not_move_should_be_removed(refusal):
    message = refusal(with_volume(7))
    assert "volume (7) is the only value" in message
    assert "Remove the column" in message


def test_a_volume_of_zero_throughout_is_left_out_and_said(loaded):
    bars = loaded(with_volume(0))
    assert "volume" not in bars.frame
    assert "volume left out, as there is none for abc" in bars.notes[0]


def test_faults_are_found_per_ticker(refusal):
    rows = [f"{day},{ticker},{1 + n / 50}" for n, day in enumerate(days(30)) for ticker in "ab"]
    rows += [f"{day},c,7" for day in days(30)] + [f"{day},d,8" for day in days(30)]
    rows += [f"{day},e,{9 + n}" for n, day in enumerate(days(5, "W-FRI"))]
    rows += ["2020-01-03,f,9", "2020-01-02,f,9", "2020-01-03,f,9", "2020-01-06, ,9"]
    lines = refusal("\n".join(["date,ticker,close", *rows])).splitlines()[1:]
    assert [line.partition("abc.csv: ")[2] for line in lines] == [
        "ticker is empty in row 129 of the data, date 2020-01-06. Name the ticker in every row.",
        "close (7) is the only value, first in row 61 of the data, ticker c, date 2020-01-02, and"
        " in d 2020-01-02. Leave the ticker out.",
        "date (2020-01-02) is earlier than the one before it in row 127 of the data, ticker f."
        " Check the dates around it; if they are right, sort the file by date.",
        "date (2020-01-03) repeats an earlier one in row 128 of the data, ticker f."
        " Keep one bar for each date.",
        "date (2020-01-03) is the first of bars more than 4 days apart (median), in row 121 of the"
        " data, ticker e. Bars must be daily, not weekly or monthly.",
    ]


def test_checks_that_need_no_missing_column_are_made_all_the_same(refusal):
    message = refusal(GOOD.replace("Date", "Tag").replace("Open", "Vorher").replace("10\n", "x\n"))
    for part in ("no column date", "no column open", "volume (x) is not a number in row 1"):
        assert part in message


def test_a_jump_of_the_prices_before_they_are_adjusted_is_none(loaded):
    text = GOOD.replace("2020-01-02,1.0,2.0,0.5,1.5", "2020-01-02,40.0,80.0,20.0,60.0")
    assert loaded(text).notes == ()


@pytest.mark.parametrize(
    ("ratio", "is_split"),
    [
        (0.5, True),
        (2.04, True),
        (1.5, True),
        (0.126, True),
        (1.4, False),
        (0.56, False),
        (7, True),
        (8.6, False),
    ],
)
def test_an_overnight_jump_by_a_split_ratio_is_noted(loaded, path, ratio, is_split):
    bars = loaded(closes(days(4), [1, 1.01, 1.01 * ratio, 1.02 * ratio]))
    said = f"{path}: abc on 2020-01-06 looks like an unadjusted split, at {ratio:g} times the close"
    assert [note.startswith(said) for note in bars.notes] == [True] * is_split


def test_dates_that_look_shifted_by_a_day_are_noted(loaded):
    """Midnights of Tokyo in UTC: the week runs from Sunday to Thursday."""
    values = [1 + n % 5 / 100 for n in range(60)]
    shifted = pd.bdate_range("2020-01-06", periods=60) - pd.Timedelta(days=1)
    (note,) = loaded(closes(shifted.strftime("%Y-%m-%d"), values)).notes
    assert "Sundays and none on Fridays" in note
    assert not loaded(closes(days(60), values)).notes
    assert not loaded(closes(days(60, "D"), values)).notes


@pytest.mark.parametrize(
    "dates",
    [[*days(40), *days(30, "W", "2020-03-01")], days(60, "2D")],
    ids=["weekly later", "2 d"],
)
def test_bars_that_are_not_daily_throughout_are_noted(loaded, dates):
    values = [1 + n % 5 / 100 for n in range(len(dates))]
    assert any("more than a day apart" in note for note in loaded(closes(dates, values)).notes)
    assert not loaded(closes(days(60), values[:60])).notes


def test_a_split_shows_in_the_open_if_there_is_one(loaded):
    text = GOOD.replace("2020-01-03,1.5,2.0", "2020-01-03,3.0,3.1")
    assert "2 times the close before" in loaded(text).notes[0]


def test_twelve_faults_of_one_file_come_in_one_report(refusal):
    rows = []
    for n, day in enumerate(days(40)):
        close = 10 + n % 7 / 10
        rows.append([day, close - 0.1, close + 1, close - 1, close, n, ""])
    for row, column, value in [
        (3, 0, "soon"),
        (5, 0, rows[4][0]),
        (8, 1, ""),
        (10, 2, "$3"),
        (12, 3, -1),
        (14, 2, 1.5),
        (16, 4, 99),
        (18, 5, "inf"),
        (39, 0, "2021-01-04"),
    ]:
        rows[row][column] = value
    rows[30][1:5] = [1000, 1001, 999, 1000.5]
    text = [["date", "open", "high", "low", "close", "volum", "Date"], *rows]
    lines = refusal("\n".join(",".join(map(str, row)) for row in text)).splitlines()[1:]
    expected = (
        "has the column date twice",
        "has no column volume, but volum",
        "open is missing in row 9 of the data, date 2020-01-14",
        "high ($3) is not a number in row 11 of the data, date 2020-01-16",
        "volume (inf) is infinite in row 19 of the data, date 2020-01-28",
        "low (-1) is not above zero in row 13 of the data, date 2020-01-20",
        "high (1.5) is below low in row 15 of the data, date 2020-01-22",
        "close (99) is above high in row 17 of the data, date 2020-01-24",
        "date (soon) is not a date in row 4 of the data",
        "date (2020-01-08) repeats an earlier one with other numbers in row 6 of the data",
        "date (2021-01-04) ends a gap of more than 60 days in row 40 of the data",
        "close (1000.5) lies apart from the bars around it by a factor of 4 or more in row 31 of"
        " the data, date 2020-02-13",
    )
    assert len(lines) == len(expected)
    for line, said in zip(lines, expected, strict=True):
        assert f"abc.csv: {said}" in line
