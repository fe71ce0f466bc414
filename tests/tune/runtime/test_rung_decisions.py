"""Decisions are those of ASHA, the same after a resume at any row, and audited in a share."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from phase6c.study.ledger import FILE_NAME

from ..rig import Rig

STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE


class RayAsha:
    """Ray's own scheduler, told the best so far of each trial."""

    def __init__(self, epochs, grace, factor):
        self.scheduler = AsyncHyperBandScheduler(
            metric="score",
            mode="max",
            max_t=epochs,
            grace_period=min(grace, epochs),
            reduction_factor=factor,
        )
        self.best = {}

    def report(self, number, epoch, value):
        trial = SimpleNamespace(trial_id=str(number))
        if epoch == 1:
            self.scheduler.on_trial_add(None, trial)
        self.best[number] = max(value, self.best.get(number, -np.inf))
        result = {"training_iteration": epoch, "score": self.best[number]}
        return self.scheduler.on_trial_result(None, trial, result)


# Few values make many ties; None diverges.
VALUES = st.one_of(st.sampled_from([0.5, 0.6, 0.7]), st.floats(0, 1), st.none())
REFERENCE = 0


@settings(max_examples=60, deadline=None)
@given(
    curves=st.lists(st.lists(VALUES, min_size=9, max_size=9), min_size=3, max_size=9),
    arrivals=st.lists(st.integers(0, 8), max_size=60),
    grace=st.integers(1, 9),
    factor=st.sampled_from([2.0, 2.5, 3.0, 4.0]),
)
def test_with_a_fixed_grace_decisions_are_those_of_ray_fed_with_the_best_so_far(
    tmp_path_factory, study_config, birth, measured, curves, arrivals, grace, factor
):
    config = study_config(epochs=9, patience_epochs=9, grace_epochs=grace, reduction_factor=factor)
    path = tmp_path_factory.mktemp("rungs") / FILE_NAME
    one, ray = Rig(path, config, birth, measured), RayAsha(9, grace, factor)
    for number in range(len(curves)):
        source = {"source": "reference", "in_budget": False} if number == REFERENCE else {}
        one.add(number, **source)
    rounds = [number for _ in range(9) for number in range(len(curves))]
    for number in [*arrivals, *rounds]:
        if number >= len(curves) or one.state(number) != "RUNNING":
            continue
        epoch = one.ledger.trials[number].epochs + 1
        value = curves[number][epoch - 1]
        found = one.report(number, value)
        if value is None:
            assert (found, one.state(number)) == (STOP, "FAILED")
        elif number == REFERENCE:
            assert found == (STOP if epoch == 9 else CONTINUE)
        else:
            assert found == ray.report(number, epoch, value)
    one.ledger.close()


def curve_of(number, epochs):
    """Most trials are told apart at once, one in three only later; each has its own level."""
    rng = np.random.default_rng(number)
    pace = 8.0 if number % 3 == 0 else 0.8
    rise = (0.08 + 0.03 * rng.standard_normal()) * (1 - np.exp(-np.arange(1, epochs + 1) / pace))
    curve = 0.5 + rise + 0.002 * rng.standard_normal(epochs)
    diverges_after = 2 if number == 1 else epochs
    return [float(value) if n < diverges_after else None for n, value in enumerate(curve)]


def play(one, n_trials=16, n_side_by_side=4):
    """A search of trials side by side, and a reference; the reports in their order."""
    one.add(0, source="reference", in_budget=False)
    one.add(*range(1, n_trials))
    waiting, running, reports = list(range(n_trials)), [], []
    epochs = one.config.train.epochs
    while waiting or running:
        while waiting and len(running) < n_side_by_side:
            running.append(waiting.pop(0))
        # One worker is slower than the others.
        for number in running if len(reports) % 3 else running[1:] or running:
            epoch = one.ledger.trials[number].epochs + 1
            value = curve_of(number, epochs)[epoch - 1]
            reports.append((number, value, epoch))
            one.report(*reports[-1])
        running = [number for number in running if one.state(number) == "RUNNING"]
    return reports


SEARCHES = [
    {"grace_epochs": 1, "epochs": 9},
    {"grace_epochs": 1, "epochs": 9, "audit_share": 2.0},
    {"grace_epochs": 3, "epochs": 27, "adaptive_grace": True, "patience_epochs": 27},
    {
        "grace_epochs": 3,
        "epochs": 27,
        "adaptive_grace": True,
        "patience_epochs": 27,
        "audit_share": 2.0,
    },
    {"grace_epochs": 1, "epochs": 9, "objective": "log_loss", "audit_share": 2.0},
]


