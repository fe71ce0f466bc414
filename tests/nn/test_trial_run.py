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
    def build(name: str, step: str | None = None) -> TrialTask:
        config = trial(learning_rate=1e-2).model_dump(mode="json")
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
