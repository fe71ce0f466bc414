"""The bases that a probe varies: the best trials of a study, a numbered trial, or a reference."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from phase6c.config import Precision, TrialConfig, Values, parse
from phase6c.errors import ConfigError
from phase6c.records import Trial
from phase6c.space.references import find_references
from phase6c.study.ledger import Trials
from phase6c.study.ranking import ranked
from phase6c.tune.runtime.job import StudyPlan

logger = logging.getLogger(__name__)

_FORM = re.compile(r"best|top:(?P<top>[1-9]\d*)|trial:(?P<trial>\d+)|reference:(?P<reference>\S+)")


@dataclass(frozen=True)
class Base:
    """A configuration to vary.

    Attributes:
        number: Number of the trial that has it; None for a reference that the study has not tried.
        reference: Name of the reference; None for a trial of the search.
        config: Whole configuration, with seed 0.
        params: Flat values, as a trial tells them.
    """

    number: int | None
    reference: str | None
    config: TrialConfig
    params: Values

    @property
    def label(self) -> str:
        """The name of the base in messages."""
        return self.reference or f"trial {self.number}"

    def in_precision(self, precision: Precision) -> Base:
        """The same configuration, trained in this precision."""
        train = self.config.train.model_copy(update={"precision": precision})
        return replace(self, config=self.config.model_copy(update={"train": train}))

    def number_in(self, trials: Trials) -> int | None:
        """The number of its trial; for an untried reference, of the first probe that has it."""
        if self.number is not None:
            return self.number
        # A probe that stands for its own base names itself as the base of its contrast.
        own = [trial.number for trial in trials.values() if trial.contrast_of == trial.number]
        return next(
            (number for number in sorted(own) if _config(trials[number]) == self.config), None
        )


def reference_name(base: str) -> str | None:
    """The NAME of `reference:NAME`; None for a base that needs a study.

    Raises:
        ConfigError: The text names no base.
    """
    return _read(base)["reference"]


def find_bases(base: str, plan: StudyPlan, trials: Trials) -> tuple[Base, ...]:
    """The configurations that `best`, `top:K`, `trial:N` or `reference:NAME` stands for.

    Raises:
        ConfigError: It stands for no configuration of this study.
    """
    form = _read(base)
    if form["reference"]:
        return (_reference(form["reference"], plan, trials.values()),)
    if form["trial"]:
        named = [trial for trial in trials.values() if trial.number == int(form["trial"])]
        rule, there = "A base trial:N must name a trial of the study", f"{len(trials)} trials"
    else:
        wanted = int(form["top"] or 1)
        named = ranked(trials.values(), plan.config)[:wanted]
        rule, there = "The bases best and top:K need a trial that may be called the best", "none"
        if 0 < len(named) < wanted:
            logger.warning(
                "Only %d trials may be called the best; %s takes them.", len(named), base
            )
    if not named:
        remedy = "Name another, or a reference such as reference:january_best."
        raise ConfigError(rule, f"{base}; {plan.folder} has {there}", remedy)
    return tuple(_of_trial(trial) for trial in named)


def _read(base: str) -> dict[str, str | None]:
    form = _FORM.fullmatch(base) if isinstance(base, str) else None
    if form is None:
        rule = "`base` must be best, top:K, trial:N or reference:NAME"
        raise ConfigError(rule, base, "Use `base='best'`.")
    return form.groupdict()


def _of_trial(trial: Trial) -> Base:
    reference = trial.name if trial.source == "reference" else None
    return Base(trial.number, reference, _config(trial), trial.params)


def _reference(name: str, plan: StudyPlan, trials: Iterable[Trial]) -> Base:
    (reference,) = find_references([name])
    # The search's own training of the reference counts, so that its contrasts have their place.
    for trial in trials:
        if trial.source == "reference" and trial.name == name:
            return _of_trial(trial)
    config, _ = plan.build_trial(plan.config.train, reference.values, 0)
    return Base(None, name, config.model_copy(update={"seed": 0}), dict(reference.values))


def _config(trial: Trial) -> TrialConfig:
    """The configuration without its seed, since a probe has seeds of its own."""
    return parse(TrialConfig, trial.config).model_copy(update={"seed": 0})
