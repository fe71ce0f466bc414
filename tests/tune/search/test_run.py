"""Searches through Ray Tune, end to end."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from optuna.distributions import FloatDistribution
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch
from sklearn.metrics import roc_auc_score

import phase6c
from phase6c.data.bars import Bars
from phase6c.errors import ConfigError, StudyFailedError
from phase6c.nn.trial_run import TrialRun
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.statistics.health import diagnose
from phase6c.storage.files import read_lines
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import fold
from phase6c.study.ranking import value_of
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import write_study_config
from phase6c.study.trial_folder import read_predictions, trial_folder
from phase6c.tune.runtime import halt
from phase6c.tune.runtime.session import run_job
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import plan_study
from phase6c.tune.search.run import search_job
from phase6c.verify.study import verify
from search_spaces import tiny

from ...support.spaces import FEW_POINTS

# Workers cannot import the tests: what they run of this file travels with them.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

Search = Callable[..., Study]
pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_cpus", "short_demo_bars")]


class Shallow(Searcher):
    """A searcher of the user's own: one layer, the rest at random."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[int, float] = {}

    def set_search_properties(self, metric: Any, mode: Any, config: Any, **spec: Any) -> bool:
        self._domains = config
        return True

    def suggest(self, trial_id: str) -> dict[str, Any]:
        return {name: one.sample() for name, one in self._domains.items()} | {"n_layers": 0}

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        if not error:
            self.told[int(trial_id.split(".", maxsplit=1)[0])] = result["score"]


class Scripted(TrialRun):
    """Trains nothing: each epoch's value follows from the trial's number."""

    def _make_trainer(self) -> Any:
        self._number = int(self.folder.name.removeprefix("trial_"))
        return None

    def _train_epoch(self) -> Measurement:
        epoch = len(self.measurements) + 1
        value = 0.5 + self._number / 100 + epoch / 1000
        measurement = Measurement(
            epoch=epoch,
            value=value,
            metrics=Metrics(auc=value),
            health=Health(verdict="healthy"),
            duration_s=0.0,
        )
        self.measurements.append(measurement)
        self.kept_epoch = epoch
        return measurement


class Unkept(Scripted):
    """Writes a checkpoint where it is asked to, and by itself none."""

    def _train_epoch(self) -> Measurement:
        measurement = super()._train_epoch()
        self.kept_epoch = 0
        return measurement

    def keep_state(self) -> None:
        (self.folder / "kept").write_text(str(len(self.measurements)))


class AlwaysBuggy(Scripted):
    def _train_epoch(self) -> Measurement:
        raise RuntimeError("planted bug")


NOT_FINITE = Health(verdict="saturated", evidence=("Loss is not finite at step 3.",))


class Ill(Scripted):
    """Trial 1 has a bug, trial 2 diverges, and the worker of trial 3 is killed once."""

    def _train_epoch(self) -> Measurement:
        if self._number == 1:
            raise RuntimeError("planted bug")
        marker = self.folder / "died"
        if self._number == 3 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        measurement = super()._train_epoch()
        if self._number == 2:
            lost = {"value": None, "metrics": Metrics(), "health": NOT_FINITE}
            self.measurements[-1] = measurement.model_copy(update=lost)
        return self.measurements[-1]


def scripted_study(bars: Bars, out: Path, scripted: type[TrialRun], **options: Any) -> Study:
    class Started(TransformerTrainable):
        run_type = scripted

    given = {"n_trials": 5, "epochs": 2, "out": str(out), "scheduler": "none", "cpus": 1}
    plan = plan_study(tiny.SPACE, bars, SearchOptions(**given | options))
    return run_job(search_job(plan, Started))


@pytest.mark.parametrize(
    "options",
    [
        {"searcher": "optuna", "cpus": 2},
        {"searcher": "hyperopt"},
        {"searcher": "random", "objective": "log_loss"},
    ],
    ids=["optuna", "hyperopt", "random"],
)
def test_search_completes_within_its_budget_and_repeats_nothing(
    search: Search, options: dict[str, Any]
) -> None:
    study = search(**options)
    assert study.config.complete
    assert len(study.trials) == 5
    assert all(tiny.BUDGET.contains(trial.n_params) for trial in study.trials)
    shapes = [json.dumps({**trial.config, "seed": 0}) for trial in study.trials]
    assert len(set(shapes)) == 5
    assert study.best is not None
    assert study.config.value_corrected is not None


