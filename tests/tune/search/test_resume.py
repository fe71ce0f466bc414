"""A study is gone on with only where the new trials belong to the same search as the old ones."""

import pytest

from phase6c.config import DataConfig
from phase6c.errors import ConfigError, DataError
from phase6c.records import Baseline, Metrics
from phase6c.space.axes import Grid
from phase6c.tune.search.resume import check_resumable
from search_spaces import tiny

GROWN = Grid.of(0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.6, 0.7)


def space_with(**axes):
    return {"space": tiny.SPACE.describe() | {"axes": tiny.SPACE.describe()["axes"] | axes}}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"n_trials": 500},
        {"time_budget_s": 60.0},
        {"code_version": "another"},
        {"study_id": "another"},
        {"sources": ("./the/same/bars.csv",)},
        {"complete": True, "value_corrected": 0.7},
        {"baselines": (Baseline(name="logistic", metrics=Metrics(), duration_s=1.0),)},
        space_with(dropout=GROWN.model_dump(mode="json")),
        space_with(beta1=Grid.of(0.9, 0.95).model_dump(mode="json")),
    ],
)
def test_what_does_not_mix_two_searches_may_change(study_config, changed):
    check_resumable(study_config(), study_config(**changed))
    check_resumable(study_config(**{**changed, **space_with()}), study_config())


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({"searcher": "random"}, "searcher: 'optuna' -> 'random'"),
        ({"scheduler": "none"}, "scheduler: 'asha' -> 'none'"),
        ({"grace_epochs": 1}, "grace_epochs: 3 -> 1"),
        ({"adaptive_grace": True}, "adaptive_grace: False -> True"),
        ({"audit_share": 0.5}, "audit_share: 0.0 -> 0.5"),
        ({"reduction_factor": 2.0}, "reduction_factor: 3.0 -> 2.0"),
        ({"seed": 1}, "seed: 0 -> 1"),
        ({"keep": 1}, "keep: "),
        ({"data": DataConfig(label="vol")}, "label: 'high' -> 'vol'"),
        ({"objective": "log_loss"}, "objective: 'auc' -> 'log_loss'"),
        ({"epochs": 8}, "epochs: 9 -> 8"),
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"space": tiny.SPACE.pin("n_layers", 2).describe()}, "axis n_layers: .* -> None"),
        ({"space": tiny.SPACE.as_ranges().describe()}, "axis dropout: .*grid.* -> .*float"),
        (space_with(dropout=Grid.of(0.0, 0.1).model_dump(mode="json")), "axis dropout"),
        (space_with(clip_norm=GROWN.model_dump(mode="json")), "axis clip_norm: None -> "),
    ],
)
def test_what_would_mix_two_searches_is_refused_with_the_difference(
    study_config, changed, difference
):
    with pytest.raises(ConfigError, match=difference) as caught:
        check_resumable(study_config(), study_config(**changed))
    assert "start another study with another `name`" in str(caught.value)


@pytest.mark.parametrize(("earlier", "allowed"), [(64, False), (256, True)])
def test_a_new_axis_must_hold_what_the_trials_had(study_config, earlier, allowed):
    new = space_with(batch_size=Grid.of(128, 256).model_dump(mode="json"))
    began = study_config(batch_size=earlier)
    wanted = study_config(batch_size=earlier, **new)
    if allowed:
        check_resumable(began, wanted)
    else:
        with pytest.raises(ConfigError, match="axis batch_size: None"):
            check_resumable(began, wanted)


def test_all_differences_are_named_at_once(study_config):
    with pytest.raises(ConfigError, match="seed: 0 -> 1") as caught:
        check_resumable(study_config(), study_config(seed=1, searcher="random", n_trials=9))
    assert "searcher" in str(caught.value)
    assert "n_trials" not in str(caught.value)


def test_changed_bars_are_a_matter_of_data(study_config):
    with pytest.raises(DataError, match=r"digest 1111.*stored 0000"):
        check_resumable(study_config(), study_config(data_digest="1" * 64))


def test_another_label_is_not_blamed_on_the_bars(study_config):
    other = study_config(data=DataConfig(label="close"), data_digest="1" * 64)
    with pytest.raises(ConfigError, match="close"):
        check_resumable(study_config(), other)
