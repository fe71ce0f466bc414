"""The word directional is used only where an interval bears it."""

import pandas as pd
import pytest

from phase6c.analysis.trials import read_search
from phase6c.report.direction import _verdict, direction
from phase6c.report.reading import read
from phase6c.statistics.bootstrap import Estimate
from phase6c.study.trial_folder import PREDICTIONS_FILE


@pytest.fixture
def section_of(tmp_path, small_study, market):
    def build(draws=200, **options):
        study = small_study(tmp_path / "study", market(**options))
        reading = read(read_search(study.folder), draws=draws)
        return direction(reading.search.study, reading.validation)

    return build


def test_scores_of_volatility_are_not_called_directional(section_of):
    section = section_of(directional=False)
    words = " ".join(section.says)
    assert "directional" not in words
    assert "cannot be said" in words
    assert "volatility is a part of what they know" in words


def test_scores_of_direction_are(section_of):
    section = section_of(directional=True)
    assert section.says[0].startswith("The scores are directional")
    assert "volatility" not in " ".join(section.says)


def test_of_moves_only_days_with_one_of_the_two_count(section_of, market):
    made = market()
    n_moves = int(((made.y == 1) != made.down).sum())
    (table,) = section_of().tables
    assert table.rows[2][1] == n_moves


def test_without_draws_no_word_is_used(section_of):
    assert "run the report with draws" in section_of(draws=0).says[0]


def test_older_studies_have_no_falls_and_it_says_so(tmp_path, small_study):
    study = small_study(tmp_path)
    for path in tmp_path.glob(f"trial_*/{PREDICTIONS_FILE}"):
        pd.read_parquet(path).drop(columns="down").to_parquet(path)
    section = direction(study, read(read_search(tmp_path), draws=10).validation)
    (said,) = section.says
    assert said.startswith("It cannot be said")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.51, 0.6, "The scores are directional"),
        (0.4, 0.49, "Given a move, the scores rank down above up"),
        (0.45, 0.55, "Whether the scores tell up from down, given a move, cannot be said"),
    ],
)
def test_a_direction_needs_an_interval_on_one_side_of_a_half(low, high, said):
    told = _verdict(Estimate(value=(low + high) / 2, low=low, high=high))
    assert told.startswith(said)
    assert f"AUC {(low + high) / 2:.3f}" in told
