"""What probes show: a trial against the same with one field changed, on the same seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from phase6c.config import Objective, Record, TrialConfig, Value, parse
from phase6c.records import Trial, score
from phase6c.statistics.bootstrap import PairedInterval, paired_interval, row_weights
from phase6c.statistics.selection import score_of
from phase6c.study.ranking import value_of
from phase6c.study.study import Study
from phase6c.study.trial_folder import read_predictions, trial_folder

DOUBT = (
    "The 95% intervals cover the luck of training, over the seeds, and which days validation "
    "happens to hold; not another period, nor that both sides are judged at their best epoch, nor "
    "that the base was chosen on these very days."
)


class Pair(NamedTuple):
    """A contrast to look for: the number of a trial, and a value for one field of it."""

    base: int
    name: str
    value: Value


class Contrast(Record):
    """A trial's configuration against the same with one field changed.

    Attributes:
        base: The number of the trial.
        base_label: What tables call it.
        name, base_value, value: The field, as the trial has it and as it was changed.
        n_params, in_budget: Of the changed one.
        seeds: Those on which both reached a value, ascending.
        trials, base_trials: The numbers of the probes, a pair for each seed.
        n_failed: On how many further seeds one of the two failed.
        mean, base_mean: Of the values; null where all failed.
        difference: The one less the other, in the objective's own direction.
        interval: Of the difference; null with fewer than two seeds or without predictions.
        verdict: Whether the changed one is better, as far as the interval tells.
    """

    base: int
    base_label: str
    name: str
    base_value: Value
    value: Value
    n_params: int
    in_budget: bool
    seeds: tuple[int, ...]
    trials: tuple[int, ...]
    base_trials: tuple[int, ...]
    n_failed: int
    mean: float | None
    base_mean: float | None
    difference: float | None
    interval: PairedInterval | None
    verdict: str

    def __repr__(self) -> str:
        low_high = self.interval and f" [{self.interval.low:.4f}, {self.interval.high:.4f}]"
        difference = "" if self.difference is None else f"{self.difference:+.4f}{low_high or ''}, "
        change = f"{self.name} {self.value} for {self.base_value}"
        return f"Contrast({self.base_label}, {change}: {difference}{self.verdict})"


def contrasts(
    study: Study, pairs: Iterable[Pair] | None = None, *, draws: int = 1000
) -> tuple[Contrast, ...]:
    """The contrasts of a study, from its ledger and its probes' validation predictions.

    Args:
        study: With probes.
        pairs: Which ones; those without a run of their own are left out. Unless given, all that
            the probes allow.
        draws: Resamples of the validation days.

    Raises:
        StorageError: A file of predictions cannot be read.
    """
    runs = _runs(study.trials)
    wanted = recorded_pairs(study) if pairs is None else pairs
    matched = [found for pair in wanted if (found := _match(study, runs, pair))]
    resampled = _resampled(study, {trial for one in matched for trial in one.numbers}, draws)
    return tuple(_contrast(one, resampled, study.config.objective) for one in matched)


def recorded_pairs(study: Study) -> tuple[Pair, ...]:
    """Each base of a probe with each single change of it that any probe has tried."""
    probes = [trial for trial in study.trials if trial.source == "probe"]
    numbers = {probe.contrast_of for probe in probes}
    bases = [trial for trial in study.trials if trial.number in numbers]
    changes = ((base.number, probe.varied_from(base)) for base, probe in product(bases, probes))
    single = ((number, *change.popitem()) for number, change in changes if len(change) == 1)
    return tuple(dict.fromkeys(Pair(*one) for one in single))


# Probes that have ended, by configuration without the seed, then by seed.
_Runs = Mapping[str, Mapping[int, Trial]]


class _Matched(NamedTuple):
    """The runs of a pair: one that changes the field, and both sides, seed by seed."""

    pair: Pair
    base: Trial
    example: Trial
    own: tuple[Trial, ...]
    others: tuple[Trial, ...]
    n_failed: int

    @property
    def numbers(self) -> set[int]:
        return {trial.number for trial in (*self.own, *self.others)}


def _runs(trials: Iterable[Trial]) -> _Runs:
    """Of a run that was repeated, the one that completed, else the last."""
    runs: dict[str, dict[int, Trial]] = {}
    for trial in trials:
        if trial.finished and trial.source == "probe":
            of_config = runs.setdefault(_identity(parse(TrialConfig, trial.config)), {})
            known = of_config.get(trial.seed)
            if known is None or known.state != "COMPLETE":
                of_config[trial.seed] = trial
    return runs


def _identity(config: TrialConfig) -> str:
    return config.model_copy(update={"seed": 0}).digest()


def _match(study: Study, runs: _Runs, pair: Pair) -> _Matched | None:
    """The runs of a pair; None where there is none that changes the field."""
    base = next(trial for trial in study.trials if trial.number == pair.base)
    config = parse(TrialConfig, base.config)
    changed = TrialConfig.from_flat({**config.flat(), pair.name: pair.value})
    own, others = (runs.get(_identity(one), {}) for one in (changed, config))
    if not own:
        return None
    both = sorted(own.keys() & others.keys())
    done = [seed for seed in both if own[seed].state == others[seed].state == "COMPLETE"]
    return _Matched(
        pair,
        base,
        next(iter(own.values())),
        tuple(own[seed] for seed in done),
        tuple(others[seed] for seed in done),
        len(both) - len(done),
    )


def _resampled(study: Study, numbers: Iterable[int], draws: int) -> dict[int, np.ndarray]:
    """The scores [draw] of these trials' best epochs on resamples of the validation days."""
    by_number = {trial.number: trial for trial in study.trials}
    found = {number: _best_rows(study, by_number[number]) for number in sorted(numbers)}
    tables = {number: rows for number, rows in found.items() if rows is not None}
    if not tables:
        return {}
    objective = study.config.objective
    scores = {
        number: score_of(rows["logit"].to_numpy(), rows["y"].to_numpy(), objective)
        for number, rows in tables.items()
    }
    chunks = row_weights(
        next(iter(tables.values()))["date"].to_numpy(),
        horizon_days=study.config.data.horizon_days,
        draws=draws,
        seed=study.config.seed,
    )
    parts = [{number: one(rows) for number, one in scores.items() if one} for rows in chunks]
    return {number: np.concatenate([part[number] for part in parts]) for number in parts[0]}


