"""A plan settles every option, or says which of them cannot be kept, before anything starts."""

from dataclasses import replace

import numpy as np
import pytest

from phase6c.config import parse
from phase6c.errors import ConfigError, DataError, FolderError
from phase6c.space.axes import Choice, Grid
from phase6c.space.references import find_references
from phase6c.study.study_config import write_study_config
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import longest_context, plan_study
from phase6c.tune.search.run import run_study
from search_spaces import budget_2m, january_2m, tiny

pytestmark = pytest.mark.usefixtures("short_demo_bars")


@pytest.fixture
def plan(sp500, tmp_path, computed):
    def build(space=tiny.SPACE, **options):
        asked = parse(SearchOptions, {"out": str(tmp_path), **options})
        return plan_study(space, sp500, asked, computed)

    return build


@pytest.mark.parametrize("given", [(tiny, None), (tiny.SPACE, "bars.csv"), (tiny.SPACE, None)])
def test_what_is_no_space_or_no_bars_is_refused_by_name(given):
    with pytest.raises(ConfigError, match="run_study takes Space and Bars"):
        run_study(*given)


def test_label_and_tier_are_given_to_run_study_as_data(sp500, tmp_path):
    asked = parse(SearchOptions, {"data": {"tier": "a20", "label": "close"}, "out": tmp_path})
    planned = plan_study(tiny.SPACE, sp500, asked)
    assert planned.folder == tmp_path / "phase6c_a20" / "hpo_tiny_h1_close"


def test_a_plan_names_its_study_and_touches_nothing(plan, tmp_path):
    planned = plan()
    assert planned.folder == tmp_path / "phase6c_a100" / "hpo_tiny_h1"
    assert planned.config.name == "hpo_tiny_h1"
    assert list(tmp_path.iterdir()) == []
    assert planned.config.space == tiny.SPACE.describe()
    assert planned.config.data_digest == planned.data.digest


def test_a_study_is_named_by_its_space_where_there_is_no_budget(plan):
    assert plan(january_2m.SPACE).config.name == "hpo_january_2m_h1"
    assert plan(name="mine").folder.name == "mine"


def test_two_plans_differ_in_nothing_but_their_id(plan):
    one, other = plan().config, plan().config
    assert one.study_id != other.study_id
    assert one.model_copy(update={"study_id": other.study_id}) == other


@pytest.mark.parametrize(("epochs", "grace"), [(27, 3), (28, 3), (9, 1), (1, 1), (2, 2), (100, 9)])
def test_by_default_the_grace_is_adaptive_and_begins_at_a_ninth_of_the_epochs_at_most(
    plan, epochs, grace
):
    config = plan(epochs=epochs).config
    assert (config.grace_epochs, config.adaptive_grace, config.audit_share) == (grace, True, 0.05)


def test_a_grace_of_so_many_epochs_is_fixed(plan):
    config = plan(grace_period=5, audit_share=0.0).config
    assert (config.grace_epochs, config.adaptive_grace, config.audit_share) == (5, False, 0.0)


@pytest.mark.parametrize(
    ("options", "epochs"),
    [
        ({}, [3, 9, 27]),
        ({"grace_period": 1}, [1, 3, 9, 27]),
        ({"grace_period": 5}, [5, 15, 27]),
        ({"grace_period": 27}, [27]),
        ({"scheduler": "none"}, [27]),
        ({"reduction_factor": 4}, [1, 4, 16, 27]),
        ({"n_trials": 135}, [1, 3, 9, 27]),
    ],
)
def test_rungs_are_planned_where_trials_will_be_compared(plan, options, epochs):
    assert [rung.epoch for rung in plan(**options).rung_plan.rungs] == epochs


