"""The records of a search: measurements, trials and their states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from phase6c.config import LOSSES, Objective, Record, TrainConfig, TrialConfig, Values, parse
from phase6c.notebook import as_html, as_rows
from phase6c.wording import counted

# INFEASIBLE is read and never written: shapes that cannot be are not in the space.
State = Literal["RUNNING", "COMPLETE", "PRUNED", "FAILED", "INFEASIBLE"]
# As people read them, in the order of a trial's life.
STATES: dict[State, str] = {
    "RUNNING": "running",
    "COMPLETE": "complete",
    "PRUNED": "stopped early",
    "FAILED": "failed",
    "INFEASIBLE": "infeasible",
}
Source = Literal["sampled", "reference", "warm_start", "probe", "evaluation"]
# Sources of the trials that the search itself chooses, within its number of trials.
CHOSEN: tuple[Source, ...] = ("sampled", "warm_start")
ErrorKind = Literal["diverged", "oom", "worker_lost", "bug"]
Verdict = Literal[
    "healthy",
    "miscalibrated",
    "double_sigmoid",
    "prior_shift",
    "undertrained",
    "saturated",
    "constant",
    "one_class",
]


class Metrics(Record):
    """The quality of an epoch's validation probabilities; null where a figure is undefined.

    Attributes:
        auc_within_day, auc_per_ticker: Means of the AUC over the days, and over the tickers, that
            have both classes; null for a single ticker, as are the next two.
        rank_ic: Mean over the days of Spearman's correlation, over the day's tickers, of the logit
            with what the label is cut from: the highest high, or the last close, over the close.
        rank_ic_t: Its t value, with errors that allow for overlapping horizons.
    """

    auc: float | None = None
    average_precision: float | None = None
    log_loss: float | None = None
    brier: float | None = None
    refinement: float | None = None
    skill: float | None = None
    ece: float | None = None
    calibration_intercept: float | None = None
    calibration_slope: float | None = None
    base_rate: float | None = None
    pred_min: float | None = None
    pred_max: float | None = None
    pred_range: float | None = None
    pred_p01: float | None = None
    pred_p50: float | None = None
    pred_p99: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    best_f1: float | None = None
    best_f1_threshold: float | None = None
    max_precision: float | None = None
    auc_down: float | None = None
    auc_direction: float | None = None
    loss_train: float | None = None
    auc_within_day: float | None = None
    auc_per_ticker: float | None = None
    rank_ic: float | None = None
    rank_ic_t: float | None = None

    def __repr__(self) -> str:
        names = ("auc", "log_loss", "skill", "ece", "base_rate", "pred_min", "pred_max")
        figures = ((name, getattr(self, name)) for name in names)
        told = ", ".join(f"{name} {value:.4g}" for name, value in figures if value is not None)
        return f"Metrics({told or 'none of the main figures'})"


class Health(Record):
    """The verdict on an epoch's probabilities, and the evidence for the likely cause."""

    verdict: Verdict
    evidence: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Health({self.verdict!r}, {counted(len(self.evidence), 'piece')} of evidence)"


class Measurement(Record):
    """An epoch of a trial.

    Attributes:
        micro_batch_size: Number of windows that went through the model at once where the memory
            did not suffice for a batch; None where it did.
    """

    epoch: int
    value: float | None
    metrics: Metrics
    health: Health
    duration_s: float
    micro_batch_size: int | None = None

    def __repr__(self) -> str:
        value = "no value" if self.value is None else f"value {self.value:.4f}"
        return f"Measurement(epoch {self.epoch}, {value}, {self.health.verdict})"

    @property
    def diverged(self) -> bool:
        """Whether the epoch has no value."""
        return self.value is None


class Baseline(Record):
    """The figures of a simpler model on the same rows."""

    name: str
    metrics: Metrics
    duration_s: float


class Stopped(Record):
    """The rung that stopped a trial, or would have stopped an audited trial.

    Attributes:
        epoch: Epoch of the rung.
        value: Value that was compared: the best so far, or, where a forecast decided too, the
            forecast of the value at the last epoch.
        cutoff: Value to be reached.
        forecast: Value to expect, had the trial trained to the end.
        audit_chance: Chance that the trial had of being finished all the same; None in studies that
            gave each trial the same.
    """

    epoch: int
    value: float
    cutoff: float
    forecast: float | None = None
    audit_chance: float | None = None


class TrialError(Record):
    """Why a trial failed."""

    kind: ErrorKind
    message: str


