"""The runs of a probe: a configuration and variants of a single field, on the same seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from phase6c.analysis.contrasts import Pair
from phase6c.config import (
    SEARCHED_TRAIN_FIELDS,
    ModelConfig,
    OptimConfig,
    Precision,
    TrialConfig,
    Value,
    Values,
    check_names,
    parse,
    settable_fields,
)
from phase6c.errors import ConfigError, Phase6cError
from phase6c.records import Trial
from phase6c.space.references import TOKENS, rules_of_today
from phase6c.storage.disk import bytes_needed
from phase6c.study.ledger import Trials
from phase6c.tune.probe.bases import Base
from phase6c.tune.runtime.job import StudyPlan, drawn_seed
from phase6c.wording import listed

# Fields that can change while the study keeps its bars, blocks and epochs.
VARIABLE = (*ModelConfig.model_fields, *OptimConfig.model_fields, *SEARCHED_TRAIN_FIELDS)

# Sets the seeds of probes apart from the seeds of a search; last and not zero, see `drawn_seed`.
_PROBE = 2
# Largest whole number that is looked at for a message with the values that would do.
_LARGEST_WHOLE = 256
_EXAMPLE = "Use `vary={'n_heads': [2, 4]}`."


@dataclass(frozen=True)
class Run:
    """A training: a base, or a variant of it, under a seed.

    Attributes:
        base: Configuration that is varied.
        varied: Name of the field that differs from the base; None for the base itself.
        config: Whole configuration, the seed included.
        n_params: Exact parameter count.
        in_budget: Whether the count is in the study's budget; a reference never is.
    """

    base: Base
    varied: str | None
    config: TrialConfig
    n_params: int
    in_budget: bool

    @property
    def params(self) -> Values:
        """Flat values as the base tells them, with the differing value."""
        changed = {} if self.varied is None else {self.varied: self.config.flat()[self.varied]}
        return {**self.base.params, **changed}


@dataclass(frozen=True)
class ProbePlan:
    """Matched contrasts that are ready to be trained.

    Attributes:
        study: Study that the trainings belong to.
        bases: Configurations that are varied.
        vary: Values to try of each field, a field at a time; empty to repeat the bases alone.
        n_seeds: Number of seeds of every configuration; the seeds are the same for all.
    """

    study: StudyPlan
    bases: tuple[Base, ...]
    vary: Mapping[str, tuple[Value, ...]]
    n_seeds: int

    def in_precision(self, precision: Precision) -> ProbePlan:
        """The plan with new references trained in this precision; trials of before keep theirs."""
        bases = tuple(
            base if base.number is not None else base.in_precision(precision) for base in self.bases
        )
        return replace(self, bases=bases)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of initial weights, order of windows and dropout; more seeds begin alike."""
        seed = self.study.config.seed
        return tuple(drawn_seed(seed, index, _PROBE) for index in range(self.n_seeds))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Each training once; seed by seed, so that a probe that is cut short has contrasts."""
        runs: dict[str, Run] = {}
        for seed, base in product(self.seeds, self.bases):
            for varied, config in ((None, base.config), *self._variants(base)):
                run = self._run(base, varied, config.model_copy(update={"seed": seed}))
                # Two bases may have a variant in common, or the variant of a base be another base.
                runs.setdefault(run.config.digest(), run)
        return tuple(runs.values())

    def missing(self, trials: Trials) -> list[Run]:
        """The runs that show nothing yet: new, unfinished, or failed for want of a machine."""
        known = by_digest(trials)
        return [run for run in self.runs if not _shows(known.get(run.config.digest()))]

    def is_done(self, trials: Trials) -> bool:
        """Whether every run has ended."""
        known = by_digest(trials)
        ended = (known.get(run.config.digest()) for run in self.runs)
        return all(trial is not None and trial.finished for trial in ended)

    def pairs(self, trials: Trials) -> list[Pair]:
        """The contrasts that were asked for, once the trials that they name are there."""
        numbered = [(base.number_in(trials), base) for base in self.bases]
        pairs = (
            Pair(number, name, config.flat()[name])
            for number, base in numbered
            if number is not None
            for name, config in self._variants(base)
        )
        return list(dict.fromkeys(pairs))

    def disk_bytes(self, trials: Trials, max_concurrent: int) -> int:
        """The size of the study's folder at its largest."""
        config, missing = self.study.config, self.missing(trials)
        n_trials = len(trials) + len(missing)
        sizes = [run.n_params for run in missing] + [trial.n_params for trial in trials.values()]
        trained = sum(trial.epochs for trial in trials.values())
        return bytes_needed(
            n_params=max(sizes),
            n_trials=n_trials,
            max_concurrent=max_concurrent,
            epochs=config.train.epochs,
            total_epochs=trained
            + len(missing) * config.train.epochs
            + n_trials * self.study.epochs_of_final,
            n_val=self.study.n_rung_val,
            keep=config.keep,
        )

    def check(self) -> None:
        """Checks every variant before anything is trained.

        Raises:
            ConfigError: A field cannot be varied, a value cannot be built, or nothing differs.
        """
        _check_fields(self.vary)
        for base, (name, values) in product(self.bases, self.vary.items()):
            for value in values:
                self._check_value(base, name, value)
        if self.vary and all(run.varied is None for run in self.runs):
            raise ConfigError(
                "A varied value must differ from the base's own",
                ", ".join(
                    f"{name}={value}" for name, values in self.vary.items() for value in values
                ),
                "Name another value.",
            )

    def _variants(self, base: Base) -> Iterator[tuple[str, TrialConfig]]:
        """The variants that differ from a base, with the name of their field."""
        for name, values in self.vary.items():
            for value in values:
                config = _with(base, name, value)
                if config != base.config:
                    yield name, config

    def _run(self, base: Base, varied: str | None, config: TrialConfig) -> Run:
        n_params = self.study.count(config.model)
        in_budget = base.reference is None and self.study.in_budget(n_params)
        return Run(base, varied, config, n_params, in_budget)

    def _check_value(self, base: Base, name: str, value: Value) -> None:
        fault = self._fault(base, name, value)
        if fault is None:
            return
        whole = isinstance(value, int) and not isinstance(value, bool)
        candidates = range(1, _LARGEST_WHOLE + 1) if whole else ()
        would = [str(number) for number in candidates if self._fault(base, name, number) is None]
        raise ConfigError(
            "A varied value must give a model that can be built, with all else as it is",
            f"{name}={value} on {base.label}: {fault}",
            f"{name} may be {listed(would, 20)}." if would else "Name another value.",
        )

    def _fault(self, base: Base, name: str, value: Value) -> str | None:
        """The reason why a variant cannot be built; None if it can be."""
        try:
            config = _with(base, name, value)
            self.study.data.check_context(config.model.context_days)
        except Phase6cError as error:
            return str(error.value)
        # The rule binds only where it has bound the search of the study.
        holds = TOKENS.allows(config.flat())
        kept = TOKENS.name in rules_of_today(self.study.config.space["rules"])
        return f"against the rule that {TOKENS.name}" if kept and not holds else None