def test_the_audit_is_a_part_of_the_expected_cost(plan):
    costs = [plan(audit_share=share).rung_plan.epochs_expected for share in (0, 0.05, 8)]
    assert costs[0] < costs[1] < 1.05 * costs[0]
    assert costs[2] == 50 * 27


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ({}, {"grace_period": 3}, "adaptive_grace: True -> False"),
        ({"grace_period": 3}, {"grace_period": 9}, "grace_epochs: 3 -> 9"),
        ({}, {"audit_share": 0.5}, "audit_share: 0.05 -> 0.5"),
    ],
)
def test_a_resume_with_another_grace_or_audit_is_refused(plan, before, after, difference):
    first = plan(**before)
    first.folder.mkdir(parents=True)
    write_study_config(first.folder, first.config)
    assert plan(**before, resume=True).config == first.config
    with pytest.raises(ConfigError, match=difference):
        plan(**after, resume=True)


@pytest.mark.parametrize("began", ["auto", "gp", "tpe"])
def test_a_resume_goes_on_with_the_sampler_that_the_study_began_with(plan, began):
    first = plan(sampler=began)
    first.folder.mkdir(parents=True)
    write_study_config(first.folder, first.config)
    assert plan(resume=True).config.sampler == began
    another = "gp" if began == "tpe" else "tpe"
    with pytest.raises(ConfigError, match=f"sampler: '{began}' -> '{another}'"):
        plan(sampler=another, resume=True)


def test_a_grace_above_the_epochs_is_refused(plan):
    with pytest.raises(ConfigError, match="5 above 4"):
        plan(epochs=4, grace_period=5)
    assert plan(epochs=4, grace_period=4).config.grace_epochs == 4


@pytest.mark.parametrize(
    ("name", "value", "home"),
    [("batch_size", 32, "train"), ("half_life_days", 750, "train"), ("threshold", 0.015, "data")],
)
def test_a_pin_goes_where_its_field_belongs(plan, name, value, home):
    config = plan(pins={name: value}).config
    assert getattr(getattr(config, home), name) == value
    assert config.space == tiny.SPACE.without(name).describe()


def test_a_pinned_axis_is_fixed_for_every_trial(plan):
    planned = plan(pins={"dropout": 0.4, "warmup_steps": 7})
    assert "dropout" not in planned.space.axes
    assert planned.space.fixed["dropout"] == 0.4
    assert planned.space.fixed["warmup_steps"] == 7


def test_precision_is_measured_unless_it_is_pinned(plan):
    assert not plan().precision_known
    pinned = plan(pins={"precision": "bfloat16"})
    assert pinned.precision_known
    assert pinned.config.train.precision == "bfloat16"


@pytest.mark.parametrize(
    ("pins", "found"),
    [
        ({"dropuot": 0.1}, "dropuot. Did you mean dropout"),
        ({"dropout": 1.5}, "model.dropout.*1.5"),
        ({"n_layers": "two"}, "model.n_layers.*'two'"),
        ({"pooling": "max"}, "model.pooling.*'max'"),
        ({"n_heads": 0}, "model.n_heads"),
        ({"patch_days": 17}, "model.patch_days"),
        ({"horizon_days": 0}, "horizon_days"),
        ({"epochs": 0}, "epochs"),
        ({"seed": 1}, "seed"),
    ],
)
def test_a_pin_that_no_field_can_hold_is_refused(plan, pins, found):
    with pytest.raises(ConfigError, match=found):
        plan(pins=pins)


def test_pins_that_fit_only_each_other_are_accepted(plan):
    planned = plan(pins={"patch_days": 7, "context_days": 28})
    assert planned.space.fixed.items() >= {"patch_days": 7, "context_days": 28}.items()


