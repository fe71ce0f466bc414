"""Contrasts of probes: a trial against the same trial with a field changed, on the same seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

import numpy as np

from phase6c.analysis.validation import best_rows, scored_rows
from phase6c.config import Objective, Record, TrialConfig, Value, parse
from phase6c.records import Trial, score
from phase6c.statistics.bootstrap import PairedInterval, paired_interval, resampled
from phase6c.statistics.scores import stacked
from phase6c.study.ranking import value_of
from phase6c.study.study import Study

DOUBT = (
    "The 95% intervals cover the luck of training, over the seeds, and which days validation "
    "happens to hold; not another period, nor that both sides are judged at their best epoch, nor "
    "that the base was chosen on these very days."
)


class Pair(NamedTuple):
    """A contrast to look for: the number of a trial, and another value for a field of it."""

    base: int
    name: str
    value: Value


class Contrast(Record):
    """A trial's configuration against the same configuration with a field changed.

    Attributes:
        base: Number of the trial.
        base_label: Name of the trial in tables.
        name, base_value, value: Field, its value in the trial and its changed value.
        n_params, in_budget: Size of the changed configuration.
        seeds: Seeds on which both sides reached a value, ascending.
        trials, base_trials: Numbers of the probes, a pair for each seed.
        n_failed: Number of further seeds on which either side failed.
        mean, base_mean: Mean values of both sides; null where all failed.
        difference: Mean of the changed side less that of the base, in the objective's direction.
        interval: Interval of the difference; null with fewer than two seeds or without
            predictions.
        verdict: Whether the changed configuration is better, as far as the interval tells.
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
        study: Study with probes.
        pairs: Contrasts to look for; pairs without a run of their own are left out. Unless given,
            all that the probes allow.
        draws: Number of resamples of the validation days.

    Raises:
        StorageError: A file of predictions cannot be read.
    """
    runs = _runs(study.trials)
    wanted = recorded_pairs(study) if pairs is None else pairs
    matched = [runs_of for pair in wanted if (runs_of := _match(study, runs, pair))]
    numbers = {number for runs_of_pair in matched for number in runs_of_pair.numbers}
    drawn = _scores_drawn(study, numbers, draws)
    return tuple(_contrast(both, drawn, study.config.objective) for both in matched)


def recorded_pairs(study: Study) -> tuple[Pair, ...]:
    """Each base of a probe with each single change of it that any probe has tried."""
    probes = [trial for trial in study.trials if trial.source == "probe"]
    numbers = {probe.contrast_of for probe in probes}
    bases = [trial for trial in study.trials if trial.number in numbers]
    changes = ((base.number, probe.varied_from(base)) for base, probe in product(bases, probes))
    single = ((number, *change.popitem()) for number, change in changes if len(change) == 1)
    return tuple(dict.fromkeys(Pair(*pair) for pair in single))


# Probes that have ended, by configuration without the seed, then by seed.
_Runs = Mapping[str, Mapping[int, Trial]]


class _Matched(NamedTuple):
    """The runs of a pair: an example of the changed field, and both sides, seed by seed."""

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
    """The probes that have ended; of a repeated run the completed repetition, else the last."""
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
    """The runs of a pair; None where no run changes the field."""
    base = next(trial for trial in study.trials if trial.number == pair.base)
    config = parse(TrialConfig, base.config)
    changed = TrialConfig.from_flat({**config.flat(), pair.name: pair.value})
    own, others = (runs.get(_identity(sought), {}) for sought in (changed, config))
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


def _scores_drawn(study: Study, numbers: Iterable[int], draws: int) -> dict[int, np.ndarray]:
    """The scores [draw] of these trials' best epochs on resamples of the validation days."""
    by_number = {trial.number: trial for trial in study.trials}
    found = {number: best_rows(study, by_number[number]) for number in sorted(numbers)}
    tables = {number: table for number, table in found.items() if table is not None}
    objective = study.config.objective
    if not tables:
        return {}
    rows = scored_rows(study.folder, next(iter(tables.values())))
    scores = {
        number: score
        for number, table in tables.items()
        if (score := rows.score(table["logit"].to_numpy(), objective))
    }
    if not scores:
        return {}

    # The same draws of days for all trials, so that differences between them are paired.
    drawn = resampled(
        stacked(list(scores.values())),
        rows.days,
        horizon_days=study.config.data.horizon_days,
        draws=draws,
        seed=study.config.seed,
    )
    return dict(zip(scores, drawn, strict=True))


def _contrast(
    matched: _Matched, scores: Mapping[int, np.ndarray], objective: Objective
) -> Contrast:
    mean, base_mean = _mean(matched.own, objective), _mean(matched.others, objective)
    interval = _interval(matched, scores, objective)
    return Contrast(
        base=matched.base.number,
        base_label=matched.base.name or f"trial {matched.base.number}",
        name=matched.pair.name,
        base_value=parse(TrialConfig, matched.base.config).flat()[matched.pair.name],
        value=matched.pair.value,
        n_params=matched.example.n_params,
        in_budget=matched.example.in_budget,
        seeds=tuple(trial.seed for trial in matched.own),
        trials=tuple(trial.number for trial in matched.own),
        base_trials=tuple(trial.number for trial in matched.others),
        n_failed=matched.n_failed,
        mean=mean,
        base_mean=base_mean,
        difference=None if mean is None or base_mean is None else mean - base_mean,
        interval=interval,
        verdict=_verdict(matched, interval, objective),
    )


def _mean(trials: Iterable[Trial], objective: Objective) -> float | None:
    values = [score(value_of(trial, objective), objective) for trial in trials]
    return float(np.mean(values)) if values else None


def _interval(
    matched: _Matched, scores: Mapping[int, np.ndarray], objective: Objective
) -> PairedInterval | None:
    """The interval of the difference, in the objective's own direction."""
    if len(matched.own) < 2 or not matched.numbers <= scores.keys():
        return None
    pairs = list(zip(matched.own, matched.others, strict=True))
    gains = [value_of(own, objective) - value_of(other, objective) for own, other in pairs]
    drawn = [scores[own.number] - scores[other.number] for own, other in pairs]
    sign = score(1.0, objective)
    return paired_interval(sign * np.array(gains), sign * np.stack(drawn))


def _verdict(matched: _Matched, interval: PairedInterval | None, objective: Objective) -> str:
    if interval is None:
        n_pairs = len(matched.own)
        return "failed" if not n_pairs else "one seed" if n_pairs == 1 else "no predictions"
    if not interval.excludes_zero:
        return "cannot be told from zero"
    return "better" if score(interval.low, objective) > score(0.0, objective) else "worse"
