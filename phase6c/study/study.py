"""A study: its configuration, its trials, and the files that are made from its ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from phase6c.config import (
    DataConfig,
    Objective,
    Record,
    TrainConfig,
    TrialConfig,
    Values,
    parse_stored,
)
from phase6c.errors import DataError, FolderError, StorageError
from phase6c.records import Baseline, Trial, score
from phase6c.space.axes import parse_axes
from phase6c.storage.files import write_json
from phase6c.study.evaluation_config import EvaluationConfig
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Trials, read_trials

if TYPE_CHECKING:
    import pandas as pd

STUDY_FILE = "study.json"
TRIALS_FILE = "all_trials.json"
BEST_FILE = "best_params.json"
BASELINES_FILE = "baselines.parquet"
OPTUNA_FILE = "optuna.db"

SearcherName = Literal["optuna", "hyperopt", "random"]
SchedulerName = Literal["asha", "none"]


class PriorPoint(Record):
    """What an earlier search found, in values of this one's axes; a larger score is better."""

    values: dict[str, Any]
    score: float


class WarmStart(Record):
    """What a search takes over from an earlier one.

    Attributes:
        source: The folder or file that it was read from.
        source_digest: Of what the source said.
        starts: Complete flat values to run first, the best first.
        points: What the prior is made from.
        n_told: How many trials the source told of.
        untold: Axes that it says nothing about; a value of them was drawn.
    """

    source: str
    source_digest: str
    starts: tuple[dict[str, Any], ...]
    points: tuple[PriorPoint, ...]
    n_told: int = 0
    untold: tuple[str, ...] = ()


class StudyConfig(Record):
    """Everything that a search depends on; stored as study.json.

    Attributes:
        study_id: Random; a worker checks it to know that it sees the study's folder.
        space: The search space, as `Space.describe` gives it.
        sources: Where the bars came from.
        data_digest: Of bars, data configuration and feature code.
        data_summary: Block dates, row counts and base rates; of test only dates and rows.
        n_trials: Sampled and warm-started trials in all; 0 where there are only probes.
        grace_epochs: Epochs that every trial gets; at most, where the grace is adaptive.
        adaptive_grace: Whether the search settles the first rung by its own trials, and compares
            forecasts rather than the best values so far.
        audit_share: Of the trials that a rung would stop, how many are finished all the same.
        keep: How many trials keep their best weights.
        warm_start: What was taken over from an earlier search; a resume does not read it again.
        value_corrected: The best value corrected for choosing, once the search is complete.
        complete: Whether the search has ended as it should; probes may still be unfinished.
        evaluation: What is compared, where this is no search but the trainings of an evaluation.
    """

    schema_: Literal["phase6c.study/1"] = Field(default="phase6c.study/1", alias="schema")
    study_id: str
    name: str
    budget: str
    space: dict[str, Any]
    sources: tuple[str, ...]
    data: DataConfig
    data_digest: str
    data_summary: dict[str, Any]
    train: TrainConfig
    n_trials: int = Field(ge=0)
    searcher: str = "optuna"
    scheduler: SchedulerName = "asha"
    grace_epochs: int = Field(default=3, ge=1)
    adaptive_grace: bool = False
    audit_share: float = Field(default=0.0, ge=0, le=1)
    reduction_factor: float = Field(default=3.0, gt=1)
    time_budget_s: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    keep: int = Field(default=10, ge=1)
    warm_start: WarmStart | None = None
    baselines: tuple[Baseline, ...] = ()
    code_version: str
    value_corrected: float | None = None
    complete: bool = False
    evaluation: EvaluationConfig | None = None

    @property
    def objective(self) -> Objective:
        """What is optimised."""
        return self.train.objective