@pytest.fixture(scope="module")
def finished(
    two_cpus: None, sp500: Bars, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Study, Callable[[], Study]]:
    """A study without rungs that is complete, and a call that resumes it."""
    options = {"n_trials": 4, "epochs": 2, "scheduler": "none", "cpus": 1}
    options |= {"references": ("january_best",)}
    out = str(tmp_path_factory.mktemp("finished"))

    def start(**more: Any) -> Study:
        return phase6c.run_study(tiny.SPACE, sp500, out=out, **options, **more)

    return start(), partial(start, resume=True)


Finished = tuple[Study, Callable[[], Study]]


def test_files_of_a_study_are_as_promised(finished: Finished) -> None:
    study, _ = finished
    document = json.loads((study.folder / "all_trials.json").read_text())
    assert document["schema"] == "phase6c.all_trials/1"
    assert [row["number"] for row in document["trials"]] == list(range(5))
    reference = document["trials"][0]
    assert (reference["source"], reference["in_budget"]) == ("reference", False)
    best = json.loads((study.folder / "best_params.json").read_text())
    values = [row["value"] for row in document["trials"] if row["source"] == "sampled"]
    assert best["value"] == max(values)
    assert best["number"] != 0
    folder = trial_folder(study.folder, best["number"])
    there = {path.name.split(".")[0] for path in folder.iterdir()}
    assert there == {"config", "metrics", "best", "predictions", "events", "checksums"}
    assert len(read_lines(folder / "metrics.jsonl")) == 2
    assert fold(read_lines(study.folder / LEDGER_NAME)) == {t.number: t for t in study.trials}


def test_predictions_are_those_that_were_measured(finished: Finished) -> None:
    study, _ = finished
    for trial in study.trials:
        predictions = read_predictions(trial_folder(study.folder, trial.number))
        assert predictions is not None
        for measurement in trial.measurements:
            rows = predictions[predictions["epoch"] == measurement.epoch]
            assert measurement.metrics.pred_max == pytest.approx(rows["p"].max(), abs=1e-6)
            logits, y = rows["logit"].to_numpy(), rows["y"].to_numpy()
            base_rate = study.config.data_summary["train"]["base_rate"]
            assert diagnose(logits, y, base_rate).verdict == measurement.health.verdict


def test_resume_of_a_finished_study_changes_no_byte(finished: Finished) -> None:
    study, resume = finished
    before = {path: path.read_bytes() for path in study.folder.rglob("*") if path.is_file()}
    resume()
    after = {path: path.read_bytes() for path in study.folder.rglob("*") if path.is_file()}
    assert after == before


def test_resume_with_more_trials_keeps_what_is_finished(
    search: Search, caplog: pytest.LogCaptureFixture
) -> None:
    first = search(n_trials=2, epochs=2)
    write_study_config(
        first.folder, first.config.model_copy(update={"code_version": "0.0.1+other"})
    )
    second = search(n_trials=4, epochs=2, resume=True)
    assert "another version of the code (0.0.1+other, now" in caplog.text
    assert second.config.code_version == first.config.code_version
    assert second.trials[:2] == first.trials
    assert len(second.trials) == 4
    assert second.config.study_id == first.config.study_id


def test_used_up_grid_ends_the_search(search: Search, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="phase6c"):
        study = search(FEW_POINTS, n_trials=10, epochs=1)
    assert study.config.complete
    assert sorted(trial.params["dropout"] for trial in study.trials) == [0.0, 0.1, 0.2]
    assert "The space holds nothing new after 3 trials." in caplog.messages


def test_search_takes_any_searcher_of_rays(search: Search) -> None:
    own = Shallow()
    study = search(searcher=own, n_trials=3, epochs=1)
    assert study.config.complete
    assert study.config.searcher == "Shallow"
    assert {trial.params["n_layers"] for trial in study.trials if trial.number in own.told} == {1}
    assert own.told == {trial.number: value_of(trial, "auc") for trial in study.trials}
    with pytest.raises(ConfigError, match="searcher: 'Shallow' -> 'optuna'"):
        search(n_trials=4, epochs=1, resume=True)
    more = search(searcher=Shallow(), n_trials=4, epochs=1, resume=True)
    assert more.trials[:3] == study.trials
    assert len(more.trials) == 4


def test_searcher_with_a_space_of_its_own_is_refused_before_anything_starts(
    search: Search, tmp_path: Path
) -> None:
    own = OptunaSearch({"dropout": FloatDistribution(0.0, 0.5)}, metric="score", mode="max")
    with pytest.raises(ConfigError, match="OptunaSearch refuses them"):
        search(searcher=own)
    assert not list(tmp_path.rglob("study.json"))


