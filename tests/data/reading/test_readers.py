"""Every format and shape of the same bars is read as the same bars, or refused with a remedy."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phase6c.data.bars import load_bars
from phase6c.errors import DataError

DAYS = pd.bdate_range("2024-03-05", periods=8, name="Date")
FIELDS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}
CSV = "date,open,high,low,close,volume\n2020-01-02,2,3,1,2,10\n2020-01-03,2,3,1,2.1,20\n"


def refusal(source):
    with pytest.raises(DataError) as caught:
        load_bars(source)
    return str(caught.value)


def long_frame(tickers=("AAA", "BBB"), n_days=8):
    rng = np.random.default_rng(0)
    frames = []
    for ticker in tickers:
        close = 50 + rng.random(n_days)
        bars = {"open": close + 0.1, "high": close + 1, "low": close - 1, "close": close}
        volume = rng.integers(1, 99, n_days)
        frames.append(
            pd.DataFrame({"date": DAYS[:n_days], "ticker": ticker, **bars, "volume": volume})
        )
    return pd.concat(frames, ignore_index=True)


def wide_frame(long, *, ticker_first=False):
    """The bars as yfinance returns them."""
    wide = long.rename(columns=FIELDS).pivot(index="date", columns="ticker")
    wide = wide.rename_axis(index="Date", columns=["Price", "Ticker"])
    return wide.swaplevel(axis=1).sort_index(axis=1) if ticker_first else wide


def write_folder(long, path):
    path.mkdir()
    for ticker, bars in long.groupby("ticker"):
        bars.drop(columns="ticker").to_csv(path / f"{ticker}.csv", index=False)
    (path / ".hidden.csv").write_text("nonsense")
    (path / "README.txt").write_text("nonsense")


WRITERS = {
    "long.csv": lambda long, path: long.to_csv(path, index=False),
    "long.csv.gz": lambda long, path: long.to_csv(path, index=False),
    "long.parquet": lambda long, path: long.to_parquet(path),
    "dates.parquet": lambda long, path: long.assign(date=long["date"].dt.date).to_parquet(path),
    "numbers.parquet": lambda long, path: long.assign(
        date=long["date"].dt.strftime("%Y%m%d").astype(int)
    ).to_parquet(path),
    "categories.parquet": lambda long, path: long.astype({"ticker": "category"}).to_parquet(path),
    "bytes.parquet": lambda long, path: long.assign(
        ticker=[ticker.encode() for ticker in long["ticker"]]
    ).to_parquet(path),
    "indexed.parquet": lambda long, path: long.set_index(["ticker", "date"]).to_parquet(path),
    "shuffled_tickers.csv": lambda long, path: long.sort_values("date").to_csv(path, index=False),
    "folder": write_folder,
    "wide.csv": lambda long, path: wide_frame(long).to_csv(path),
    "wide_by_ticker.csv": lambda long, path: wide_frame(long, ticker_first=True).to_csv(path),
    "wide_without_labels.csv": lambda long, path: (
        wide_frame(long).rename_axis(columns=[None, None]).to_csv(path)
    ),
    "wide_without_index.csv": lambda long, path: (
        wide_frame(long).reset_index().to_csv(path, index=False)
    ),
    "wide.parquet": lambda long, path: wide_frame(long).to_parquet(path),
    "wide_by_ticker.parquet": lambda long, path: wide_frame(long, ticker_first=True).to_parquet(
        path
    ),
    "wide_new_york.parquet": lambda long, path: (
        wide_frame(long).tz_localize("America/New_York").to_parquet(path)
    ),
    "wide_new_york.csv": lambda long, path: (
        wide_frame(long).tz_localize("America/New_York").to_csv(path)
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_and_shape_gives_the_same_bars(name, tmp_path):
    long = long_frame()
    WRITERS["long.parquet"](long, tmp_path / "expected.parquet")
    WRITERS[name](long, tmp_path / name)
    bars = load_bars(tmp_path / name)
    assert bars.frame["ticker"].tolist() == ["AAA"] * 8 + ["BBB"] * 8
    assert bars.digest == load_bars(tmp_path / "expected.parquet").digest
    assert bars.notes == ()


@pytest.mark.parametrize("tickers", [["LOW"], ["OPEN", "HIGH"], ["600519", "000001"]])
@pytest.mark.parametrize("ticker_first", [False, True])
def test_a_wide_table_knows_its_tickers_from_its_fields(tickers, ticker_first, tmp_path):
    wide_frame(long_frame(tickers), ticker_first=ticker_first).to_csv(tmp_path / "wide.csv")
    frame = load_bars(tmp_path / "wide.csv").frame
    assert frame["ticker"].unique().tolist() == sorted(tickers)
    assert len(frame) == 8 * len(tickers)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_days_that_a_ticker_of_a_wide_table_lacks_are_not_its_bars(suffix, tmp_path):
    long = long_frame(("AAA", "BBB", "CCC")).drop(index=[8, 9, 10])
    wide = wide_frame(long)
    wide.loc[:, wide.columns.get_level_values("Ticker") == "CCC"] = np.nan
    path = tmp_path / f"wide.{suffix}"
    wide.to_csv(path) if suffix == "csv" else wide.to_parquet(path)
    bars = load_bars(path)
    assert bars.frame["ticker"].value_counts().to_dict() == {"AAA": 8, "BBB": 5}
    assert bars.notes == (f"{path}: left out without any bar: CCC.",)


def test_a_bar_of_a_wide_table_with_some_values_must_have_all(tmp_path):
    wide = wide_frame(long_frame())
    wide.loc[DAYS[2], ("Low", "BBB")] = np.nan
    wide.to_csv(tmp_path / "wide.csv")
    assert "low is missing in row 3 of the data, ticker BBB, date 2024-03-07" in refusal(
        tmp_path / "wide.csv"
    )


def test_a_field_that_a_wide_table_has_twice_for_a_ticker_is_refused(tmp_path):
    text = "Price,Close,Close\nTicker,AAA,AAA\nDate,,\n2020-01-02,1,2\n2020-01-03,1,2\n"
    (tmp_path / "wide.csv").write_text(text)
    assert "has the column Close of AAA twice" in refusal(tmp_path / "wide.csv")


def test_other_columns_are_ignored(tmp_path):
    flat = long_frame(["AAA"]).drop(columns="ticker").rename(columns=FIELDS | {"date": "Date"})
    flat.to_csv(tmp_path / "AAA.csv", index=False)
    expected = load_bars(tmp_path / "AAA.csv").digest
    flat.assign(**{"Dividends": 0.1, "Stock Splits": 0}).to_csv(tmp_path / "AAA.csv", index=False)
    assert load_bars(tmp_path / "AAA.csv").digest == expected


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    (tmp_path / "a.csv").write_text(CSV, encoding="utf-8-sig")
    assert len(load_bars(tmp_path / "a.csv").frame) == 2


def test_a_ticker_that_reads_like_nothing_is_a_ticker(tmp_path):
    text = "date,ticker,close\n2020-01-02,NA,1\n2020-01-02, null ,1\n2020-01-02,007,1\n"
    (tmp_path / "a.csv").write_text(text)
    assert load_bars(tmp_path / "a.csv").frame["ticker"].tolist() == ["007", "NA", "null"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\xef\xbb\xbf \r\n\n", "is empty"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.parquet", b"", "is empty"),
        ("a.csv", b"date,close\n", "has no rows. Write the bars"),
        ("a.csv", CSV.encode("utf-16"), "UTF-16 or binary. Save it in UTF-8"),
        ("a.csv", CSV.encode("utf-16-le"), "UTF-16 or binary"),
        ("a.csv", bytes(range(256)), "UTF-16 or binary"),
        ("a.csv", CSV.replace("date", "día").encode("latin-1"), "cannot be read ('utf-8' codec"),
        (
            "a.csv",
            CSV.replace("10\n", "1,000\n").encode(),
            "line 2 has 7 cells, and the first line 6",
        ),
        ("a.csv", CSV.replace("10\n", '"10\n').encode(), "cannot be read (EOF inside string"),
        (
            "a.csv",
            CSV.split("\n", 1)[1].encode(),
            "no column of daily bars (it has 2020-01-02, 2, 3",
        ),
        ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-9], "it may have been copied in part"),
        ("a.csv.gz", CSV.encode(), "cannot be read (Not a gzipped file"),
        ("a.parquet", CSV.encode(), "cannot be read (Parquet magic bytes not found"),
        ("a.doc", CSV.encode(), "is neither a text of columns nor Parquet. Use .csv.gz, .csv, "),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_remedy(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    message = refusal(tmp_path / name)
    assert f"{name}: " in message
    assert said in message


def test_a_parquet_file_cut_off_is_refused(tmp_path):
    content = long_frame().to_parquet()
    (tmp_path / "a.parquet").write_bytes(content[: len(content) // 2])
    assert "cannot be read" in refusal(tmp_path / "a.parquet")


def test_rows_that_are_too_long_do_not_hide_other_problems(tmp_path):
    (tmp_path / "a.csv").write_text(CSV.replace("10\n", "1,000\n").replace("2.1,20", "-2,20"))
    message = refusal(tmp_path / "a.csv")
    assert "line 2 has 7 cells" in message
    assert "close (-2) is not above zero in row 2 of the data" in message


def test_another_delimiter_does_not_hide_problems(tmp_path):
    (tmp_path / "a.csv").write_text("date;close\n2020-01-02;1,5\n2020-01-03;x\n")
    assert "close (1,5) is not a number in row 1 of the data" in refusal(tmp_path / "a.csv")


def test_paths_that_hold_no_bars_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bars.csv").mkdir()
    assert "there is no such file. Check the path, or use sp500 or nasdaq" in refusal("SP500")
    assert "is a folder without bars. Put a file for each ticker" in refusal(tmp_path / "empty")
    assert "is a folder named like a file" in refusal(tmp_path / "bars.csv")
    assert "cannot be opened (File name too long)" in refusal("x" * 5000 + ".csv")


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.csv").write_text(CSV)
    monkeypatch.setattr(Path, "read_bytes", denied)
    said = "a.csv: cannot be opened (Permission denied). Check the path and its permissions"
    assert said in refusal(tmp_path / "a.csv")


def test_suffixes_in_capitals_and_a_file_that_is_all_suffix_are_read(tmp_path):
    (tmp_path / "MSFT.CSV").write_text(CSV)
    (tmp_path / "aapl.csv").write_text(CSV)
    assert set(load_bars(tmp_path).frame["ticker"]) == {"MSFT", "aapl"}
    (tmp_path / ".csv").write_text(CSV)
    assert set(load_bars(tmp_path / ".csv").frame["ticker"]) == {".csv"}


@pytest.mark.parametrize("source", [None, 7, pd.DataFrame({"date": []})])
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_path_is_refused(source):
    with pytest.raises(DataError, match="Bars are read from files"):
        load_bars(source)


def test_a_report_of_very_many_faults_is_cut(tmp_path):
    for number in range(60):
        (tmp_path / f"T{number:02d}.csv").write_text("")
    message = refusal(tmp_path)
    assert "and 20 more problems" in message
    assert len(message.splitlines()) == 42


def test_each_file_of_a_folder_may_name_its_own_ticker(tmp_path):
    (tmp_path / "one.csv").write_text(CSV)
    WRITERS["long.parquet"](long_frame(["AAA"]), tmp_path / "two.parquet")
    assert load_bars(tmp_path).frame["ticker"].unique().tolist() == ["AAA", "one"]