@dataclass(frozen=True)
class Study:
    """A search that was run, finished or not.

    Attributes:
        folder: Where its files are.
        config: What was searched, and how.
        trials: In the order of their numbers.
    """

    folder: Path
    config: StudyConfig
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The eligible trial with the best value; None before there is one."""
        return best_trial(self.trials, self.config)

    def config_of(self, trial: Trial) -> TrialConfig:
        """The configuration of one of its trials.

        Raises:
            ConfigError: Another version of the code wrote it.
            StorageError: It cannot be one: the ledger is damaged.
        """
        return parse_stored(TrialConfig, trial.config, self.folder / LEDGER_NAME)

    def to_frame(self) -> pd.DataFrame:
        """One row a trial: its summary, parameters and metrics in flat columns."""
        import pandas as pd

        rows = [trial.summary(self.config.objective) for trial in self.trials]
        return pd.json_normalize(rows)


def load_study(folder: str | Path) -> Study:
    """Reads a study from its folder; nothing of it is executed.

    Raises:
        FolderError: There is no study in the folder.
        StorageError: A file of it is damaged, or its ledger is gone.
    """
    folder = Path(folder)
    config = read_config(folder)
    ledger = folder / LEDGER_NAME
    if not ledger.exists():
        raise StorageError(
            "A study must have its ledger",
            f"{ledger} is missing",
            "Restore it from a copy, or run the study again.",
        )
    return Study(folder, config, ordered(read_trials(ledger)))


def check_same(
    studies: Iterable[Study],
    aspects: Mapping[str, Callable[[Study], str]],
    together: str,
    remedy: str,
) -> None:
    """Checks that studies agree, so that their figures can be put side by side.

    Args:
        studies: Which.
        aspects: By what it is called, what they must agree in.
        together: What is made of them, in words.
        remedy: What to do else.

    Raises:
        DataError: They differ.
    """
    for what, value_of in aspects.items():
        found = {value_of(study): study.config.name for study in studies}
        if len(found) > 1:
            values = ", ".join(f"{name} has {value}" for value, name in found.items())
            raise DataError(f"Studies {together} must have the same {what}", values, remedy)


def read_config(folder: Path) -> StudyConfig:
    """The study's configuration.

    Raises:
        FolderError: There is no study in the folder.
        ConfigError: Another version of the code wrote it.
        StorageError: It is damaged.
    """
    path = folder / STUDY_FILE
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # a name that cannot be one
        raise FolderError(
            "A study's folder must hold a readable study.json",
            f"{path}: {getattr(error, 'strerror', None) or error}",
            "Name the folder of a study, such as outputs/phase6c_a100/hpo_2m_h1.",
        ) from error
    try:
        return parse_stored(StudyConfig, json.loads(content), path)
    except (ValueError, RecursionError) as error:
        raise StorageError(
            "A study's study.json must be JSON",
            path,
            "The file was damaged from outside; restore it from a copy.",
        ) from error


def write_config(folder: Path, config: StudyConfig) -> None:
    """Stores the study's configuration."""
    write_json(folder / STUDY_FILE, config.model_dump(mode="json", by_alias=True))


def ordered(trials: Trials) -> tuple[Trial, ...]:
    """The trials in the order of their numbers."""
    return tuple(trials[number] for number in sorted(trials))


def eligible(trial: Trial, config: StudyConfig) -> bool:
    """Whether the trial may be called the best.

    It must be chosen by the search, lie in the budget, have ended past its grace, and have
    probabilities that are not constant. Where the grace is adaptive, the longest one counts: a
    shorter one is long enough to rank most trials, not to trust one lucky epoch.
    """
    best = trial.best(config.objective)
    past_grace = trial.epochs > min(config.grace_epochs, config.train.epochs - 1)
    ended = trial.state == "COMPLETE" or (trial.state == "PRUNED" and past_grace)
    chosen = trial.chosen and trial.in_budget
    return bool(ended and chosen and best and best.health.verdict != "constant")


def best_trial(trials: Iterable[Trial], config: StudyConfig) -> Trial | None:
    """The eligible trial with the best value; the earliest of equals."""
    return next(iter(ranked(trials, config)), None)


def ranked(trials: Iterable[Trial], config: StudyConfig) -> list[Trial]:
    """The trials that may be called the best, the best first and the earliest of equals."""
    allowed = [trial for trial in trials if eligible(trial, config)]
    return sorted(allowed, key=lambda one: (-value_of(one, config.objective), one.number))


def value_of(trial: Trial, objective: Objective) -> float:
    """The trial's value so far, turned so that larger is better."""
    best = trial.best(objective)
    return score(best.value if best else None, objective)


def write_views(folder: Path, config: StudyConfig, trials: Trials) -> None:
    """Makes all_trials.json and best_params.json from what the ledger says."""
    write_json(folder / TRIALS_FILE, all_trials(config, trials))
    best = best_trial(ordered(trials), config)
    if best is not None:
        write_json(folder / BEST_FILE, best_params(config, best))


def all_trials(config: StudyConfig, trials: Trials) -> Values:
    """The content of all_trials.json."""
    return {
        "schema": "phase6c.all_trials/1",
        "study": config.model_dump(mode="json", by_alias=True),
        "trials": [trial.summary(config.objective) for trial in ordered(trials)],
    }


def best_params(config: StudyConfig, best: Trial) -> Values:
    """The content of best_params.json."""
    row = best.summary(config.objective)
    names = ("number", "value", "params", "metrics", "health", "n_params")
    return {
        "schema": "phase6c.best_params/1",
        **{name: row[name] for name in names},
        "value_corrected": config.value_corrected,
        "config": best.config,
        "notes": edge_notes(config.space, best.params),
    }


def edge_notes(space: Values, params: Values) -> list[str]:
    """A sentence for each ordered axis whose best value is its first or last."""
    notes = []
    for name, axis in parse_axes(space["axes"]).items():
        if axis.edges is None or name not in params:
            continue
        low, high = axis.edges
        if params[name] in (low, high) and low != high:
            side = "lower" if params[name] == low else "upper"
            notes.append(f"{name} = {params[name]} is the {side} edge of its axis")
    return notes
