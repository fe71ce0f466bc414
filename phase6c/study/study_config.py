"""The configuration of a study: the content of study.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from phase6c.config import DataConfig, Objective, Record, TrainConfig, parse_stored
from phase6c.data.handling import Handling
from phase6c.errors import FolderError, StorageError
from phase6c.records import Baseline
from phase6c.statistics.bootstrap import Estimate
from phase6c.storage.files import write_json
from phase6c.study.evaluation_config import EvaluationConfig
from phase6c.wording import counted, listed

STUDY_FILE = "study.json"
TRIALS_FILE = "all_trials.json"
BEST_PARAMS_FILE = "best_params.json"
BASELINES_FILE = "baselines.parquet"
OPTUNA_FILE = "optuna.db"
JOURNAL_FILE = "optuna.journal"

SearcherName = Literal["optuna", "hyperopt", "random"]
SamplerName = Literal["auto", "gp", "tpe"]
SchedulerName = Literal["asha", "none"]

# The Gaussian process of the sampler `auto` makes way for TPE after so many results.
MAX_BY_GP = 120


class PriorPoint(Record):
    """A trial of an earlier search in values of this search's axes; a larger score is better."""

    values: dict[str, Any]
    score: float


class WarmStart(Record):
    """Starts and a prior that a search takes over from an earlier search.

    Attributes:
        source: Folder or file that was read.
        source_digest: Digest of the trials that the source tells of.
        starts: Complete flat values to run first, the best first.
        points: Points that the prior is made from.
        n_told: Number of trials that the source tells of.
        lacks: What each of those lacks that tell nothing, in words that go on from "has".
        untold: Axes that the source says nothing about; they took their default, or a draw.
    """

    source: str
    source_digest: str
    starts: tuple[dict[str, Any], ...]
    points: tuple[PriorPoint, ...]
    n_told: int = 0
    lacks: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()

    def __repr__(self) -> str:
        starts, points = counted(len(self.starts), "start"), counted(len(self.points), "point")
        return f"WarmStart({self.source!r}, {starts}, {points})"


class StudyConfig(Record):
    """Everything that a search depends on; stored as study.json.

    Attributes:
        study_id: Random; a worker checks it to know that it sees the study's folder.
        space: The search space, as `Space.describe` gives it.
        sources: Where the bars came from.
        handling: What was to be done with bad rows and tickers of the sources.
        data_digest: Digest of bars, data configuration, labels and features.
        data_summary: Block dates, row counts and base rates; of test only dates and rows.
        n_trials: Sampled and warm-started trials in all; 0 where there are only probes.
        sampler: Which of Optuna's samplers `optuna` carries; studies from before there was a
            choice have TPE.
        grace_epochs: Epochs that every trial gets; where the grace is adaptive, to begin with.
        adaptive_grace: Whether the search settles the first rung by its own trials, and stops
            where both the best values so far and the forecasts say so, or the former alone where
            so many trials can afford it.
        audit_share: Epochs spent on finishing some of the trials to be stopped, as a share of the
            epochs that stopped trials had.
        keep: Number of trials that keep their best weights.
        warm_start: Start from an earlier search; a resume does not read that search again.
        value_corrected: The best value corrected for choosing, once the search is complete.
        gains_corrected: By baseline, how much better the best is than it on the same rows and
            draws; positive is better whatever the objective.
        complete: Whether the search has ended as it should; probes may still be unfinished.
        evaluation: Contenders and steps, where the trials are the trainings of an evaluation.
    """

    schema_: Literal["phase6c.study/1"] = Field(default="phase6c.study/1", alias="schema")
    study_id: str
    name: str
    budget: str
    space: dict[str, Any]
    sources: tuple[str, ...]
    handling: Handling = Handling()
    data: DataConfig
    data_digest: str
    data_summary: dict[str, Any]
    train: TrainConfig
    n_trials: int = Field(ge=0)
    searcher: str = "optuna"
    sampler: SamplerName = "tpe"
    scheduler: SchedulerName = "asha"
    grace_epochs: int = Field(default=3, ge=1)
    adaptive_grace: bool = False
    audit_share: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    reduction_factor: float = Field(default=3.0, gt=1)
    time_budget_s: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    keep: int = Field(default=10, ge=1)
    warm_start: WarmStart | None = None
    baselines: tuple[Baseline, ...] = ()
    code_version: str
    value_corrected: float | None = None
    gains_corrected: Mapping[str, Estimate] = {}
    complete: bool = False
    evaluation: EvaluationConfig | None = None

    def __repr__(self) -> str:
        return (
            f"StudyConfig({self.name!r}, {self.budget}, {self.data.target}, tier "
            f"{self.data.tier}, {counted(self.n_trials, 'trial')} by {self.searcher} and "
            f"{self.scheduler}, objective {self.objective})"
        )

    @property
    def proposer(self) -> str:
        """Who proposes the trials and why, as a sentence."""
        if self.searcher != "optuna":
            return f"{self.searcher} proposes, which was asked for."
        if self.sampler == "tpe":
            return "TPE proposes, which was asked for or is what the study began with."
        if self.sampler == "gp":
            return "A Gaussian process proposes, which was asked for."
        if self.n_trials <= MAX_BY_GP:
            return f"A Gaussian process proposes, which is affordable up to {MAX_BY_GP} results."
        return (
            f"A Gaussian process proposes until {MAX_BY_GP} trials have ended, and TPE from then "
            "on, which costs less."
        )

    @property
    def objective(self) -> Objective:
        """The metric that is optimised."""
        return self.train.objective


def read_study_config(folder: Path) -> StudyConfig:
    """The study's configuration.

    Raises:
        FolderError: There is no study in the folder.
        ConfigError: Another version of the code wrote it.
        StorageError: It is damaged.
    """
    path = folder / STUDY_FILE
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL character
        raise FolderError(
            "A study's folder must hold a readable study.json",
            f"{path}: {getattr(error, 'strerror', None) or error}",
            f"Name the folder of a study, such as {_example(folder)}.",
        ) from error
    try:
        return parse_stored(StudyConfig, json.loads(content), path)
    except (ValueError, RecursionError) as error:
        raise StorageError(
            "A study's study.json must be JSON",
            path,
            "The file was damaged from outside; restore it from a copy.",
        ) from error


def _example(folder: Path) -> str:
    """Studies that lie below a folder, or what a study's folder looks like."""
    with suppress(OSError, ValueError):
        below = sorted({*folder.glob(f"*/{STUDY_FILE}"), *folder.glob(f"*/*/{STUDY_FILE}")})
        if below:
            return listed([str(path.parent) for path in below], limit=5)
    return "outputs/phase6c_a100/hpo_2m_h1"


def write_study_config(folder: Path, config: StudyConfig) -> None:
    """Stores the study's configuration."""
    write_json(folder / STUDY_FILE, config.model_dump(mode="json", by_alias=True))