def decisions(path):
    """What was decided of each epoch of each trial."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {
        (row["number"], row["measurement"]["epoch"]): (row["decision"], row["stopped"])
        for row in rows
        if row["kind"] == "result"
    }


@pytest.mark.parametrize("fields", SEARCHES)
@pytest.mark.slow
def test_a_scheduler_refilled_at_any_row_decides_as_the_undisturbed_one(rig, tmp_path, fields):
    whole = rig(tmp_path / "whole.jsonl", **fields)
    reports = play(whole)
    expected = decisions(whole.path)
    made = {decision for decision, _ in expected.values()}
    assert made >= {"continue", "stop", "complete", "diverged"}
    assert ("audit" in made) == ("audit_share" in fields)
    lines = whole.path.read_text().splitlines(keepends=True)
    born = len(whole.ledger.trials)
    audits = [n + 1 for n, line in enumerate(lines) if '"audit"' in line]
    for n_rows in sorted({*range(born, len(lines), 37), *audits[::2], len(lines)}):
        path = tmp_path / f"{n_rows}.jsonl"
        path.write_text("".join(lines[:n_rows]))
        again = rig(path, **fields)
        # Epochs that the ledger knows are reported again, with values that are not to count.
        known = {number: trial.epochs for number, trial in again.ledger.trials.items()}
        for number, value, epoch in reports:
            again.report(number, value if epoch > known[number] else 0.99, epoch)
        assert decisions(path) == expected
        assert again.ledger.trials == whole.ledger.trials
        assert again.rungs() == whole.rungs()
        again.ledger.close()


@pytest.mark.parametrize("fields", SEARCHES)
def test_decisions_are_the_same_every_time(rig, tmp_path, fields):
    first, second = (rig(tmp_path / name, **fields) for name in ("first", "second"))
    assert play(first) == play(second)
    assert decisions(first.path) == decisions(second.path)


# Eight times the single epoch that they had, which takes each to its end.
AUDITED = {"audit_share": 8.0, "patience_epochs": 9}


def test_an_audited_trial_goes_on_to_its_end_and_is_never_judged_again(rig):
    one = rig(**AUDITED)
    one.add(0, 1)
    for _ in range(9):
        one.report(0, 0.8)
    assert [one.report(1, 0.6) for _ in range(9)] == [CONTINUE] * 8 + [STOP]
    trial = one.ledger.trials[1]
    assert (trial.state, trial.audited, trial.epochs) == ("COMPLETE", True, 9)
    assert (trial.stopped.epoch, trial.stopped.value, trial.stopped.cutoff) == (1, 0.6, 0.8)
    assert one.rungs() == {1: (0, 1), 3: (0,)}
    found = [decision for (number, _), (decision, _) in decisions(one.path).items() if number == 1]
    assert found == ["audit", *["continue"] * 7, "complete"]


def test_an_audited_trial_ends_early_where_it_no_longer_gains_or_diverges(rig):
    one = rig(**AUDITED | {"patience_epochs": 2})
    one.add(0, 1, 2)
    one.report(0, 0.8)
    assert [one.report(1, 0.6) for _ in range(3)] == [CONTINUE, CONTINUE, STOP]
    assert [one.report(2, value) for value in (0.5, None)] == [CONTINUE, STOP]
    states = [(one.state(number), one.ledger.trials[number].audited) for number in (1, 2)]
    assert states == [("COMPLETE", True), ("FAILED", True)]
    assert one.ledger.trials[2].stopped.value == 0.5


def audited(one, numbers):
    """Those of the trials, each stopped at once, that go on."""
    one.add(*numbers)
    one.report(numbers[0], 0.9)
    return [number for number in numbers[1:] if one.report(number, 0.5 - number / 1e4) == CONTINUE]


def test_the_audit_takes_its_share_of_epochs_and_the_same_trials_whenever_asked(rig, tmp_path):
    numbers = range(80)
    found = [
        audited(rig(tmp_path / name, audit_share=share, seed=seed), numbers)
        for name, share, seed in (("a", 1.6, 0), ("b", 1.6, 0), ("c", 1.6, 1), ("d", 4.0, 0))
    ]
    assert found[0] == found[1] != found[2]
    assert set(found[0]) < set(found[3])
    assert [len(one) / 79 for one in found] == pytest.approx([0.2, 0.2, 0.2, 0.5], abs=0.14)
    assert audited(rig(tmp_path / "none", audit_share=0.0), range(50)) == []


def test_what_an_audited_trial_reaches_is_learned_from(rig, tmp_path):
    """The forecast of a stopped trial differs with what an audited one did after its rung."""
    forecasts = []
    for name, n_more in (("before", 0), ("after", 6)):
        one = rig(tmp_path / name, adaptive_grace=True, audit_share=2.4, epochs=9)
        going_on = audited(one, range(12))
        assert going_on
        for epoch in range(n_more):
            for number in going_on:
                one.report(number, 0.6 + 0.02 * epoch)
        one.add(100)
        one.report(100, 0.45)
        forecasts.append(one.ledger.trials[100].stopped.forecast)
    assert forecasts[1] > forecasts[0] + 0.01


@pytest.mark.parametrize(("objective", "sign"), [("auc", 1), ("log_loss", -1)])
def test_with_an_adaptive_grace_forecasts_are_compared_and_kept(rig, objective, sign):
    one = rig(adaptive_grace=True, epochs=9, objective=objective)
    one.add(*range(12))
    for number in range(12):
        one.report(number, 0.6 + sign * 0.01 * (12 - number))
    stopped = [trial.stopped for trial in one.ledger.trials.values() if trial.stopped]
    assert stopped
    for found in stopped:
        assert sign * found.value < sign * found.cutoff
        assert 0.4 < found.forecast < 0.8
        assert found.value == pytest.approx(found.forecast, abs=0.05)


def test_an_adaptive_grace_never_counts_references_or_divergences(rig):
    one = rig(adaptive_grace=True, epochs=9)
    one.add(0, source="reference", in_budget=False)
    one.add(*range(1, 4))
    assert one.report(0, 0.1) == CONTINUE
    assert one.report(1, None) == STOP
    assert [one.report(number, 0.6) for number in (2, 3)] == [CONTINUE] * 2
    assert one.rungs() == {1: (2, 3)}
