"""Whatever the searcher: nothing infeasible, nothing twice, no point of a small grid left out."""

from functools import partial

import optuna
import pytest

from phase6c.axes import Choice, Grid, Int
from phase6c.config import TrialConfig
from phase6c.nn.model import count_parameters
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.space import Space
from phase6c.tune.proposals import Proposals
from search_spaces import tiny

every_searcher = pytest.mark.parametrize("searcher", ["optuna", "hyperopt", "random"])
count = partial(count_parameters, n_features=30)
FREE = {"d_model": 16, "context_days": 8, "patch_days": 4, "d_ff_ratio": 2, "weight_decay": 0.0}
SMALL = Space(
    name="small",
    axes={
        "n_layers": Int.of(1, 2),
        "n_heads": Grid.of(2, 3),
        "pooling": Choice.of("mean", "last"),
        "learning_rate": Grid.of(1e-4, 1e-3, 1e-2),
    },
    fixed=FREE,
)
N_SMALL = 2 * 1 * 2 * 3


def ended(number, values, value, source="sampled", kind=None):
    """A trial of these flat values; with a cause it has failed."""
    config = TrialConfig.from_flat(values)
    measurement = Measurement(
        epoch=1,
        value=value,
        metrics=Metrics(auc=value),
        health=Health(verdict="healthy"),
        duration_s=1.0,
    )
    return Trial.model_validate(
        {
            "number": number,
            "source": source,
            "params": values,
            "config": config.model_dump(mode="json"),
            "n_params": count(config.model),
            "in_budget": True,
            "state": "FAILED" if kind else "COMPLETE",
            "error": {"kind": kind, "message": "told"} if kind else None,
            "measurements": [] if kind else [measurement],
        }
    )


def told_value(values):
    return 0.8 - abs(values["dropout"] - 0.2) if "dropout" in values else values["learning_rate"]


def search(proposals, numbers):
    """Takes up to so many proposals and tells how each ended."""
    trials = []
    for number in numbers:
        values = proposals.next(number)
        if values is None:
            break
        trial = ended(number, values, told_value(values))
        proposals.reserve(TrialConfig.from_flat(values))
        proposals.learn(trial)
        trials.append(trial)
    return trials


def identity(values):
    return tuple(sorted(values.items()))


def identities(trials):
    return [identity(trial.params) for trial in trials]


def optuna_trials(proposals, *states):
    study = proposals._searcher._ot_study
    return [trial for trial in study.trials if trial.state in states]


COMPLETE = optuna.trial.TrialState.COMPLETE
RUNNING = optuna.trial.TrialState.RUNNING


@every_searcher
def test_proposals_are_feasible_and_never_twice(searcher):
    trials = search(Proposals(tiny.SPACE, count, searcher, "auc", seed=1), range(60))
    assert len(set(identities(trials))) == 60
    for trial in trials:
        assert tiny.SPACE.broken_rule(dict(trial.params), count) is None
        assert tiny.BUDGET.contains(trial.n_params)


@every_searcher
def test_what_is_proposed_is_the_searchers_own_choice(searcher, monkeypatch):
    monkeypatch.setattr(Proposals, "_fallback", lambda *_: pytest.fail("it had nothing to say"))
    search(Proposals(tiny.SPACE, count, searcher, "auc", seed=2), range(30))


@every_searcher
def test_a_small_grid_is_used_up_exactly(searcher):
    proposals = Proposals(SMALL, count, searcher, "auc", seed=0)
    trials = search(proposals, range(100))
    assert len(trials) == len(set(identities(trials))) == N_SMALL
    assert {trial.params["n_heads"] for trial in trials} == {2}
    assert proposals.next(N_SMALL) is None


@every_searcher
def test_running_trials_are_not_proposed_again(searcher):
    proposals = Proposals(SMALL, count, searcher, "auc", seed=0)
    seen = set()
    for number in range(N_SMALL):
        values = proposals.next(number)
        proposals.reserve(TrialConfig.from_flat(values))
        seen.add(identity(values))
    assert len(seen) == N_SMALL
    assert proposals.next(N_SMALL) is None


@every_searcher
def test_a_resumed_search_repeats_nothing(searcher):
    before = search(Proposals(tiny.SPACE, count, searcher, "auc", seed=1), range(15))
    resumed = Proposals(tiny.SPACE, count, searcher, "auc", seed=1, trials=before)
    after = search(resumed, range(15, 30))
    assert len(set(identities(before + after))) == 30


@every_searcher
def test_a_resumed_search_draws_other_start_up_points(searcher):
    def first_suggestion(trials):
        proposals = Proposals(tiny.SPACE, count, searcher, "auc", 1, trials)
        return proposals._searcher.suggest("first")

    before = search(Proposals(tiny.SPACE, count, searcher, "auc", seed=1), range(3))
    assert first_suggestion([]) == first_suggestion([])
    assert first_suggestion(before) != first_suggestion([])


@every_searcher
def test_a_resumed_search_uses_up_the_rest_of_a_grid(searcher):
    before = search(Proposals(SMALL, count, searcher, "auc", seed=0), range(5))
    resumed = Proposals(SMALL, count, searcher, "auc", seed=0, trials=before)
    after = search(resumed, range(5, 100))
    assert len(set(identities(before + after))) == len(before + after) == N_SMALL