def values_to_try(vary: Mapping[str, Sequence[Value]]) -> dict[str, tuple[Value, ...]]:
    """The values of each field.

    Raises:
        ConfigError: They are not told as lists, by the names of the fields.
    """
    by_field = isinstance(vary, Mapping)
    if not by_field or not all(isinstance(values, list | tuple) for values in vary.values()):
        raise ConfigError("`vary` must have a list of values for each field", repr(vary), _EXAMPLE)
    return {name: tuple(values) for name, values in vary.items()}


def by_digest(trials: Trials) -> dict[str, Trial]:
    """The probes by the digest of their configuration; of repeated probes the last."""
    probes = (trial for _, trial in sorted(trials.items()) if trial.source == "probe")
    return {parse(TrialConfig, trial.config).digest(): trial for trial in probes}


def _shows(trial: Trial | None) -> bool:
    """Whether a run needs no (further) training: the same divergence would only come again."""
    if trial is None or not trial.finished:
        return False
    return trial.error is None or trial.error.kind == "diverged"


def _with(base: Base, name: str, value: Any) -> TrialConfig:
    return TrialConfig.from_flat({**base.config.flat(), name: value})


def _check_fields(vary: Mapping[str, Sequence[Value]]) -> None:
    check_names(vary, settable_fields(), "varied field")
    others = [name for name in vary if name not in VARIABLE]
    if others:
        raise ConfigError(
            "A probe varies the model, its optimiser, batch size or half-life, on the study's own "
            "data and for all of its epochs",
            ", ".join(others),
            f"Vary {', '.join(VARIABLE)}, or start another study.",
        )
    empty = [name for name, values in vary.items() if not values]
    if empty:
        raise ConfigError("A varied field needs values", ", ".join(empty), _EXAMPLE)
