"""A run keeps its trial's files, and goes on from them in any process."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import save

from phase6c.config import TrialConfig, Values
from phase6c.data.windows import SearchData
from phase6c.nn import checkpoint_schedule, trial_run
from phase6c.nn.checkpoint import Checkpoint
from phase6c.nn.trial_run import TrialRun, TrialTask, run_trial
from phase6c.records import Measurement
from phase6c.study.trial_folder import (
    BEST_WEIGHTS_FILE,
    CHECKSUMS_FILE,
    CONFIG_FILE,
    LAST_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    PREVIOUS_FILE,
    read_predictions,
    sha256_of,
)

from .conftest import planted_data


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every epoch leave a checkpoint, however slow the disk is."""
    monkeypatch.setattr(checkpoint_schedule, "MAX_SHARE", math.inf)


@pytest.fixture
def no_epoch(every_epoch: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has no epoch leave a checkpoint by itself."""
    monkeypatch.setattr(checkpoint_schedule, "MAX_SHARE", 0.0)


@pytest.fixture(scope="module")
def data() -> SearchData:
    return planted_data(n_train=64, n_val=40)


@pytest.fixture
def task(tmp_path: Path, trial: Callable[..., TrialConfig]) -> Callable[..., TrialTask]:
    def build(
        name: str,
        step: str | None = None,
        rungs: tuple[int, ...] = (),
        kept_score: float = -math.inf,
        **fields: object,
    ) -> TrialTask:
        config = trial(learning_rate=1e-2, **fields).model_dump(mode="json")
        provenance = {"study_id": "a", "code_version": "1"}
        return TrialTask(tmp_path / name, config, provenance, step, rungs, kept_score)

    return build


def test_files_of_a_run_are_whole_after_each_epoch(data, task):
    run = TrialRun(task("whole"), data)
    assert run.measure(1).epoch == 1
    assert run.measure(2).epoch == 2
    there = {path.name for path in run.folder.iterdir()}
    own = {BEST_WEIGHTS_FILE, CHECKSUMS_FILE, CONFIG_FILE, LAST_FILE, METRICS_FILE}
    assert there == own | {PREDICTIONS_FILE, PREVIOUS_FILE}
    checksums = json.loads((run.folder / CHECKSUMS_FILE).read_text())
    assert checksums == {name: sha256_of(run.folder / name) for name in checksums}
    assert read_predictions(run.folder)["epoch"].unique().tolist() == [1, 2]


@pytest.mark.parametrize("step", [None, "fold_1"])
def test_configuration_stands_between_provenance_and_step(data, task, step):
    run = TrialRun(task("one", step), data)
    content = json.loads((run.folder / CONFIG_FILE).read_text())
    names = ["study_id", "code_version", "model", "optim", "data", "train", "seed"]
    assert list(content) == names + (["step"] if step else [])


def test_a_run_goes_on_as_if_it_had_never_ended(data, task, trial):
    expected = run_trial(trial(learning_rate=1e-2), data).measurements
    begun = TrialRun(task("one"), data)
    begun.measure(1)
    begun.measure(2)
    begun.close()
    run = TrialRun(task("one"), data)
    found = [run.measure(epoch) for epoch in (1, 2, 3, 4)]
    assert [one.metrics for one in found] == [one.metrics for one in expected]


def test_a_part_of_the_rows_is_measured_each_epoch_and_all_of_them_in_the_end(data, task):
    whole, part = TrialRun(task("whole"), data), TrialRun(task("part", val_windows=20), data)
    epochs = [(whole.measure(epoch), part.measure(epoch)) for epoch in (1, 2, 3)]
    # What is measured changes nothing in what is trained.
    assert all(one.metrics.loss_train == other.metrics.loss_train for one, other in epochs)
    assert all(one.value != other.value for one, other in epochs)
    assert (read_predictions(part.folder).groupby("epoch").size() == 20).all()
    best = max((other for _, other in epochs), key=lambda one: one.value)
    final = part.measure_best()
    expected = epochs[best.epoch - 1][0]
    assert final.epoch == best.epoch
    assert final.value == pytest.approx(expected.value, abs=1e-3)
    assert final.metrics.loss_train == expected.metrics.loss_train
    sizes = read_predictions(part.folder).groupby("epoch").size()
    assert sizes.to_dict() == {epoch: 40 if epoch == best.epoch else 20 for epoch in (1, 2, 3)}
    assert part.measurements == [other for _, other in epochs]


@pytest.mark.parametrize("n_before", [2, 3])
def test_the_best_epoch_is_measured_from_any_checkpoint(data, task, n_before):
    run, begun = (TrialRun(task(name, val_windows=20), data) for name in ("one", "other"))
    for epoch in (1, 2, 3):
        run.measure(epoch)
    expected = run.measure_best().metrics
    for epoch in range(1, n_before + 1):
        begun.measure(epoch)
    begun.close()
    again = TrialRun(task("other", val_windows=20), data)
    again.measure(3)
    assert again.measure_best().metrics == expected
    # Asked twice, after a crash between the file and the ledger, it says the same.
    assert TrialRun(task("other", val_windows=20), data).measure_best().metrics == expected


def epoch_of_checkpoint(run: TrialRun) -> int:
    """The epoch that another run of the same trial begins after."""
    if not (run.folder / LAST_FILE).exists():
        return 0
    return len(TrialRun(run._task, run._data).measurements)


def metrics(measurements: list[Measurement]) -> list[Values]:
    return [one.model_dump(exclude={"duration_s"}) for one in measurements]


def test_a_slow_checkpoint_is_written_seldom(data, task, monkeypatch):
    monkeypatch.setattr(checkpoint_schedule, "MAX_SHARE", 0.05)
    now_s, written, write = [0.0], [], trial_run.save_checkpoint
    clock = SimpleNamespace(perf_counter=lambda: now_s[0])
    monkeypatch.setattr(checkpoint_schedule, "time", clock)

    def slow(folder: Path, checkpoint: Checkpoint) -> None:
        now_s[0] += 0.25
        written.append(len(checkpoint.measurements))
        write(folder, checkpoint)

    monkeypatch.setattr(trial_run, "save_checkpoint", slow)
    run = TrialRun(task("one"), data)
    for epoch in range(1, 13):
        now_s[0] += 1.0
        run.measure(epoch)
    assert written == [1, 6, 11]
    assert len(read_predictions(run.folder)["epoch"].unique()) == 12


@pytest.mark.parametrize("n_kept", [0, 2])
def test_epochs_after_the_checkpoint_are_trained_again_and_told_as_before(
    data, task, monkeypatch, n_kept
):
    whole, run = TrialRun(task("whole"), data), TrialRun(task("one"), data)
    expected = [whole.measure(epoch) for epoch in range(1, 8)]
    monkeypatch.setattr(checkpoint_schedule, "MAX_SHARE", 0.0)
    told = []
    for epoch in range(1, 6):
        told.append(run.measure(epoch))
        if epoch == n_kept:
            run.keep_state()
    assert epoch_of_checkpoint(run) == n_kept
    before = {name: (run.folder / name).read_bytes() for name in (METRICS_FILE, PREDICTIONS_FILE)}
    again = TrialRun(run._task, data)
    for epoch in range(n_kept + 1, 6):
        assert again.measure(6) == told[epoch - 1]
        assert again.lane.epoch == epoch
        # What the ledger knows stays on disk all the while.
        assert before == {name: (run.folder / name).read_bytes() for name in before}
    found = [*again.measurements, again.measure(6), again.measure(7)]
    assert metrics(found) == metrics(expected)
    again.keep_state()
    for name in (BEST_WEIGHTS_FILE, PREDICTIONS_FILE):
        assert (again.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_epochs_on_disk_that_are_damaged_are_trained_again(data, task, no_epoch, caplog):
    run = TrialRun(task("one"), data)
    expected = [run.measure(epoch) for epoch in (1, 2)]
    (run.folder / PREDICTIONS_FILE).write_bytes(b"no table")
    again = TrialRun(run._task, data)
    assert "its epochs cannot be read" in caplog.text
    assert metrics([again.measure(1), again.measure(2)]) == metrics(expected)
    assert read_predictions(again.folder)["epoch"].unique().tolist() == [1, 2]


def test_weights_are_there_before_an_epoch_is_told_that_may_be_the_last(data, task, no_epoch):
    run = TrialRun(task("one", rungs=(2,), epochs=4, patience_epochs=4), data)
    there = []
    for epoch in (1, 2, 3, 4):
        run.measure(epoch)
        checksums = json.loads((run.folder / CHECKSUMS_FILE).read_text())
        there.append(checksums.get(BEST_WEIGHTS_FILE))
    assert there[0] is None
    assert there[1] is not None
    assert there[2] == there[1]
    assert save(run.lane.best.weights) == (run.folder / BEST_WEIGHTS_FILE).read_bytes()
    assert not (run.folder / LAST_FILE).exists()


@pytest.mark.parametrize("kept_score", [0.0, 1.01])
def test_weights_that_cannot_outlast_their_trial_are_not_written(data, task, no_epoch, kept_score):
    run = TrialRun(task("one", rungs=(1,), kept_score=kept_score), data)
    run.measure(1)
    assert (run.folder / BEST_WEIGHTS_FILE).exists() == (kept_score < 1)


def test_a_killed_run_goes_on_from_its_older_checkpoint(data, task, no_epoch):
    """The process is killed within an epoch, two epochs after its checkpoint."""
    expected = TrialRun(task("whole"), data)
    begun = task("one")
    child = os.fork()
    if not child:
        run = TrialRun(begun, data)
        for epoch in (1, 2, 3):
            run.measure(epoch)
            if epoch == 1:
                run.keep_state()
        run._trainer.train_only()
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    run = TrialRun(begun, data)
    assert run.kept_epoch == 1
    found = [run.measure(4) for _ in range(3)]
    assert metrics(found) == metrics([expected.measure(epoch) for epoch in (1, 2, 3, 4)][1:])
