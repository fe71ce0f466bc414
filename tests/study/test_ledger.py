"""The trials of a ledger are what its lines say, whenever they are read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.errors import StorageError
from phase6c.records import Stopped, TrialError
from phase6c.study.ledger import FILE_NAME, Ledger, fold, read_trials

VALUES = st.one_of(st.none(), st.floats(0, 1))


@pytest.fixture
def path(tmp_path):
    return tmp_path / FILE_NAME


@pytest.fixture(scope="session")
def result(measured):
    """What a row says of an epoch."""

    def build(epoch, value=0.6, decision="continue"):
        row = {"measurement": measured(epoch, value).model_dump(mode="json"), "decision": decision}
        below = {"epoch": epoch, "value": value, "cutoff": 0.9, "forecast": 0.8}
        return row | {"stopped": below if decision in ("stop", "audit") else None}

    return build


def reopened(ledger, path):
    ledger.close()
    again = Ledger(path)
    again.close()
    return again.trials


def test_what_is_reopened_is_what_was_live(path, birth, result):
    ledger = Ledger(path)
    for number, last in enumerate(["continue", "stop", "complete", "diverged"]):
        ledger.append("trial", number, **birth(seed=number))
        ledger.append("started", number)
        ledger.append("result", number, **result(1))
        value = None if last == "diverged" else 0.7
        ledger.append("result", number, **result(2, value, last))
    ledger.append("trial", 4, **birth())
    ledger.append("retry", 4, message="lost")
    ledger.append("failed", 4, state="FAILED", error={"kind": "bug", "message": "KeyError: 'x'"})
    live = ledger.trials
    states = [live[number].state for number in range(5)]
    assert states == ["RUNNING", "PRUNED", "COMPLETE", "FAILED", "FAILED"]
    assert live[1].stopped == Stopped(epoch=2, value=0.7, cutoff=0.9, forecast=0.8)
    assert live[3].error == TrialError(kind="diverged", message="As told by a test.")
    assert live[4].error == TrialError(kind="bug", message="KeyError: 'x'")
    assert reopened(ledger, path) == live


STEPS = st.tuples(
    st.sampled_from(["trial", "started", "result", "retry", "failed", "crash"]),
    st.integers(0, 3),
    VALUES,
    st.sampled_from(["continue", "audit", "stop", "complete"]),
    st.sampled_from(["oom", "worker_lost", "bug"]),
)


@settings(max_examples=40, deadline=None)
@given(history=st.lists(STEPS, max_size=12))
def test_any_history_reopens_as_it_was(tmp_path_factory, birth, result, history):
    path = tmp_path_factory.mktemp("ledger") / FILE_NAME
    ledger = Ledger(path)
    for kind, pick, value, decision, cause in history:
        running = [number for number, trial in ledger.trials.items() if not trial.finished]
        if kind == "crash":
            ledger.close()
            with path.open("a") as stream:
                stream.write('{"kind": "resu')
            ledger = Ledger(path)
        elif kind == "trial":
            ledger.append("trial", len(ledger.trials), **birth(seed=pick))
        elif running:
            number = running[pick % len(running)]
            end = "diverged" if value is None else decision
            content = {
                "result": result(ledger.trials[number].epochs + 1, value, end),
                "failed": {"state": "FAILED", "error": {"kind": cause, "message": "told"}},
            }
            ledger.append(kind, number, **content.get(kind, {}))
    assert reopened(ledger, path) == ledger.trials


def test_an_audited_trial_goes_on_and_keeps_where_it_would_have_been_stopped(path, birth, result):
    ledger = Ledger(path)
    ledger.append("trial", 0, **birth())
    below = ledger.append("result", 0, **result(1, 0.6, "audit"))
    assert (below.state, below.audited, below.stopped.epoch) == ("RUNNING", True, 1)
    ended = ledger.append("result", 0, **result(2, 0.7, "complete"))
    assert (ended.state, ended.audited, ended.stopped) == ("COMPLETE", True, below.stopped)
    assert reopened(ledger, path) == {0: ended}


def test_a_stop_from_before_there_were_forecasts_is_read(path, birth, result):
    ledger = Ledger(path)
    ledger.append("trial", 0, **birth())
    row = result(1, 0.6, "stop")
    del row["stopped"]["forecast"]
    assert ledger.append("result", 0, **row).stopped.forecast is None
    ledger.close()


def test_a_torn_last_line_never_happened(path, birth, result):
    ledger = Ledger(path)
    ledger.append("trial", 0, **birth())
    before = ledger.append("result", 0, **result(1))
    whole = path.read_bytes()
    ledger.append("result", 0, **result(2))
    ledger.close()
    torn = path.read_bytes()
    for end in (*range(len(whole), len(torn), 60), len(torn) - 1):
        path.write_bytes(torn[:end])
        ledger = Ledger(path)
        assert ledger.trials == {0: before}
        ledger.append("result", 0, **result(2, 0.8))
        assert reopened(ledger, path)[0].best("auc").value == 0.8
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("kind", "number", "content", "rule"),
    [
        ("trial", 0, {}, "trial 0 was already chosen"),
        ("started", 1, {}, "trial 1 was never chosen"),
        ("result", 0, {"epoch": 1}, "trial 0: epoch 1 after 1"),
        ("result", 0, {"epoch": 3}, "trial 0: epoch 3 after 1"),
        ("married", 0, {}, "unknown kind of row: married"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_not_written(
    path, birth, result, kind, number, content, rule
):
    ledger = Ledger(path)
    ledger.append("trial", 0, **birth())
    trial = ledger.append("result", 0, **result(1))
    before = path.read_bytes()
    row = birth() if kind == "trial" else result(content["epoch"]) if content else {}
    with pytest.raises(ValueError, match=rule):
        ledger.append(kind, number, **row)
    assert path.read_bytes() == before
    assert ledger.trials == {0: trial} == reopened(ledger, path)


def test_a_damaged_middle_line_is_a_storage_error(path, birth):
    ledger = Ledger(path)
    for number in range(3):
        ledger.append("trial", number, **birth())
    ledger.close()
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in (lines[1][:40] + b"\n", lines[0], b'{"number": 7}\n', b"[]\n"):
        path.write_bytes(lines[0] + damaged + lines[2])
        with pytest.raises(StorageError, match="Every line of a ledger"):
            Ledger(path)


def test_attempts_are_counted_and_the_best_is_the_earliest_of_equals(path, birth, result):
    ledger = Ledger(path)
    ledger.append("trial", 0, **birth())
    for epoch, value in enumerate([0.5, 0.8, 0.8, 0.7], start=1):
        ledger.append("started", 0)
        trial = ledger.append("result", 0, **result(epoch, value))
    assert trial.attempts == trial.epochs == 4
    assert trial.best("auc").epoch == 2
    assert trial.best("log_loss").epoch == 1
    assert trial.duration_s == 6.0
    ledger.close()


def test_listeners_hear_what_is_on_disk_already(path, birth):
    heard = []

    def listen(row, trial):
        last = json.loads(path.read_text().splitlines()[-1])
        heard.append((row["kind"], trial.number, last == row))

    ledger = Ledger(path)
    ledger.append("trial", 0, **birth())
    ledger.listen(listen)
    ledger.append("started", 0)
    assert heard == [("started", 0, True)]
    ledger.close()


def test_a_fold_of_the_rows_is_the_trials(path, birth, result):
    ledger = Ledger(path)
    ledger.append("trial", 0, **birth())
    ledger.append("result", 0, **result(1, 0.7, "complete"))
    ledger.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert fold(rows) == ledger.trials == read_trials(path)


IN_PART = {"config": {"train": {"val_windows": 50_000, "objective": "auc"}}}


@pytest.mark.parametrize(("last", "state"), [("stop", "PRUNED"), ("complete", "COMPLETE")])
def test_a_trial_measured_in_part_ends_with_its_measurement_on_all_rows(
    path, birth, result, measured, last, state
):
    ledger = Ledger(path)
    ledger.append("trial", 0, **(birth() | IN_PART))
    ledger.append("started", 0)
    ledger.append("result", 0, **result(1, 0.7))
    waiting = ledger.append("result", 0, **result(2, 0.6, last))
    assert (waiting.state, waiting.ending, waiting.awaits_final) == ("RUNNING", state, True)
    assert waiting.best("auc").value == 0.7
    with pytest.raises(ValueError, match="has had its last epoch"):
        ledger.append("result", 0, **result(3))
    assert ledger.append("started", 0).attempts == 1
    final = measured(1, 0.65)
    ended = ledger.append("final", 0, measurement=final.model_dump(mode="json"))
    assert (ended.state, ended.ending, ended.final) == (state, None, final)
    assert ended.best("auc") == final
    assert ended.best_on_rungs("auc").value == 0.7
    summary = ended.summary("auc")
    assert (summary["value"], summary["best_epoch"]) == (0.65, 1)
    assert reopened(ledger, path) == {0: ended}


def test_a_trial_that_diverges_on_all_rows_has_failed(path, birth, result, measured):
    ledger = Ledger(path)
    ledger.append("trial", 0, **(birth() | IN_PART))
    ledger.append("result", 0, **result(1, 0.7, "complete"))
    told = measured(1, None).model_dump(mode="json")
    assert ledger.append("final", 0, measurement=told).state == "FAILED"
    assert reopened(ledger, path)[0].error.kind == "diverged"


def test_a_trial_that_still_trains_has_no_final_measurement(path, birth, result, measured):
    ledger = Ledger(path)
    ledger.append("trial", 0, **(birth() | IN_PART))
    ledger.append("result", 0, **result(1, 0.7))
    with pytest.raises(ValueError, match="still to be trained"):
        ledger.append("final", 0, measurement=measured(1, 0.6).model_dump(mode="json"))
    ledger.close()
