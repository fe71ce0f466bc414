"""The report tells where the best trial gains, and what the tickers' rates explain of its AUC."""

import numpy as np
import pandas as pd
import pytest

from phase6c.analysis.validation import read_validation
from phase6c.report.leaderboard import leaderboard, shown_trials
from phase6c.report.where_it_gains import parts
from phase6c.study.study_config import BASELINES_FILE
from phase6c.study.validation_rows import VALIDATION_FILE


@pytest.fixture
def study(tmp_path, small_study):
    """A study whose rows are of two tickers, by turns."""
    study = small_study(tmp_path)
    stored = pd.read_parquet(study.folder / BASELINES_FILE)
    n = len(stored)
    stored[["date", "y"]].assign(
        ticker=np.where(np.arange(n) % 2, "ODD", "EVEN"),
        outcome=np.linspace(-1, 1, n),
        volatility=np.linspace(0.01, 0.02, n),
    ).to_parquet(study.folder / VALIDATION_FILE)
    return study


def test_gains_over_the_strongest_baseline_are_told_by_part(study):
    (section,) = parts(study, read_validation(study, shown_trials(study), draws=50))
    assert [table.name for table in section.tables] == [
        "gains_tickers",
        "gains_years",
        "gains_volatility",
    ]
    assert [row[0] for row in section.tables[0].rows] == ["EVEN", "ODD"]
    assert "log loss of logistic regression" in section.tables[0].columns
    assert any("A ticker's own rate" in one for one in section.says)


def test_the_figures_of_a_panel_stand_beside_the_others(study):
    validation = read_validation(study, shown_trials(study), draws=50)
    table = leaderboard(study, validation, None, None).tables[0]
    assert table.columns[-4:] == ("AUC within day", "AUC per ticker", "rank IC", "rank IC t")
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_without_draws_or_known_rows_nothing_is_told(study):
    assert parts(study, read_validation(study, shown_trials(study), draws=0)) == ()
    (study.folder / VALIDATION_FILE).unlink()
    assert parts(study, read_validation(study, shown_trials(study), draws=50)) == ()


def test_with_base_rates_alone_there_is_no_rival(study):
    path = study.folder / BASELINES_FILE
    pd.read_parquet(path).assign(name="ticker_base_rate").to_parquet(path)
    assert parts(study, read_validation(study, shown_trials(study), draws=50)) == ()
