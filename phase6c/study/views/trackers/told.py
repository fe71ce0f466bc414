"""What a tracker is told of a study and of its trials, by the same names for every tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from phase6c.config import Values
from phase6c.records import Measurement, Trial
from phase6c.study.ledger import Row, Trials, apply
from phase6c.study.ranking import best_trial
from phase6c.study.study_config import StudyConfig

# The figures of an epoch that are followed while it trains; files of the study hold all others.
KEY_METRICS = (
    *("auc", "log_loss", "refinement", "brier", "average_precision", "ece"),
    *("pred_min", "pred_max", "loss_train"),
    *("auc_within_day", "auc_per_ticker", "rank_ic"),
)
_OF_STUDY = ("n_trials", "searcher", "sampler", "scheduler", "seed", "data_digest")


@dataclass(frozen=True)
class Told:
    """A trial after some row of the ledger, and when what happened to it.

    Attributes:
        trial: The trial.
        begun: Time at which it was chosen, in seconds since 1970, as are the next two.
        measured: Times of its epochs.
        last: Time of its last row.
    """

    trial: Trial
    begun: float
    measured: tuple[float, ...]
    last: float

    def after(self, row: Row) -> Told:
        """What is told after a further row."""
        epochs = (row["at"],) if row["kind"] == "result" else ()
        trial, measured = apply(self.trial, row), (*self.measured, *epochs)
        return replace(self, trial=trial, measured=measured, last=row["at"])

    def epochs_from(self, first: int) -> Iterator[tuple[Measurement, float]]:
        """The epochs from a number on, each with its time."""
        pairs = zip(self.trial.measurements, self.measured, strict=True)
        return islice(pairs, first - 1, None)


def first_told(row: Row) -> Told:
    """What is told by the first row of a trial."""
    return Told(apply(None, row), row["at"], (), row["at"])


class Tracker(Protocol):
    """What shows the runs of many programs, and is told of ours.

    Every method raises an error of the tracker's own library where the tracker does not take what
    it is told. To tell the same once more changes nothing.
    """

    def tell(self, told: Told) -> None:
        """Brings the run of a trial to what is told."""

    def tell_study(self, config: StudyConfig, trials: Trials, at: float) -> None:
        """Brings the run that stands for the whole study to its end so far."""

    def close(self) -> None:
        """Ends the runs of trials that have not ended: nobody trains them now."""


def trial_name(trial: Trial) -> str:
    """The name of a trial's run."""
    return f"trial {trial.number}{f' {trial.name}' if trial.name else ''}"


def trial_tags(config: StudyConfig, trial: Trial) -> dict[str, str]:
    """By what a trial is found, and how it stands."""
    told: Values = {
        "study": config.study_id,
        "trial": trial.number,
        "budget": config.budget,
        "code_version": trial.code_version or config.code_version,
        "source": trial.source,
        "seed": trial.seed,
        "n_params": trial.n_params,
        "step": trial.step,
        "state": trial.state,
        "stopped": _stop_reason(trial),
        "error": trial.error and f"{trial.error.kind}: {trial.error.message}",
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def _stop_reason(trial: Trial) -> str | None:
    stopped = trial.stopped
    if stopped is None:
        return None
    audited = ", finished all the same as an audit" if trial.audited else ""
    return f"epoch {stopped.epoch}: {stopped.value:.4g} against {stopped.cutoff:.4g}{audited}"


def epoch_figures(measurement: Measurement) -> dict[str, float]:
    """The value of an epoch and its key metrics, as far as they are defined."""
    told = {"value": measurement.value}
    told |= {name: getattr(measurement.metrics, name) for name in KEY_METRICS}
    return {name: value for name, value in told.items() if value is not None}


def final_figures(config: StudyConfig, trial: Trial) -> dict[str, float]:
    """The best value of a trial and its epoch; nothing before an epoch has a value."""
    best = trial.best(config.objective)
    if best is None or best.value is None:
        return {}
    return {"best_value": best.value, "best_epoch": best.epoch}


def study_params(config: StudyConfig) -> dict[str, str]:
    """What a study was started with."""
    told = config.model_dump(mode="json", include={*_OF_STUDY})
    told |= {
        "data": " ".join(Path(source).name for source in config.sources),
        "label": config.data.target,
        "tier": config.data.tier,
        "objective": config.objective,
        "epochs": config.train.epochs,
    }
    return {name: str(value) for name, value in told.items()}


def study_tags(config: StudyConfig, trials: Iterable[Trial]) -> dict[str, str]:
    """By what a study is found, and how far it is."""
    known = list(trials)
    best = best_trial(known, config)
    told: Values = {
        "study": config.study_id,
        "budget": config.budget,
        "code_version": config.code_version,
        "complete": str(config.complete).lower(),
        "best_trial": best and best.number,
    }
    return {name: str(value) for name, value in told.items() if value is not None}


def study_figures(config: StudyConfig, trials: Iterable[Trial]) -> dict[str, float]:
    """The best value of a study, also corrected for having been chosen, and counts of trials."""
    known = list(trials)
    best = best_trial(known, config)
    told = {} if best is None else final_figures(config, best)
    if config.value_corrected is not None:
        told["value_corrected"] = config.value_corrected
    counts = Counter(trial.state.lower() for trial in known)
    return told | {f"trials_{state}": number for state, number in counts.items()}
