"""Bars are doubted as a calendar: refused where labels would be wrong, noted where they may be."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from phase6c.data.bars import load_bars
from phase6c.data.reading import calendars
from phase6c.data.reading.series import exchanged
from phase6c.errors import BadBarsError, DataError

from ...support.vendors import true_bars

PRICES = ["open", "high", "low", "close"]
N_DAYS = 400


@pytest.fixture(scope="module")
def truth():
    return true_bars(N_DAYS)


@pytest.fixture
def read(tmp_path):
    def read(frame, **how):
        path = tmp_path / "ABC.csv"
        frame.to_csv(path, index=False)
        return load_bars(path, **how)

    return read


@pytest.fixture
def notes(read, tmp_path):
    return lambda frame: [note.split(": ", 1)[1] for note in read(frame).notes]


def every_day(frame):
    """The same bars on all days of the calendar."""
    return frame.assign(date=pd.date_range(frame["date"].iloc[0], periods=len(frame)))


def filled(frame):
    """The bars of weekends filled forward."""
    days = pd.date_range(frame["date"].iloc[0], frame["date"].iloc[-1], name="date")
    return frame.set_index("date").reindex(days).ffill().reset_index()


def test_sound_bars_are_read_without_a_word(notes, truth):
    assert notes(truth) == []
    assert notes(every_day(truth)) == []


@pytest.mark.parametrize("volume", ["same", "none", "no column"])
def test_weekends_that_were_filled_forward_are_refused(read, truth, volume):
    frame = filled(truth)
    if volume == "none":
        frame.loc[frame["date"].dt.day_of_week >= 5, "volume"] = 0
    elif volume == "no column":
        frame = frame.drop(columns="volume")
    with pytest.raises(BadBarsError, match="repeats the bar before on a weekend") as caught:
        read(frame)
    assert "Leave the bars of weekends out" in str(caught.value)
    assert caught.value.tickers.keys() == {"ABC"}


def test_weekends_that_repeat_the_close_alone_are_refused(read, truth):
    frame = filled(truth)
    weekend = frame["date"].dt.day_of_week >= 5
    for name in ("open", "high", "low"):
        frame.loc[weekend, name] = frame.loc[weekend, "close"]
    with pytest.raises(BadBarsError, match="repeats the bar before on a weekend"):
        read(frame)
    with pytest.raises(BadBarsError, match="repeats the bar before on a weekend"):
        read(frame[["date", "close"]])


def test_weekends_between_two_bars_are_refused(read, truth):
    days = pd.date_range(truth["date"].iloc[0], truth["date"].iloc[-1], name="date")
    with pytest.raises(BadBarsError, match="tells the future"):
        read(truth.set_index("date").reindex(days).interpolate().reset_index())


def test_following_the_remedy_gives_the_true_bars(read, truth):
    frame = filled(truth)
    mended = frame[frame["date"].dt.day_of_week < 5]
    assert read(mended).digest == read(truth).digest


def test_other_days_that_were_filled_forward_are_refused(read, truth):
    gone = truth.drop(index=truth.index[5::12])
    frame = gone.set_index("date").reindex(truth["date"]).ffill().reset_index()
    with pytest.raises(BadBarsError, match="repeats the bar before in all prices"):
        read(frame)


def test_a_few_repeated_bars_are_noted_with_what_they_do(notes, truth):
    frame = truth.copy()
    frame.loc[50, PRICES] = frame.loc[49, PRICES].to_numpy()
    (note,) = notes(frame)
    assert note == (
        "1 bar of 400 repeat the bar before (first ABC on 2022-03-14): the label of the day before"
        " reads prices that are known by then."
    )


@pytest.mark.parametrize("where", ["end", "middle"])
def test_a_price_that_stands_still_is_noted_with_its_days(notes, truth, where):
    frame = truth.copy()
    rows = slice(300, 399) if where == "end" else slice(200, 260)
    frame.loc[rows, PRICES] = frame.loc[rows.start - 1, "close"]
    frame.loc[rows, "volume"] = 0
    (note,) = notes(frame)
    assert ("the last 100 bars of ABC (2023-02-27 to 2023-07-14)" in note) == (where == "end")
    assert ("in 61 bars of ABC (2022-10-10 to 2023-01-02)" in note) == (where == "middle")


@pytest.mark.parametrize("is_sorted", [False, True])
def test_days_and_months_that_changed_places_are_refused(read, truth, is_sorted):
    frame = truth.assign(date=exchanged(truth["date"]))
    frame = frame.sort_values("date") if is_sorted else frame
    with pytest.raises(DataError, match=r"day and month|days and months"):
        read(frame)


def test_days_that_changed_places_on_a_market_that_never_closes_are_refused(read, truth):
    frame = every_day(truth)
    swapped = frame.assign(date=exchanged(frame["date"])).sort_values("date")
    with pytest.raises(BadBarsError, match="day and month exchanged"):
        read(swapped)


@pytest.mark.parametrize("closes", [True, False])
def test_a_part_of_the_days_that_changed_places_is_refused(read, closes):
    truth = true_bars(900) if closes else every_day(true_bars(900))
    early = truth.index < (200 if closes else 400)
    dates = np.where(early, exchanged(truth["date"]), truth["date"].to_numpy())
    with pytest.raises(DataError, match=r"day and month change places|day and month exchanged"):
        read(truth.assign(date=dates).sort_values("date"))


@pytest.mark.parametrize("seed", range(5))
def test_days_in_their_own_places_are_not_taken_for_exchanged(read, seed):
    read(true_bars(N_DAYS, seed))
    read(every_day(true_bars(N_DAYS, seed)))


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Asia/Tokyo", "has bars on Sundays and none on Fridays"),
        ("Europe/Berlin", "has bars on Sundays and none on Fridays"),
        ("Europe/London", "bars are on Sundays (33 on Fridays), in weeks without a Friday"),
        ("UTC", None),
        ("America/New_York", None),
    ],
)
def test_midnights_that_another_zone_moves_to_another_day_are_noted(notes, truth, zone, said):
    local = truth["date"].dt.tz_localize(zone)
    told = notes(truth.assign(date=local.dt.tz_convert("UTC").astype(str)))
    assert bool(told) == bool(said)
    assert not said or said in told[0]


def test_bars_of_days_to_come_are_noted(notes, truth, monkeypatch):
    monkeypatch.setattr(calendars, "today", lambda: date(2023, 7, 12))
    assert notes(truth) == [
        "1 bar of days to come, to 2023-07-14 (today is 2023-07-12): no market has made them, and"
        " neither labels nor predictions on them mean anything."
    ]


def test_a_last_bar_with_a_time_of_its_own_is_noted(notes, truth):
    texts = truth["date"].dt.strftime("%Y-%m-%d")
    texts.iloc[-1] += " 14:31:07"
    (note,) = notes(truth.assign(date=texts))
    assert note.startswith("the last bar has another time of the day than all others and may be")
    assert "ABC at 2023-07-14 14:31:07" in note
    assert not notes(truth.assign(date=truth["date"].dt.strftime("%Y-%m-%d 16:00:00")))


def test_a_calendar_that_changes_in_mid_file_is_noted(notes, truth):
    late = pd.date_range("2022-10-10", periods=200)
    days = [*truth["date"].iloc[:200], *late]
    (note,) = notes(truth.assign(date=days))
    assert "bars on weekends from 2022-10-15 to 2023-04-23 and at no other time" in note


def test_a_few_bars_on_weekends_are_noted(notes, truth):
    days = truth["date"].copy()
    days.iloc[[9, 104]] += pd.Timedelta(days=1)  # Fridays
    (note,) = notes(truth.assign(date=days))
    assert note.startswith("2 of 400 bars are on weekends (2022-01-15, 2022-05-28): special")


def test_sundays_before_mondays_are_noted_as_sessions_of_currencies(notes, truth):
    days = [day for day in pd.date_range("2022-01-03", periods=600) if day.day_of_week != 5]
    (note,) = notes(truth.assign(date=days[: len(truth)]))
    assert "on Sundays, as short sessions of currencies" in note


def panel(n_tickers=6, n_days=300):
    rng = np.random.default_rng(3)
    market = 0.01 * rng.standard_normal(n_days)
    frames = []
    for number in range(n_tickers):
        close = 50 * np.exp(np.cumsum(market + 0.005 * rng.standard_normal(n_days)))
        days = pd.bdate_range("2022-01-03", periods=n_days)
        frames.append(pd.DataFrame({"date": days, "ticker": f"T{number}", "close": close}))
    return frames


def test_a_ticker_that_is_a_day_off_the_others_is_noted(notes):
    frames = panel()
    assert notes(pd.concat(frames)) == []
    frames[2]["date"] += pd.offsets.BDay(1)
    (note,) = notes(pd.concat(frames))
    assert note.startswith("returns of T2 (late) are those of the other tickers' day before or")


def test_a_ticker_with_weekends_among_others_without_is_noted(notes):
    frames = panel()
    frames[1]["date"] = pd.date_range("2022-01-03", periods=300)
    (note,) = notes(pd.concat(frames))
    assert note.startswith("T1: bars on weekends, where other tickers have none")


def test_only_the_tickers_with_such_bars_are_refused(read):
    frames = panel(30)
    frames[1] = filled(frames[1])
    with pytest.raises(BadBarsError) as caught:
        read(pd.concat(frames))
    assert caught.value.tickers.keys() == {"T1"}
    kept = read(pd.concat(frames), bad_tickers="drop")
    assert kept.frame["ticker"].nunique() == 29
    assert kept.dropped.tickers.keys() == {"T1"}


@pytest.mark.parametrize("decimals", [2, 4, 9])
def test_weekends_between_two_bars_are_refused_however_they_are_rounded(read, truth, decimals):
    days = pd.date_range(truth["date"].iloc[0], truth["date"].iloc[-1], name="date")
    frame = truth.set_index("date").reindex(days).interpolate().round(decimals).reset_index()
    with pytest.raises(BadBarsError, match="tells the future"):
        read(frame)


def test_a_price_that_hardly_ever_moves_may_stand_still_on_weekends(read):
    rng = np.random.default_rng(0)
    frame = every_day(true_bars(N_DAYS))[["date"]]
    frame["close"] = 1 + 0.001 * rng.integers(-1, 2, N_DAYS)
    read(frame)


def test_many_days_that_stand_still_are_noted(notes, truth):
    frame = truth.copy()
    still = frame.index % 4 == 2
    for name in PRICES:
        frame.loc[still, name] = frame["close"].shift()[still]
    frame.loc[still, "volume"] = 0
    (note,) = notes(frame)
    assert note.startswith("bars stand still at the close before, as days without trade that were")
    assert "ABC (25%)" in note
