"""W&B: a run for the study and one for each trial, all in one group."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phase6c.config import Values
from phase6c.study.ledger import Trials
from phase6c.study.study_config import StudyConfig
from phase6c.study.views.trackers.told import (
    Told,
    epoch_figures,
    final_figures,
    study_figures,
    study_params,
    study_tags,
    trial_name,
    trial_tags,
)

# Beside a run's own files: what W&B has of a trial that has ended.
_MARK = "phase6c.json"
# An answer that takes longer is none; the follower tries again by itself.
_ANSWER_S = 20.0
_SETTINGS: Values = {
    "init_timeout": _ANSWER_S,
    "finish_timeout": _ANSWER_S,
    "finish_timeout_raises": True,
    # Several trials at a time are told of.
    "reinit": "create_new",
    # Of trials alone: nothing of this process, its machine, its folder or its output.
    "console": "off",
    "silent": True,
    "disable_code": True,
    "disable_git": True,
    "x_disable_machine_info": True,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
}


class WandbTracker:
    """A tracker whose runs have identities of the study's id and the trial's number.

    W&B itself goes on with a run that it has, by its identity, and says from which step. Offline
    it cannot: there a run is told anew from its first epoch, and `wandb sync` has the newer folder
    replace the older. A trial that was told to its end is marked in its run's folder, and passed
    over from then on.

    Args:
        project: Name of the project.
        config: The study.
        folder: The study's folder, in which W&B keeps its files unless WANDB_DIR names another.
    """

    def __init__(self, project: str, config: StudyConfig, folder: Path) -> None:
        # Faults of this process are nobody else's matter.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        self._wandb = wandb
        self._project, self._config = project, config
        self._root = Path(os.environ.get("WANDB_DIR") or folder)
        self._open: dict[int, Any] = {}
        self._ended = self._marked()

    def tell(self, told: Told) -> None:
        """Adds the epochs that the run does not have, and its end."""
        trial, number = told.trial, told.trial.number
        if self._ended.get(self._run_id(number)) == trial.state:
            return
        tags = trial_tags(self._config, trial)
        if number not in self._open:
            self._open[number] = self._begin(number, trial_name(trial), trial.params, tags)
        run = self._open[number]
        for one, _ in told.epochs_from(max(1, run.step)):
            run.log(epoch_figures(one), step=one.epoch, commit=True)
        run.summary.update(tags | final_figures(self._config, trial))
        if trial.finished:
            self._end(number, failed=trial.state == "FAILED")
            self._mark(run, trial.state)

    def tell_study(self, config: StudyConfig, trials: Trials, at: float) -> None:
        """Adds the best value so far, and whether the study is complete."""
        tags = study_tags(config, trials.values())
        run = self._begin(None, config.name, study_params(config), tags)
        run.summary.update(tags | study_figures(config, trials.values()))
        run.finish(exit_code=0)

    def close(self) -> None:
        """Ends the runs of trials that are not trained any more; a resume goes on with them."""
        while self._open:
            self._end(next(iter(self._open)), failed=False)

    def _end(self, number: int, *, failed: bool) -> None:
        self._open[number].finish(exit_code=int(failed))
        del self._open[number]

    def _begin(
        self, number: int | None, name: str, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> Any:
        config = self._config
        try:
            return self._wandb.init(
                project=self._project,
                id=self._run_id(number),
                resume="allow",
                name=name,
                group=f"{config.name} {config.study_id[:8]}",
                job_type="study" if number is None else "trial",
                tags=[config.budget, config.data.label, tags.get("source", "study")],
                config={**params, **tags},
                dir=self._root,
                settings=self._wandb.Settings(**_SETTINGS),
            )
        except Exception:
            # W&B's own process would hold the identity, and refuse it from then on; what it has not
            # sent of other runs is told again when they are begun again.
            self._open.clear()
            self._wandb.teardown()
            raise

    def _run_id(self, number: int | None) -> str:
        return self._config.study_id + ("" if number is None else f"-{number}")

    @property
    def _place(self) -> str:
        """Whom the marks are about: another project, or server, knows of nothing."""
        return f"{os.environ.get('WANDB_BASE_URL', '')} {self._project}"

    def _marked(self) -> dict[str, str]:
        """The states in which trials have ended for W&B, by identity."""
        marks = (
            json.loads(path.read_text())
            for path in sorted(self._root.glob(f"wandb/*run-*-{self._config.study_id}-*/{_MARK}"))
        )
        return {mark["id"]: mark["state"] for mark in marks if mark["place"] == self._place}

    def _mark(self, run: Any, state: str) -> None:
        mark = {"id": run.id, "place": self._place, "state": state}
        Path(run.dir).with_name(_MARK).write_text(json.dumps(mark))
        self._ended[run.id] = state