@pytest.mark.parametrize(
    ("pins", "rules"),
    [
        ({"d_model": 8, "bins": 0}, ["the parameter count is within the budget 50,000 ± 20%"]),
        ({"patch_days": 7}, ["patch_days divides context_days"]),
        ({"context_days": 32, "patch_days": 1}, ["a window has 2 to 16 tokens"]),
    ],
)
def test_pins_that_collide_name_the_rules_they_break(plan, pins, rules):
    with pytest.raises(ConfigError, match="must hold a feasible configuration") as caught:
        plan(pins=pins)
    for rule in rules:
        assert rule in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_trials": 0},
        {"reduction_factor": 1.0},
        {"grace_period": 0},
        {"grace_period": "soon"},
        {"audit_share": -0.1},
        {"trails": 5},
    ],
)
def test_an_option_out_of_range_is_a_matter_of_configuration(plan, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        plan(**wrong)


def test_ranges_are_searched_when_asked_for(plan):
    assert plan(ranges=True).space == tiny.SPACE.as_ranges()
    pinned = plan(ranges=True, pins={"dropout": 0.4}).space
    assert "dropout" not in pinned.axes


def test_references_are_those_of_the_space_and_those_named_each_once(plan):
    planned = plan(budget_2m.SPACE, references=("january_20m", "january_best"))
    names = [reference.name for reference in planned.references]
    assert names == ["january_best", "january_baseline", "january_20m"]
    with pytest.raises(ConfigError, match="Did you mean january_best"):
        find_references(["january_bast"])


def test_the_longest_context_is_found_in_any_kind_of_axis():
    axes = tiny.SPACE.axes
    assert longest_context(tiny.SPACE) == 32
    assert longest_context(tiny.SPACE.pin("context_days", 8)) == 8
    for axis in (Choice.of(16, 64, 8), Grid.of(16, 64, 8)):
        assert longest_context(replace(tiny.SPACE, axes={**axes, "context_days": axis})) == 64


def test_a_context_beyond_the_bars_is_refused(plan):
    with pytest.raises(DataError):
        plan(pins={"context_days": 256, "patch_days": 16, "train_fraction": 0.01})


def test_an_existing_study_is_refused_before_any_work(plan):
    planned = plan()
    planned.folder.mkdir(parents=True)
    write_study_config(planned.folder, planned.config)
    with pytest.raises(FolderError, match="resume=True"):
        plan()
    assert plan(resume=True).folder == plan(overwrite=True).folder == planned.folder


def test_a_trial_has_a_seed_of_its_own_and_an_exact_count(plan):
    planned = plan(pins={"batch_size": 32, "horizon_days": 3}, seed=5)
    values = tiny.SPACE.sample(np.random.default_rng(0), planned.count)
    built = [planned.build_trial(planned.config.train, values, number) for number in (0, 1, 0)]
    config, n_params = built[0]
    assert built[0] == built[2]
    assert config.seed != built[1][0].seed
    assert n_params == planned.count(config.model)
    assert planned.in_budget(n_params)
    assert (config.train.batch_size, config.data.horizon_days) == (32, 3)
    assert config.flat().items() >= values.items()


def test_any_count_is_in_a_space_without_a_budget(plan):
    assert plan(january_2m.SPACE).in_budget(1)
    assert not plan().in_budget(1)


def test_a_resumed_plan_keeps_id_precision_and_baselines(plan):
    first = plan(pins={"precision": "bfloat16"})
    first.folder.mkdir(parents=True)
    write_study_config(first.folder, first.config)
    again = plan(n_trials=99, resume=True)
    assert again.config.study_id == first.config.study_id
    assert again.config.train.precision == "bfloat16"
    assert again.config.n_trials == 99


def test_a_resume_with_another_seed_is_refused_before_anything_starts(plan):
    first = plan()
    first.folder.mkdir(parents=True)
    write_study_config(first.folder, first.config)
    with pytest.raises(ConfigError, match="seed: 0 -> 3"):
        plan(seed=3, resume=True)


def test_resume_and_overwrite_exclude_each_other(plan):
    with pytest.raises(ConfigError, match="Choose one"):
        plan(resume=True, overwrite=True)


@pytest.mark.parametrize("objective", ["auc_within_day", "rank_ic"])
def test_an_objective_of_several_tickers_is_refused_for_one(plan, objective):
    with pytest.raises(ConfigError, match=f"{objective} with 1 ticker"):
        plan(objective=objective)


def test_an_objective_of_several_tickers_is_planned_for_a_panel(panel_bars, tmp_path):
    asked = parse(SearchOptions, {"out": tmp_path, "data": {"tier": "a20"}, "objective": "rank_ic"})
    assert plan_study(tiny.SPACE, panel_bars, asked).config.objective == "rank_ic"
