"""A run keeps its trial's files, and goes on from them in any process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from phase6c.config import TrialConfig
from phase6c.data.windows import SearchData
from phase6c.nn.trial_run import TrialRun, TrialTask, run_trial
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


@pytest.fixture(scope="module")
def data() -> SearchData:
    return planted_data(n_train=64, n_val=40)


@pytest.fixture
def task(tmp_path: Path, trial: Callable[..., TrialConfig]) -> Callable[..., TrialTask]:
    def build(name: str, step: str | None = None, **fields: object) -> TrialTask:
        config = trial(learning_rate=1e-2, **fields).model_dump(mode="json")
        return TrialTask(tmp_path / name, config, {"study_id": "a", "code_version": "1"}, step)

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
