"""Bars of all sources come checked, adjusted and in one order, with what they have in common."""

import numpy as np
import pandas as pd
import pytest

from phase6c.data.bars import Bars, dates_of, load_bars, ticker_frames
from phase6c.errors import DataError

ALL = ["date", "ticker", "open", "high", "low", "close", "volume"]
GOOD = """Date,Open,High,Low,Close,Adj Close,Volume
2020-01-02,1.0,2.0,0.5,1.5,0.75,10
2020-01-03,1.5,2.0,1.0,1.5,1.50,20
2020-01-06,1.5,2.0,1.0,1.6,1.60,0
"""
CLOSES = "date,close\n2020-01-02,1.0\n2020-01-03,1.1\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="abc.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def refusal(source):
    with pytest.raises(DataError) as caught:
        load_bars(source)
    assert caught.value.exit_code == 65
    return str(caught.value)


def test_the_demo_bars_pass_every_check():
    bars = load_bars("sp500, nasdaq")
    assert bars.sources == ("sp500", "nasdaq")
    assert bars.notes == ()
    assert list(bars.frame.columns) == ALL
    assert bars.frame["ticker"].value_counts().to_dict() == {"sp500": 5031, "nasdaq": 5031}
    assert list(ticker_frames(bars)) == ["nasdaq", "sp500"]


def test_the_demo_bars_are_those_of_arch(sp500):
    from arch.data import sp500 as package

    expected = package.load()
    assert (sp500.frame["date"].to_numpy() == expected.index.to_numpy()).all()
    np.testing.assert_allclose(sp500.frame["close"], expected["Adj Close"])
    np.testing.assert_allclose(sp500.frame["high"], expected["High"])


def test_prices_are_adjusted_and_the_file_name_is_the_ticker(write):
    frame = load_bars(write(GOOD)).frame
    assert list(frame.columns) == ALL
    assert frame.iloc[0].tolist()[1:] == ["abc", 0.5, 1.0, 0.25, 0.75, 10.0]
    assert frame.iloc[1].tolist()[1:] == ["abc", 1.5, 2.0, 1.0, 1.5, 20.0]


def test_dates_and_tickers_have_the_types_that_bars_promise(write):
    frame = load_bars(write(GOOD)).frame
    assert dict(frame.dtypes.astype(str)) == {"date": "datetime64[s]", "ticker": "str"} | (
        dict.fromkeys(ALL[2:], "float64")
    )
    assert dates_of(frame)[0] == np.datetime64("2020-01-02")


def test_the_digest_is_that_of_the_values_not_of_the_file(write, tmp_path, random_frame):
    frame = random_frame(300)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    digest = load_bars(tmp_path / "a.csv").digest
    assert load_bars(tmp_path / "a.parquet").digest == digest
    assert load_bars(write(GOOD)).digest != digest
    changes = [("10\n", "11\n"), ("1.6,1.60", "1.6,1.61"), ("2020-01-06", "2020-01-07")]
    texts = [GOOD, *(GOOD.replace(old, new) for old, new in changes)]
    assert len({load_bars(write(text)).digest for text in texts}) == len(texts)
    assert load_bars(write(GOOD, "other.csv")).digest != load_bars(write(GOOD)).digest


def test_the_digest_covers_which_columns_there_are(write):
    high = write("date,close,volume\n2020-01-02,1,2\n2020-01-03,1.1,3\n")
    with_volume = load_bars(high).digest
    assert load_bars(write("date,close\n2020-01-02,1\n2020-01-03,1.1\n")).digest != with_volume


def test_bars_may_be_without_volume_or_have_closes_only(write):
    without = load_bars(write(GOOD.replace("Volume", "Dividends")))
    assert list(without.frame.columns) == ALL[:-1]
    assert list(load_bars(write(CLOSES)).frame.columns) == ["date", "ticker", "close"]
    assert load_bars(write(CLOSES)).notes == ()


