"""Splits and spin-offs are told from news and from errors."""

import numpy as np
import pytest

from phase6c.data.bars import load_bars

from ...support.vendors import true_bars

PRICES = ["open", "high", "low", "close"]
DAY = 150


@pytest.fixture
def notes(tmp_path):
    def notes(frame):
        frame.to_csv(tmp_path / "ABC.csv", index=False)
        return [note.split(": ", 1)[1] for note in load_bars(tmp_path / "ABC.csv").notes]

    return notes


def jumped(ratio, *, volume=1.0, back_after=None):
    """Bars whose prices jump over a night, on a day of so many times the usual volume."""
    frame = true_bars(300)
    frame["volume"] = 1e6 * (1 + 0.1 * np.sin(np.arange(300)))
    end = 299 if back_after is None else DAY + back_after - 1
    frame.loc[DAY:end, PRICES] *= ratio
    frame.loc[DAY, "volume"] *= volume
    return frame


@pytest.mark.parametrize(
    ("ratio", "kind"),
    [(0.5, "split"), (3, "split"), (0.126, "split"), (0.42, "split or spin-off")],
)
def test_a_quiet_jump_that_stays_is_likely_a_split(notes, ratio, kind):
    (note,) = notes(jumped(ratio, volume=3))
    assert note.startswith(f"ABC on 2022-08-01 looks like an unadjusted {kind}, at ")


@pytest.mark.parametrize(
    "frame",
    [
        jumped(1.5, volume=60),
        jumped(0.72, volume=30),
        jumped(0.5, back_after=2),
        jumped(0.9),
    ],
    ids=["news up", "news down", "back again", "small"],
)
def test_news_errors_and_small_moves_are_no_splits(notes, frame):
    assert notes(frame) == []


def test_the_likeliest_split_comes_first(notes):
    frame = jumped(0.42, volume=2)
    frame.loc[200:, PRICES] *= 0.5
    (note,) = notes(frame)
    assert note.startswith("ABC on 2022-10-10 looks like an unadjusted split, at")
    assert "and so do ABC on 2022-08-01 (0.4" in note
