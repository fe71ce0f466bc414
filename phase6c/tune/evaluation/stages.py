"""The stages of an evaluation: the next trainings, given the predictions of earlier trainings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from phase6c.data.splits import CAL, TEST
from phase6c.errors import StudyFailedError
from phase6c.evaluation.baselines.choosing_days import choice_in_words
from phase6c.evaluation.blends import Partner, partner_of
from phase6c.evaluation.choice import ModelChoice, choose
from phase6c.evaluation.fits import Fitted, read_fitted
from phase6c.evaluation.outcomes import CandidatePredictions, Draws, Truth
from phase6c.evaluation.race import BEHIND, cannot_win
from phase6c.records import Trial
from phase6c.study.evaluation_config import Contender
from phase6c.study.ledger import Trials
from phase6c.study.trial_folder import MODEL, trial_folder
from phase6c.tune.evaluation.plan import EvaluationPlan, Fit, key_of
from phase6c.tune.evaluation.simple_steps import SimpleSteps

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DroppedContender:
    """A contender that gets no more trainings.

    Attributes:
        after_seeds: Number of seeds that it was trained with.
        why: Reason, in words.
    """

    after_seeds: int
    why: str


@dataclass
class Stages:
    """Stages of trainings; each is settled by the predictions of the stages before it.

    The walk forward comes first, a seed a stage; after each stage the contenders that cannot win
    drop out. Then all that are left are trained for the cal block, and the baselines are fitted for
    every step. The cal block chooses a contender, alone or blended with a baseline, which is
    trained for all dates before the test block.

    Attributes:
        plan: Plan of the evaluation.
        trials: Trainings so far, as the ledger has them.
        draws: Bootstrap draws of the race.
        dropped: Dropped contenders by name; filled as the stages are taken.
        simple: Baselines of all steps; None before they are fitted.
        choice: Choice of the cal block; None before it has chosen.
        failed: Names of the contenders that dropped out because a training failed.
    """

    plan: EvaluationPlan
    trials: Trials
    draws: Draws
    dropped: dict[str, DroppedContender] = field(default_factory=dict)
    simple: SimpleSteps | None = None
    choice: ModelChoice | None = None
    failed: set[str] = field(default_factory=set)
    _keys: dict[int, tuple[str, str]] = field(default_factory=dict)

    def in_order(self) -> Iterator[list[Fit]]:
        """The trainings of each stage; the next stage is asked for when all of these have ended.

        Stages without trainings come while the baselines are fitted, for signals to be heard.

        Raises:
            StudyFailedError: No contender that may win is left.
        """
        for n_seeds, seed in enumerate(self.plan.seeds, start=1):
            stage = [
                Fit(contender, step, seed)
                for step in self.plan.walk.folds
                for contender in self.left
            ]
            yield stage
            self._drop_failed(stage, n_seeds)
            # After the last seed nothing is saved any more by dropping a contender.
            if n_seeds < len(self.plan.seeds):
                self._race(n_seeds)
        stage = [Fit(contender, CAL, seed) for seed in self.plan.seeds for contender in self.left]
        yield stage
        self._drop_failed(stage, len(self.plan.seeds))
        yield from self._fit_simple()
        while self.choice is None or self._drop_diverged():
            self.choice = self._choose()
            logger.info("The cal block chose %s.", self.choice.candidate)
            yield [Fit(self.chosen, TEST, seed) for seed in self.final_seeds]

    def _fit_simple(self) -> Iterator[list[Fit]]:
        """Fits the baselines; a stage without trainings follows each part of it."""
        logger.info("Fitting the baselines on the same rows.")
        on_a_part = choice_in_words(self.plan.walk, self.plan.study.config.seed)
        if on_a_part is not None:
            logger.info(on_a_part)
        steps = SimpleSteps(self.plan)
        for _ in steps.fit():
            yield []
        self.simple = steps

    def _choose(self) -> ModelChoice:
        # The walk forward and the cal block: all that the choice may look at.
        past, partner = self.plan.walk.past, self.partner
        candidates = [
            replace(self.candidate(left, past, self.plan.seeds), partner=partner.logits)
            for left in self.left
        ]
        config = self.plan.config
        return choose(candidates, self.truth(past), config.calibration, may_blend=config.blends)

    @property
    def partner(self) -> Partner:
        """The baseline that every contender is blended with."""
        assert self.simple is not None
        # A blend is served from one directory, by the features of the model's own tier.
        return partner_of(self.simple.own, self.simple.past.truth)

    @property
    def best_partner(self) -> Partner:
        """The same, wider tiers included: whether the model adds anything is asked with it."""
        assert self.simple is not None
        return partner_of(self.simple.past.logits, self.simple.past.truth)

    @property
    def left(self) -> list[Contender]:
        """The contenders that have not dropped out."""
        return [
            contender for contender in self.plan.contenders if contender.name not in self.dropped
        ]

    @property
    def chosen(self) -> Contender:
        """The contender that the cal block chose."""
        assert self.choice is not None
        name = self.choice.candidate
        return next(contender for contender in self.plan.contenders if contender.name == name)

    @property
    def final_seeds(self) -> tuple[int, ...]:
        """The seeds of the final model: all for an ensemble, else the first."""
        assert self.choice is not None
        return self.plan.seeds if self.choice.form == "ensemble" else self.plan.seeds[:1]

    def candidate(
        self, contender: Contender, steps: Sequence[str], seeds: Sequence[int], of: str = MODEL
    ) -> CandidatePredictions:
        """The predictions of a contender in some steps under some seeds."""
        logits = [
            np.concatenate([self._fitted(Fit(contender, step, seed)).logits[of] for step in steps])
            for seed in seeds
        ]
        return CandidatePredictions(contender.name, np.stack(logits), contender.may_win)

    def truth(self, steps: Sequence[str]) -> Truth:
        """The rows of some steps; they are the same for all contenders."""
        fits = [Fit(self.left[0], step, self.plan.seeds[0]) for step in steps]
        return Truth.joined([self._fitted(fit).truth for fit in fits])

    def trials_of(self, contender: Contender) -> list[Trial]:
        """All trainings of a contender."""
        own = {Fit(contender, "", seed).key[0] for seed in self.plan.seeds}
        return [trial for trial in self.trials.values() if key_of(trial)[0] in own]

    def trial(self, fit: Fit) -> Trial | None:
        """The training in the ledger; of repeated trainings the last."""
        # A digest each time would cost more with every training, so that each is taken once.
        for number in self.trials.keys() - self._keys.keys():
            self._keys[number] = key_of(self.trials[number])
        numbers = [number for number, key in self._keys.items() if key == fit.key]
        return self.trials[max(numbers)] if numbers else None

    def _fitted(self, fit: Fit) -> Fitted:
        fitted = self._read(fit)
        assert fitted is not None, fit
        return fitted

    def _read(self, fit: Fit) -> Fitted | None:
        trial = self.trial(fit)
        if trial is None or trial.state != "COMPLETE":
            return None
        return read_fitted(trial_folder(self.plan.study.folder, trial.number), fit.step)

    def _drop_failed(self, stage: Sequence[Fit], n_seeds: int) -> None:
        """Drops each contender with a failed training: without it, it cannot be compared."""
        for contender in self.left:
            own = (fit for fit in stage if fit.contender is contender)
            failed = next((fit for fit in own if self._read(fit) is None), None)
            if failed is not None:
                trial = self.trial(failed)
                error = trial.error.message if trial and trial.error else "it diverged"
                why = f"its training for {failed.step} failed: {error}"
                self.failed.add(contender.name)
                self._drop(contender.name, DroppedContender(n_seeds, why))
        self._check_left()

    def _check_left(self) -> None:
        # References are compared and cannot win: they were not chosen by any search.
        if not any(contender.may_win for contender in self.left):
            raise StudyFailedError(
                "At least one configuration must be trained in every step",
                "; ".join(f"{name}: {dropped.why}" for name, dropped in self.dropped.items()),
                f"See all_trials.json in {self.plan.study.folder}.",
            )

    def _drop_diverged(self) -> bool:
        """Drops the chosen contender if its last training has diverged; another may be chosen.

        The test block has not been opened yet.
        """
        trials = [self.trial(Fit(self.chosen, TEST, seed)) for seed in self.final_seeds]
        errors = (trial.error for trial in trials if trial is not None)
        if not any(error is not None and error.kind == "diverged" for error in errors):
            return False
        self.failed.add(self.chosen.name)
        why = "its training on all dates before the test block diverged"
        self._drop(self.chosen.name, DroppedContender(len(self.plan.seeds), why))
        self._check_left()
        return True

    def _race(self, n_seeds: int) -> None:
        folds, seeds = self.plan.walk.folds, self.plan.seeds[:n_seeds]
        candidates = [self.candidate(contender, folds, seeds) for contender in self.left]
        # By raw log losses: a calibrator of a single fold adds noise of its own, up to .026.
        behind = cannot_win(candidates, self.truth(folds), self.draws)
        for name, interval in behind.items():
            why = f"{BEHIND} in log loss by {interval.low:.4f} to {interval.high:.4f}"
            self._drop(name, DroppedContender(n_seeds, why))

    def _drop(self, name: str, why: DroppedContender) -> None:
        self.dropped[name] = why
        logger.info("%s gets no more seeds after %d: %s.", name, why.after_seeds, why.why)
