"""Two panels as they are published, with all their faults; skipped where they are not at hand."""

import os
from pathlib import Path

import pandas as pd
import pytest

from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.errors import BadBarsError

ROOT = Path(__file__).parents[4]
FIELD = Path(os.environ.get("PHASE6C_FIELD_DATA", ROOT / "shared" / "data"))
DROP = {"bad_rows": "drop", "bad_tickers": "drop"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FIELD.is_dir(), reason=f"the panels are not in {FIELD}"),
]
SP500, US_LONG = FIELD / "sp500_5yr", FIELD / "us_long"


def note_on_splits(bars):
    return next(note for note in bars.notes if "unadjusted split" in note)


def test_505_stocks_are_read_but_for_their_23_bad_rows():
    bars = load_bars(SP500 / "sp500_5yr_raw.parquet", **DROP)
    assert sum(bars.dropped.rows.values()) == 23
    assert not bars.dropped.tickers
    listed = pd.read_csv(SP500 / "dropped_rows.csv")
    found = bars.bad_rows.drop_duplicates(["ticker", "date"])
    assert set(zip(found["ticker"], found["date"], strict=True)) == set(
        zip(listed["ticker"], listed["date"], strict=True)
    )
    note = note_on_splits(bars)
    assert all(f"{name} on 20" in note for name in ("DISCA", "DISCK", "EBAY", "NI"))
    assert "VRTX" not in note


def test_200_stocks_are_read_but_for_14_bad_rows_and_a_penny_stock():
    with pytest.raises(BadBarsError) as caught:
        load_bars(US_LONG / "us_long_raw.parquet")
    listed = pd.read_csv(US_LONG / "bad_rows.csv")
    found = caught.value.rows.drop_duplicates(["ticker", "date"])
    assert set(zip(found["ticker"], found["date"], strict=True)) == set(
        zip(listed["ticker"], listed["date"], strict=True)
    )
    assert "10 times too low" in str(caught.value)
    bars = load_bars(US_LONG / "us_long_raw.parquet", **DROP)
    assert bars.dropped.tickers.keys() == {"ADMP"}
    assert len(bars.frame) == 941_319
    assert "AABA" not in note_on_splits(bars)


def test_the_files_as_published_are_read_and_prepared():
    bars = load_bars(SP500 / "csv", **DROP)
    assert {"AAPL", "DISCK", "NI"} <= set(bars.frame["ticker"])
    assert any(note.endswith("Name is read as ticker.") for note in bars.notes)
    assert len(prepare_search_data(bars, DataConfig(tier="a20")).train) > 1000
    bars = load_bars(US_LONG / "txt", **DROP)
    assert bars.dropped.tickers.keys() == {"admp.us"}
    assert len(prepare_search_data(bars, DataConfig(tier="a20")).train) > 10_000


@pytest.mark.parametrize("panel", [SP500 / "sp500_5yr_raw", US_LONG / "us_long_raw"])
def test_a_panel_becomes_windows(panel):
    data = prepare_search_data(load_bars(f"{panel}.parquet", **DROP), DataConfig(tier="a20"))
    assert data.summary.dropped.rows
    assert len(data.train) > 200_000