def test_columns_that_not_all_sources_have_are_left_out_with_a_note(write):
    whole, closes = write(GOOD.replace("0.75", "1.50")), write(CLOSES, "closes.csv")
    bars = load_bars([whole, closes, "sp500"])
    assert list(bars.frame.columns) == ["date", "ticker", "close"]
    assert bars.notes == (
        f"open, high, low left out, as there is none in {closes}.",
        f"volume left out, as there is none in {closes}.",
    )


def test_a_column_that_a_ticker_has_no_value_of_is_left_out_for_all(write):
    rows = [f"2020-01-0{day},{ticker}" for ticker in "ab" for day in (2, 3)]
    cells = ["1,2,1,1.1,5", "1,2,1,1.2,", ",,,2,6", ",,,2.1,7"]
    lines = [",".join(pair) for pair in zip(rows, cells, strict=True)]
    path = write("\n".join(["date,ticker,open,high,low,close,volume", *lines]))
    assert "volume is missing in row 2 of the data, ticker a, date 2020-01-03" in refusal(path)

    bars = load_bars(write(path.read_text().replace("1.2,", "1.2,4")))
    assert list(bars.frame.columns) == ["date", "ticker", "close", "volume"]
    assert bars.notes == (f"{path}: open, high, low left out, as there is none for b.",)

    path.write_text(path.read_text().replace(",6", ",").replace(",7", ","))
    assert list(load_bars(path).frame.columns) == ["date", "ticker", "close"]


def test_a_ticker_without_adjusted_closes_counts_as_adjusted(write):
    rows = "2020-01-02,a,2,1\n2020-01-03,a,2,2\n2020-01-02,b,7,\n2020-01-03,b,8,\n"
    frame = load_bars(write("date,ticker,close,adj_close\n" + rows)).frame
    assert frame["close"].tolist() == [1, 2, 7, 8]


def test_files_folders_and_demo_bars_may_be_mixed(write, tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("zz.csv", "aa.csv"):
        write(GOOD, f"folder/{name}")
    path = write(GOOD, "mm.csv")
    bars = load_bars(f"sp500, {tmp_path / 'folder'},{path}")
    assert bars.sources == ("sp500", str(tmp_path / "folder"), str(path))
    assert bars.frame["ticker"].unique().tolist() == ["aa", "mm", "sp500", "zz"]
    assert list(bars.frame.columns) == ALL
    assert (bars.frame.groupby("ticker")["date"].diff().dropna() > pd.Timedelta(0)).all()


def test_a_panel_of_tickers_of_different_lengths_loads(random_frame, tmp_path):
    lengths = {f"T{n:02}": 40 + 20 * n for n in range(50)}
    frames = [
        random_frame(length, seed=n, ticker=ticker)
        for n, (ticker, length) in enumerate(lengths.items())
    ]
    panel = pd.concat(frames).sample(frac=1, random_state=0).sort_values("date")
    panel.to_parquet(tmp_path / "panel.parquet")
    loaded = ticker_frames(load_bars(tmp_path / "panel.parquet"))
    assert {ticker: len(frame) for ticker, frame in loaded.items()} == lengths
    pd.testing.assert_frame_equal(loaded["T07"], frames[7][ALL])


def test_everything_wrong_with_all_sources_comes_in_one_report(write, tmp_path):
    broken = write(GOOD.replace("2020-01-03,1.5", "2020-01-02,0").replace("10\n", "x\n"), "b.csv")
    message = refusal([broken, tmp_path / "none.csv", write(CLOSES), tmp_path / "abc.csv"])
    assert len(message.splitlines()) == 6
    for part in (
        "b.csv: date (2020-01-02) repeats",
        "b.csv: open (0)",
        "b.csv: volume (x)",
        "none.csv: there is no such file",
        f"abc.csv: shares ticker abc with {tmp_path / 'abc.csv'}. Keep each ticker in one source",
    ):
        assert part in message


def test_a_ticker_comes_from_one_source_only():
    assert "sp500: shares ticker sp500 with sp500" in refusal("sp500,sp500")


def test_sources_must_be_named():
    for nothing in ("", " , ", [], [""]):
        assert "Name sp500, nasdaq, a file or a folder" in refusal(nothing)


def test_notes_are_optional(sp500):
    assert Bars(sp500.frame, ("mine",), "0" * 64).notes == ()
