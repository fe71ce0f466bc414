"""The user's own tables, adjusted effects and what cannot be said of each hyper-parameter."""

import json

import numpy as np
import pytest

from phase6c.analysis.effects import effects
from phase6c.analysis.importance import Importance, Measure
from phase6c.analysis.trials import of_study, read_search
from phase6c.report.decay import decay
from phase6c.report.parameters import parameters
from phase6c.statistics.bootstrap import Estimate


@pytest.fixture
def search_of(tmp_path, write_trials, study_config, trial_of):
    """Thirty trials whose score hangs on the dropout alone."""

    def build(objective="auc", slope=0.1, rates=(1e-4, 1e-3), decays=(0.0, 1e-3)):
        rng = np.random.default_rng(0)
        trials = []
        for number in range(30):
            dropout = [0.0, 0.1, 0.2, 0.3, 0.5][number % 5]
            loss = 0.4 + slope * dropout + 0.002 * rng.normal()
            value = loss if objective == "log_loss" else 1 - loss
            params = {"dropout": dropout, "learning_rate": rates[number % 2]}
            params["weight_decay"] = decays[number // 2 % 2]
            trials.append(trial_of(number, value, **params))
        train = {"train": {"rows": 3000}}
        config = study_config(epochs=1, objective=objective, data_summary=train)
        return of_study(write_trials(tmp_path / "study", config, trials))

    return build


def table_of(section, name):
    (table,) = (one for one in section.tables if one.name == name)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


@pytest.mark.parametrize("objective", ["auc", "log_loss"])
def test_counts_means_and_bests_are_those_of_the_trials(search_of, objective):
    search = search_of(objective)
    rows = table_of(parameters(search, effects(search), 0), "parameter_dropout")
    for row in rows:
        own = [one for one in search.results if f"{one.params['dropout']:g}" == row["dropout"]]
        values = [abs(one.score) for one in own]
        assert row["trials"] == len(own)
        if own:
            assert row["mean"] == pytest.approx(np.mean(values))
            assert row["low"] < row["mean"] < row["high"]
            best = min(values) if objective == "log_loss" else max(values)
            assert row["best"] == pytest.approx(best)


@pytest.mark.parametrize("objective", ["auc", "log_loss"])
def test_an_axis_that_matters_is_told_from_those_that_do_not(search_of, objective):
    search = search_of(objective)
    says = " ".join(parameters(search, effects(search), 0).says)
    assert "dropout matters: 0 has the largest effect" in says
    assert "learning_rate" in says.split("no two values")[0].rsplit("Of ", 1)[1]
    assert "may lie beyond: dropout (lower)" in says


def test_where_nothing_matters_nothing_is_ranked(search_of):
    search = search_of(slope=0.0)
    says = " ".join(parameters(search, effects(search), 0).says)
    assert " matters" not in says


def test_without_draws_no_importance_is_claimed(search_of):
    search = search_of()
    section = parameters(search, effects(search), 0)
    assert not [one for one in section.tables if one.name.startswith("importance")]
    drawn = parameters(search, effects(search), 5)
    assert {"importance_ped_anova", "importance_fanova"} <= {one.name for one in drawn.tables}


def test_every_axis_stands_in_a_table_at_its_best_value(search_of):
    search = search_of()
    first, *_ = table_of(parameters(search, effects(search), 0), "what_mattered")
    assert (first["hyper-parameter"], first["matters"], first["value"]) == ("dropout", "yes", "0")


def test_importances_that_contradict_each_other_are_remarked_on(search_of, monkeypatch):
    def measure(name, shortcut):
        shares = {"shortcut": shortcut, "dropout": 1 - shortcut}
        axes = tuple(
            Importance(axis=axis, share=Estimate(value=share, low=share - 0.1, high=share + 0.1))
            for axis, share in shares.items()
        )
        leading = max(shares, key=shares.__getitem__)
        return Measure(name=name, axes=axes, leading=(leading,), says=f"By {name}.")

    search = search_of()
    for other, remarks in ((0.2, 2), (0.9, 0)):
        measures = (measure("fANOVA", 0.8), measure("PED-ANOVA", other))
        monkeypatch.setattr("phase6c.report.parameters.importance", lambda *_, m=measures: m)
        says = parameters(search, effects(search), 5).says
        assert sum("contradict each other" in line for line in says) == remarks


def test_a_decay_that_could_not_act_is_said_to(search_of):
    (said,), (table,) = decay(search_of(rates=(1e-5, 1e-5), decays=(1e-3, 1e-2)))
    assert "had no effect" in said
    # 3,000 windows in batches of 64 are 47 steps of one epoch.
    assert [row[2] for row in table.rows] == pytest.approx([47e-8, 47e-7], rel=1e-3)


def test_a_decay_that_acts_is_not(search_of):
    (said,), _ = decay(search_of(rates=(1e-2, 1e-2), decays=(1e-1, 1e-1)))
    assert said == "Every weight decay that was tried was strong enough to shrink weights."


def test_of_a_file_the_steps_that_decay_needs_are_told(tmp_path):
    trials = [
        {"params": {"learning_rate": 1e-5, "weight_decay": one}, "auc": 0.7} for one in (0.0, 1e-3)
    ]
    path = tmp_path / "january.json"
    path.write_text(json.dumps(trials))
    (said,), tables = decay(read_search(path))
    assert "1,005,034 steps are needed" in said
    assert tables == ()


def test_a_decay_of_which_one_value_could_not_act_is_told_by_that_value(search_of):
    (said,), (table,) = decay(search_of(rates=(1e-3, 1e-3), decays=(1e-6, 10.0)))
    assert said.startswith("Weight decay of 1e-06 had no effect")
    assert "less than 1%" in said
    assert table.rows[0][2] < 0.01 < table.rows[1][2]


def test_before_any_trial_has_a_score_nothing_is_said_of_parameters(
    tmp_path, write_trials, study_config, trial_of
):
    search = of_study(write_trials(tmp_path, study_config(), [trial_of(0, state="RUNNING")]))
    assert parameters(search, effects(search), 0).says == (
        "No trial of the search has a score yet.",
    )


def test_of_a_file_it_is_said_that_nobody_knows_who_chose(tmp_path):
    trials = [{"params": {"dropout": n / 10}, "auc": 0.7 + n / 100} for n in (0, 1, 2) * 4]
    path = tmp_path / "january.json"
    path.write_text(json.dumps(trials))
    search = read_search(path)
    said = parameters(search, effects(search), 0).says[0]
    assert said.startswith("12 values of a file, which does not say who chose")