def _best_rows(study: Study, trial: Trial) -> pd.DataFrame | None:
    """The predictions of the trial's best epoch."""
    best = trial.best(study.config.objective)
    predictions = read_predictions(trial_folder(study.folder, trial.number))
    if best is None or predictions is None:
        return None
    return predictions[predictions["epoch"] == best.epoch]


def _contrast(one: _Matched, resampled: Mapping[int, np.ndarray], objective: Objective) -> Contrast:
    mean, base_mean = _mean(one.own, objective), _mean(one.others, objective)
    interval = _interval(one, resampled, objective)
    return Contrast(
        base=one.base.number,
        base_label=one.base.name or f"trial {one.base.number}",
        name=one.pair.name,
        base_value=parse(TrialConfig, one.base.config).flat()[one.pair.name],
        value=one.pair.value,
        n_params=one.example.n_params,
        in_budget=one.example.in_budget,
        seeds=tuple(trial.seed for trial in one.own),
        trials=tuple(trial.number for trial in one.own),
        base_trials=tuple(trial.number for trial in one.others),
        n_failed=one.n_failed,
        mean=mean,
        base_mean=base_mean,
        difference=None if mean is None or base_mean is None else mean - base_mean,
        interval=interval,
        verdict=_verdict(one, interval, objective),
    )


def _mean(trials: Iterable[Trial], objective: Objective) -> float | None:
    values = [score(value_of(trial, objective), objective) for trial in trials]
    return float(np.mean(values)) if values else None


def _interval(
    one: _Matched, resampled: Mapping[int, np.ndarray], objective: Objective
) -> PairedInterval | None:
    """Of the difference in the objective's own direction."""
    if len(one.own) < 2 or not one.numbers <= resampled.keys():
        return None
    pairs = list(zip(one.own, one.others, strict=True))
    gains = [value_of(own, objective) - value_of(other, objective) for own, other in pairs]
    drawn = [resampled[own.number] - resampled[other.number] for own, other in pairs]
    sign = score(1.0, objective)
    return paired_interval([sign * gain for gain in gains], sign * np.stack(drawn))


def _verdict(one: _Matched, interval: PairedInterval | None, objective: Objective) -> str:
    if interval is None:
        n_pairs = len(one.own)
        return "failed" if not n_pairs else "one seed" if n_pairs == 1 else "no predictions"
    if not interval.excludes_zero:
        return "cannot be told from zero"
    return "better" if score(interval.low, objective) > score(0.0, objective) else "worse"
