"""What a user should know of the data is said before the search starts."""

from dataclasses import replace

import pytest

from phase6c.config import DataConfig
from phase6c.space.axes import Grid
from phase6c.study.study_config import PriorPoint, WarmStart
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.search.remarks import remarks
from search_spaces import budget_2m, budget_200m, january_2m, tiny

SHAPE = {"n_layers": 1, "d_model": 16, "n_heads": 2, "d_ff_ratio": 2} | {
    "context_days": 8,
    "patch_days": 4,
    "learning_rate": 1e-3,
}


@pytest.fixture
def plan_of(tmp_path, sp500):
    def plan(space, columns=None, **data):
        bars = sp500 if columns is None else replace(sp500, frame=sp500.frame[columns])
        options = SearchOptions(data=DataConfig(tier="a20", **data), out=str(tmp_path))
        return plan_study(space, bars, options)

    return plan


def test_an_ordinary_search_needs_none(plan_of):
    assert remarks(plan_of(budget_2m.SPACE)) == []


def test_a_model_that_can_learn_its_windows_by_heart_is_warned_of(plan_of):
    (remark,) = remarks(plan_of(budget_200m.SPACE))
    assert remark.startswith("200,000,000 parameters for 2,837 training windows")
    assert "Add tickers" in remark


def test_features_left_out_are_named_by_family_with_what_they_need(plan_of):
    (remark,) = remarks(plan_of(budget_2m.SPACE, ["date", "ticker", "close"], label="close"))
    assert remark.startswith("6 features need high, low, volume: ")
    assert "volatility (parkinson_10, natr_14, range_1)" in remark
    assert "volume (logvol_z_20, mfi_14)" in remark


def test_notes_on_the_bars_are_passed_on(plan_of):
    plan = plan_of(budget_2m.SPACE)
    summary = plan.data.summary.model_copy(
        update={"notes": ("A note.",), "tickers_without_rows": ("short",)}
    )
    plan = replace(plan, data=replace(plan.data, summary=summary))
    first, second = remarks(plan)
    assert first == "A note."
    assert "short" in second


def test_what_is_taken_over_and_not_told_is_said(plan_of):
    plan = plan_of(budget_2m.SPACE)
    taken = WarmStart(
        source="/somewhere/earlier",
        source_digest="0" * 64,
        starts=({"dropout": 0.1}, {"dropout": 0.2}),
        points=(PriorPoint(values={"dropout": 0.1}, score=0.7),),
        n_told=4,
        lacks=("no value", "no parameters", "no value"),
        untold=("pooling",),
    )
    config = plan.config.model_copy(update={"warm_start": taken})
    (remark,) = remarks(replace(plan, config=config))
    taken = "1 of 4 trials taken over; 2 have no value; 1 has no parameters; its best run first"
    assert f"/somewhere/earlier: {taken}" in remark
    assert "up to 2, each while the run before is no worse than most" in remark
    assert "does not tell pooling" in remark


def test_a_space_with_fewer_points_than_trials_is_said(plan_of):
    few = replace(january_2m.SPACE, axes={"dropout": Grid.of(0.0, 0.1)}, fixed=SHAPE)
    (remark,) = remarks(plan_of(few))
    assert "2 points at most, fewer than 50 trials" in remark


def test_vol_is_proposed_where_the_rates_of_tickers_differ_widely(panel_bars, tmp_path):
    def remarked(label):
        options = SearchOptions(data=DataConfig(tier="a20", label=label), out=str(tmp_path))
        found = remarks(plan_study(tiny.SPACE, panel_bars, options))
        return [remark for remark in found if "vol" in remark]

    (remark,) = remarked("high")
    assert remark.startswith("The tickers' rates of rises differ widely")
    assert remarked("vol") == []