@pytest.fixture(scope="module")
def ill(two_cpus: None, sp500: Bars, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return scripted_study(sp500, tmp_path_factory.mktemp("ill"), Ill)


def test_trial_with_a_bug_fails_and_the_search_goes_on(ill: Study) -> None:
    states = [trial.state for trial in ill.trials]
    assert states == ["COMPLETE", "FAILED", "FAILED", "COMPLETE", "COMPLETE"]
    error = ill.trials[1].error
    assert error is not None
    assert error.kind == "bug"
    assert "planted bug" in error.message


def test_diverged_trial_ends_at_once_with_its_cause(ill: Study) -> None:
    trial = ill.trials[2]
    assert (trial.state, trial.epochs) == ("FAILED", 1)
    assert trial.error is not None
    assert trial.error.kind == "diverged"
    assert "not finite" in trial.error.message


def test_trial_whose_worker_is_killed_is_taken_up_again(ill: Study) -> None:
    assert [trial.attempts for trial in ill.trials] == [1, 1, 1, 2, 1]
    assert [one.epoch for one in ill.trials[3].measurements] == [1, 2]


def test_same_bug_three_times_ends_the_search(sp500: Bars, tmp_path: Path) -> None:
    with pytest.raises(StudyFailedError, match="planted bug"):
        scripted_study(sp500, tmp_path, AlwaysBuggy)


def test_time_budget_ends_the_search_early_without_an_error(
    sp500: Bars, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock() -> float:
        """Runs out as soon as there are results."""
        ledgers = tmp_path.rglob(LEDGER_NAME)
        has_results = any('"kind": "result"' in path.read_text() for path in ledgers)
        return 1e6 * has_results + time.monotonic()

    monkeypatch.setattr(halt, "time", SimpleNamespace(monotonic=clock))
    study = scripted_study(sp500, tmp_path, Unkept, n_trials=200, time_budget_s=1e5)
    assert not study.config.complete
    assert 0 < len(study.trials) < 200
    # What runs at the end writes its state, and nothing else does.
    kept = {path.parent.name: int(path.read_text()) for path in study.folder.glob("*/kept")}
    running = {trial_folder("", one.number).name: one for one in study.trials if not one.finished}
    assert kept == {name: trial.epochs for name, trial in running.items() if trial.epochs}
    resumed = load_study(study.folder)
    assert resumed.trials == study.trials


def test_trials_measured_in_part_end_with_their_value_on_all_rows(search: Search) -> None:
    options = {"pins": {"val_windows": 100}, "epochs": 4, "grace_period": 1, "audit_share": 0.0}
    study = search(n_trials=4, **options)
    n_val = study.config.data_summary["val"]["rows"]
    for trial in study.trials:
        assert trial.state in ("COMPLETE", "PRUNED")
        assert trial.final is not None
        assert trial.attempts == 1
        stored = read_predictions(trial_folder(study.folder, trial.number))
        sizes = stored.groupby("epoch").size()
        assert sizes.pop(trial.final.epoch) == n_val
        assert all(abs(size - 100) <= 5 for size in sizes)
        best = stored[stored["epoch"] == trial.final.epoch]
        assert trial.final.value == pytest.approx(roc_auc_score(best["y"], best["logit"]))
    assert study.best_value == max(trial.final.value for trial in study.trials if trial.final)
    assert study.config.value_corrected is not None
    assert verify(study.folder).ok


def test_a_search_in_part_goes_on_where_a_trial_was_to_be_measured_on_all_rows(
    search: Search,
) -> None:
    options: dict[str, Any] = {"pins": {"val_windows": 100}, "epochs": 2, "n_trials": 2}
    study = search(**options)
    ledger = study.folder / LEDGER_NAME
    lines = ledger.read_bytes().splitlines(keepends=True)
    # As if the process had been killed between the last epoch and the measurement on all rows.
    assert json.loads(lines.pop())["kind"] == "final"
    ledger.write_bytes(b"".join(lines))
    write_study_config(study.folder, study.config.model_copy(update={"complete": False}))
    again = search(**options, resume=True)
    assert [_without_times(one) for one in again.trials] == [
        _without_times(one) for one in study.trials
    ]


def _without_times(trial: Trial) -> dict[str, Any]:
    told = trial.model_dump(exclude={"measurements": {"__all__": {"duration_s"}}})
    told["final"].pop("duration_s")
    return told