def test_a_reference_is_not_proposed():
    reference = search(Proposals(SMALL, count, "random", "auc", seed=0), range(1))[0]
    known = ended(0, reference.params, 0.9, source="reference")
    trials = search(Proposals(SMALL, count, "random", "auc", 0, [known]), range(1, 100))
    assert len(trials) == N_SMALL - 1
    assert not set(identities([known])) & set(identities(trials))


def test_configurations_that_differ_in_any_axis_differ():
    batches = Space(
        name="batches",
        axes={"batch_size": Grid.of(16, 32, 64), "learning_rate": Grid.of(1e-4, 1e-3)},
        fixed=FREE | {"n_layers": 1, "n_heads": 2},
    )
    trials = search(Proposals(batches, count, "random", "auc", seed=0), range(100))
    assert len(trials) == 6


@every_searcher
def test_the_seed_decides(searcher):
    def first(seed):
        trials = search(Proposals(tiny.SPACE, count, searcher, "auc", seed), range(3))
        return [trial.params for trial in trials]

    assert first(3) == first(3) != first(4)


def test_optuna_learns_what_a_resume_tells_it():
    trials = search(Proposals(tiny.SPACE, count, "optuna", "auc", seed=1), range(12))
    resumed = Proposals(tiny.SPACE, count, "optuna", "auc", seed=1, trials=trials)
    known = optuna_trials(resumed, COMPLETE)
    assert [trial.value for trial in known] == [told_value(trial.params) for trial in trials]
    for trial, asked in zip(trials, known, strict=True):
        assert trial.params.items() >= resumed._decoded(asked.params).items()


def test_hyperopt_learns_what_a_resume_tells_it():
    trials = search(Proposals(tiny.SPACE, count, "hyperopt", "auc", seed=1), range(12))
    resumed = Proposals(tiny.SPACE, count, "hyperopt", "auc", seed=1, trials=trials)
    known = resumed._searcher._hpopt_trials
    told = {
        tuple(values[0] for values in one["misc"]["vals"].values()): -one["result"]["loss"]
        for one in known.trials
    }
    names = list(known.trials[0]["misc"]["vals"])
    expected = {}
    for trial in trials:
        raw = resumed._raw(trial.params)
        raw["pooling"] = ["mean", "last"].index(raw["pooling"])
        raw["shortcut"] = [True, False].index(raw["shortcut"])
        expected[tuple(raw[name] for name in names)] = told_value(trial.params)
    assert told == expected


@pytest.mark.parametrize("kind", ["diverged", "oom"])
def test_a_divergence_is_told_as_the_worst_value_known(kind):
    proposals = Proposals(tiny.SPACE, count, "optuna", "auc", seed=1)
    search(proposals, range(3))
    values = proposals.next(3)
    proposals.learn(ended(3, values, None, kind=kind))
    told = [trial.value for trial in optuna_trials(proposals, COMPLETE)]
    assert len(told) == 4
    assert told[3] == min(told[:3])


@pytest.mark.parametrize("kind", ["bug", "worker_lost"])
def test_a_bug_teaches_nothing(kind):
    proposals = Proposals(tiny.SPACE, count, "optuna", "auc", seed=1)
    search(proposals, range(3))
    proposals.learn(ended(3, proposals.next(3), None, kind=kind))
    assert len(optuna_trials(proposals, COMPLETE)) == 3
    assert optuna_trials(proposals, RUNNING) == []


def test_of_losses_the_lower_is_told_as_the_better():
    proposals = Proposals(tiny.SPACE, count, "optuna", "log_loss", seed=1)
    for number, value in enumerate((0.4, 0.6)):
        trial = ended(number, proposals.next(number), value)
        proposals.learn(trial)
    assert [trial.value for trial in optuna_trials(proposals, COMPLETE)] == [-0.4, -0.6]


def test_references_and_warm_starts_are_not_told():
    values = Proposals(tiny.SPACE, count, "optuna", "auc", seed=1).next(0)
    for source in ("reference", "warm_start", "probe"):
        known = [ended(0, values, 0.9, source=source)]
        resumed = Proposals(tiny.SPACE, count, "optuna", "auc", 1, known)
        assert optuna_trials(resumed, COMPLETE) == []


def test_a_trial_that_was_unfinished_at_the_resume_is_learned_from():
    values = Proposals(tiny.SPACE, count, "optuna", "auc", seed=1).next(0)
    unfinished = ended(0, values, 0.7).model_copy(update={"state": "RUNNING", "measurements": ()})
    resumed = Proposals(tiny.SPACE, count, "optuna", "auc", 1, [unfinished])
    assert optuna_trials(resumed, COMPLETE) == []
    resumed.learn(ended(0, values, 0.7))
    assert [trial.value for trial in optuna_trials(resumed, COMPLETE)] == [0.7]


@every_searcher
def test_ranges_are_searched_too(searcher):
    ranged = tiny.SPACE.as_ranges()
    proposals = Proposals(ranged, count, searcher, "auc", seed=0)
    trials = search(proposals, range(15))
    assert len(set(identities(trials))) == 15
    assert len({trial.params["learning_rate"] for trial in trials}) == 15
    resumed = Proposals(ranged, count, searcher, "auc", 0, trials)
    assert len(search(resumed, range(15, 20))) == 5
