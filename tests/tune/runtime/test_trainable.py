"""A trial goes on from its own folder, and makes do with half batches where memory is short."""

from __future__ import annotations

import gc
import json
import logging
import math
import shutil
import weakref
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phase6c.data.bars import Bars
from phase6c.data.windows import SearchData
from phase6c.nn import checkpoint_schedule
from phase6c.nn.model import Heads, LaneTransformer
from phase6c.nn.trainer import Trainer
from phase6c.nn.trial_run import TrialRun
from phase6c.storage.files import read_lines
from phase6c.study.study_config import write_study_config
from phase6c.study.trial_folder import (
    BEST_WEIGHTS_FILE,
    LAST_FILE,
    METRICS_FILE,
    read_predictions,
    trial_folder,
)
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from search_spaces import tiny

pytestmark = pytest.mark.usefixtures("short_demo_bars")

SMALL = {
    "n_layers": 1,
    "d_model": 8,
    "n_heads": 2,
    "context_days": 8,
    "patch_days": 8,
    "dropout": 0.0,
    "learning_rate": 1e-3,
}
HALF_BATCH = 32

TakeUp = Callable[..., TransformerTrainable]


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every epoch leave a checkpoint, however slow the disk is."""
    monkeypatch.setattr(checkpoint_schedule, "MAX_SHARE", math.inf)


@pytest.fixture(scope="module")
def data(sp500: Bars, tmp_path_factory: pytest.TempPathFactory) -> SearchData:
    out = tmp_path_factory.mktemp("data")
    return plan_study(tiny.SPACE, sp500, SearchOptions(out=out)).data


@pytest.fixture
def take_up(data: SearchData, tmp_path: Path, study_config: Any, birth: Any) -> TakeUp:
    """Sets up a trainable as Ray would, on a study folder of its own; values go by name."""

    def build(name: str = "study", reported: int = 0, **values: Any) -> TransformerTrainable:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        write_study_config(folder, study_config())
        one = TransformerTrainable.__new__(TransformerTrainable)
        one.setup(handed_out(folder, birth(**{**SMALL, **values})["config"], reported), data)
        return one

    return build


def handed_out(folder: Path, trial: dict[str, Any], reported: int) -> dict[str, Any]:
    shared = {"study_folder": str(folder), "study_id": "made-up", "provenance": {}}
    known = {"reported": reported, "ends": False, "rungs": (), "kept_score": -math.inf}
    return {**shared, "number": 0, "trial": trial, "gpu": False, **known}


def measured(result: dict[str, Any]) -> dict[str, Any]:
    return {**json.loads(result["measurement"]), "duration_s": None}


@pytest.fixture
def limit_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[Collection[int]], None]:
    """Has the memory end in the forward passes of these numbers, counted from now on."""
    heads = LaneTransformer.heads

    def limit(failing: Collection[int]) -> None:
        passes = iter(range(10_000))

        def limited(self: LaneTransformer, *given: Any) -> Heads:
            found = heads(self, *given)
            if next(passes) in failing:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return found

        monkeypatch.setattr(LaneTransformer, "heads", limited)

    return limit


def n_steps(data: SearchData) -> int:
    return -(-len(data.train) // (2 * HALF_BATCH))


def test_a_trial_of_a_run_without_gpus_leaves_the_gpu_to_others(
    take_up: TakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The GPU that torch says to have is none: a trial that would use it ends with an error.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert measured(take_up().step())["epoch"] == 1


@pytest.mark.parametrize("epoch", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "share",
    [pytest.param(0.0, marks=pytest.mark.slow), 0.5, 1.0],
    ids=["first", "middle", "evaluation"],
)
def test_epoch_that_runs_out_of_memory_is_begun_again_in_half_batches(
    take_up: TakeUp, data: SearchData, limit_memory: Any, epoch: int, share: float
) -> None:
    undisturbed, one = take_up("undisturbed"), take_up("short")
    expected = [measured(undisturbed.step()) for _ in range(epoch)]
    found = [measured(one.step()) for _ in range(epoch - 1)]
    limit_memory({round(share * n_steps(data))})
    found.append(measured(one.step()))
    assert found[:-1] == expected[:-1]
    assert found[-1]["epoch"] == epoch
    assert found[-1]["micro_batch_size"] == HALF_BATCH
    assert found[-1]["metrics"] == pytest.approx(expected[-1]["metrics"], abs=2e-3)
    rows, others = (read_predictions(it._run.folder) for it in (one, undisturbed))
    assert rows is not None
    assert others is not None
    np.testing.assert_allclose(rows["logit"], others["logit"], rtol=0, atol=1e-3)


def test_half_batches_that_do_not_fit_either_end_the_trial(
    take_up: TakeUp, limit_memory: Any
) -> None:
    one = take_up()
    one.step()
    before = (one._run.folder / LAST_FILE).read_bytes()
    limit_memory(range(10_000))
    with pytest.raises(torch.OutOfMemoryError):
        one.step()
    assert (one._run.folder / LAST_FILE).read_bytes() == before
    assert len(read_lines(one._run.folder / METRICS_FILE)) == 1


def test_micro_batch_is_halved_once_in_a_trial(take_up: TakeUp, limit_memory: Any) -> None:
    one = take_up()
    limit_memory({0})
    one.step()
    limit_memory({0})
    with pytest.raises(torch.OutOfMemoryError):
        one.step()


def test_half_batches_survive_a_resume(take_up: TakeUp, limit_memory: Any) -> None:
    one = take_up()
    limit_memory({0})
    one.step()
    resumed = take_up(reported=1)
    assert measured(resumed.step())["micro_batch_size"] == HALF_BATCH


def test_lack_of_memory_begins_again_after_the_checkpoint_and_what_was_told_stays(
    take_up: TakeUp, limit_memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = take_up()
    monkeypatch.setattr(checkpoint_schedule, "MAX_SHARE", 0.0)
    told = [measured(one.step()) for _ in range(2)]
    limit_memory({0})
    found = [measured(one.step()) for _ in range(3)]
    assert found[:2] == told
    assert (found[2]["epoch"], found[2]["micro_batch_size"]) == (3, HALF_BATCH)


@pytest.mark.parametrize("worker", ["the same", "another"])
def test_a_trial_that_is_to_be_measured_on_all_rows_needs_no_new_checkpoint(
    take_up: TakeUp, monkeypatch: pytest.MonkeyPatch, worker: str
) -> None:
    monkeypatch.setattr(checkpoint_schedule, "MAX_SHARE", 0.0)
    one, whole = take_up(val_windows=100), take_up("whole")
    told = [measured(one.step()) for _ in range(2)]
    best = max(told, key=lambda epoch: epoch["value"])["epoch"]
    config = handed_out(one._run.folder.parent, one._run.trial.model_dump(mode="json"), 2)
    config |= {"ends": True}
    run = one._run
    if worker == "another":
        other, one = one, take_up("elsewhere")
        other._run.close()
    assert one.reset_config(config)
    assert (one._run is run) == (worker == "the same")
    results = [one.step()]
    while not results[-1]["final"]:
        results.append(one.step())
    assert len(results) == (1 if worker == "the same" else 2)
    assert [measured(result) for result in results[:-1]] == told[: len(results) - 1]
    assert results[-1]["epoch"] == best
    expected = [measured(whole.step()) for _ in range(2)][best - 1]
    assert measured(results[-1])["value"] == pytest.approx(expected["value"], abs=1e-4)
    assert (one._run.folder / BEST_WEIGHTS_FILE).exists()


def test_another_error_is_no_lack_of_memory(
    take_up: TakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, asked = take_up(), []

    def fail(self: Trainer) -> None:
        asked.append(self)
        raise RuntimeError("a bug")

    monkeypatch.setattr(Trainer, "train_epoch", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        one.step()
    assert len(asked) == 1


def test_epochs_that_the_ledger_does_not_know_are_reported_before_training_on(
    take_up: TakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = take_up()
    trained = [measured(one.step()) for _ in range(2)]
    resumed = take_up(reported=0)
    with monkeypatch.context() as nothing_trains:
        nothing_trains.setattr(Trainer, "train_epoch", None)
        assert [measured(resumed.step()) for _ in range(2)] == trained
    assert measured(resumed.step())["epoch"] == 3


def test_checkpoint_of_another_shape_is_passed_over_and_the_trial_starts_over(
    take_up: TakeUp, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = take_up(), take_up("other", d_model=16)
    expected, _ = measured(one.step()), other.step()
    shutil.copy(other._run.folder / LAST_FILE, one._run.folder / LAST_FILE)
    with caplog.at_level(logging.WARNING, logger="phase6c"):
        one = take_up(reported=1)
    assert "the trial starts over" in caplog.text
    assert measured(one.step()) == expected


def test_next_trial_finds_the_memory_of_the_one_before_free(
    take_up: TakeUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = take_up()
    before, alive = weakref.ref(one._run._trainer), []
    make = TrialRun._make_trainer

    def look(self: TrialRun) -> Trainer:
        gc.collect()
        alive.append(before())
        return make(self)

    monkeypatch.setattr(TrialRun, "_make_trainer", look)
    folder = one._run.folder.parent
    trial = one._run.trial.model_dump(mode="json")
    assert one.reset_config({**handed_out(folder, trial, 0), "number": 1})
    assert alive == [None]
    assert one._run.folder == trial_folder(folder, 1)