class Trial(Record):
    """A configuration and all that is known of it.

    Attributes:
        contrast_of: Number of the trial that a probe varies or repeats; the probe's own number
            where that configuration was never a trial of the study.
        step: Step that a training of an evaluation is fitted for: fold_1, fold_2 ..., cal or
            test.
        ending: State that the trial ends in once its best epoch is measured on all validation rows;
            None before its last epoch, and where each epoch is measured on all rows.
        final: Measurement of the best epoch on all validation rows, where its epochs are measured
            on a part of them.
    """

    number: int
    state: State = "RUNNING"
    source: Source = "sampled"
    name: str | None = None
    seed: int = 0
    audited: bool = False
    contrast_of: int | None = None
    step: str | None = None
    stopped: Stopped | None = None
    params: dict[str, Any]
    config: dict[str, Any]
    n_params: int
    in_budget: bool
    attempts: int = 0
    error: TrialError | None = None
    code_version: str | None = None
    measurements: tuple[Measurement, ...] = ()
    ending: State | None = None
    final: Measurement | None = None

    def values_of(self, names: Iterable[str]) -> Values:
        """The parameters, and of these fields the values that the configuration has.

        A field may have become an axis after the trial was made, which is then not among its
        parameters.
        """
        lacking = [name for name in names if name not in self.params]
        if not lacking:
            return self.params
        flat = parse(TrialConfig, self.config).flat()
        return {**self.params, **{name: flat[name] for name in lacking if name in flat}}

    def __repr__(self) -> str:
        objective = self._objective
        best = self.best(objective)
        reached = f"no value in {counted(self.epochs, 'epoch')}"
        if best:
            reached = f"{objective} {best.value:.4f} at epoch {best.epoch} of {self.epochs}"
        return (
            f"Trial({self.number}{f' {self.name}' if self.name else ''}, {self.state.lower()}, "
            f"{self.source}, {reached}, {counted(self.n_params, 'parameter')})"
        )

    def _repr_html_(self) -> str:
        """The trial in a notebook: its fields, and the metrics of its best epoch."""
        best = self.best(self._objective)
        fields = self.summary(self._objective)
        others = {name: fields.pop(name) or {} for name in ("params", "metrics")}
        health, error = best and best.health, self.error
        fields |= {
            "stopped": self.stopped and f"at epoch {self.stopped.epoch}",
            "health": health and (health.verdict, *health.evidence),
            "error": error and f"{error.kind}: {error.message}",
        }
        return as_html(repr(self), as_rows(fields | others["params"] | others["metrics"]))

    @property
    def _objective(self) -> Objective:
        """The metric that its best epoch is chosen by, as its configuration says."""
        objective: Objective = self.config.get("train", {}).get("objective", "auc")
        return objective

    @property
    def epochs(self) -> int:
        """The number of epochs that were measured."""
        return len(self.measurements)

    @property
    def duration_s(self) -> float:
        """Seconds of all epochs."""
        return sum(epoch.duration_s for epoch in self.measurements)

    @property
    def finished(self) -> bool:
        """Whether the trial has ended."""
        return self.state != "RUNNING"

    @property
    def chosen(self) -> bool:
        """Whether the search itself chose the trial, within its number of trials."""
        return self.source in CHOSEN

    @property
    def searched(self) -> bool:
        """Whether the trial is the search's own, references included; a probe is not."""
        return self.chosen or self.source == "reference"

    def varied_from(self, base: Trial) -> dict[str, Any]:
        """The fields in which its configuration differs from another's, with its own values."""
        # Probes repeat their base under other seeds, which is no change of a field.
        own, others = (_sections(trial.config) for trial in (self, base))
        return {name: value for name, value in own.items() if others.get(name) != value}

    @property
    def is_measured_in_part(self) -> bool:
        """Whether its epochs are measured on a part of the validation rows."""
        return self.config.get("train", {}).get("val_windows") is not None

    @property
    def awaits_final(self) -> bool:
        """Whether its best epoch has been measured on a part of the validation rows alone."""
        return self.is_measured_in_part and self.final is None

    def best(self, objective: Objective) -> Measurement | None:
        """The best epoch, on all validation rows once the trial has been measured on them."""
        return self.final or self.best_on_rungs(objective)

    def best_on_rungs(self, objective: Objective) -> Measurement | None:
        """The epoch with the best value, on the rows of the rungs; the earliest of equals."""
        return best_measurement(self.measurements, objective)

    def summary(self, objective: Objective) -> dict[str, Any]:
        """The trial as it stands in all_trials.json."""
        best = self.best(objective)
        row = self.model_dump(mode="json", exclude={"measurements", "config", "ending", "final"})
        row |= {
            "value": best.value if best else None,
            "best_epoch": best.epoch if best else None,
            "epochs": self.epochs,
            "metrics": best.metrics.model_dump(mode="json") if best else None,
            "health": best.health.model_dump(mode="json") if best else None,
            "duration_s": round(self.duration_s, 3),
        }
        return row


def _sections(config: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a nested configuration but the seed, under their flat names."""
    sections = (section for section in config.values() if isinstance(section, Mapping))
    return {name: value for section in sections for name, value in section.items()}


def is_complete(measurements: Sequence[Measurement], train: TrainConfig) -> bool:
    """Whether a trial has had all its epochs, or none of the latest epochs was a better one."""
    if len(measurements) >= train.epochs:
        return True
    # The first of equal best epochs counts: a plateau is no progress.
    scores = [score(epoch.value, train.objective) for epoch in measurements]
    return len(scores) - 1 - scores.index(max(scores)) >= train.patience_epochs


def best_measurement(
    measurements: Iterable[Measurement], objective: Objective
) -> Measurement | None:
    """The epoch with the best value; the earliest of equals, None where none has a value."""
    finite = [epoch for epoch in measurements if epoch.value is not None]
    return max(finite, key=lambda epoch: score(epoch.value, objective), default=None)


def score(value: float | None, objective: Objective) -> float:
    """The value turned so that larger is better; an undefined value is the worst."""
    if value is None:
        return float("-inf")
    return -value if objective in LOSSES else value


def objective_value(metrics: Metrics, objective: Objective) -> float | None:
    """The metric that `objective` names."""
    value: float | None = getattr(metrics, objective)
    return value
