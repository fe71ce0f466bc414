"""The decision about a trial after an epoch: it goes on, is stopped, audited or complete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from phase6c.records import Measurement, Stopped, Trial, is_complete, score
from phase6c.stopping.grace import Grace
from phase6c.stopping.pruning_rules import AdaptiveRungs, BestSoFarRungs, Cut, Rungs
from phase6c.stopping.rung_plan import audit_chance, presumed_rungs
from phase6c.study.ledger import Decision
from phase6c.study.study_config import StudyConfig

# Sets the audit's draws apart from all others of a trial.
_AUDIT = 1


class Decisions:
    """Decides after each epoch, from the curves known then, not from their order.

    References and probes are never stopped and never counted; a probe trains through all epochs,
    whatever its curve. A trial that diverges ends at once. Some of the trials that a rung would
    stop are finished all the same, to show what the rungs cost.

    Args:
        config: The study's rungs, epochs and objective.
        trials: Trials that are known already; they refill the rungs.
    """

    def __init__(self, config: StudyConfig, trials: Iterable[Trial] = ()) -> None:
        self._config = config
        self._rungs = _make_rungs(config)
        self._refill(trials)

    def decide(self, known: Trial, measurement: Measurement) -> tuple[Decision, Stopped | None]:
        """The decision about a trial after its newest epoch, and the rung that stood against it."""
        if measurement.diverged:
            return "diverged", None
        measurements = (*known.measurements, measurement)
        cut = self._judge(known, measurements)
        # After the rung has seen it: a trial that ends here still counts for those that come later.
        if self._has_ended(known, measurements):
            return "complete", None
        if cut is None:
            return "continue", None
        stopped = self._stopped(known.number, measurement.epoch, cut)
        return ("audit" if self._is_audited(known.number, stopped) else "stop"), stopped

    def grace(self) -> Grace | None:
        """The adaptive grace as it is now; None where it is fixed or nobody is stopped."""
        return self._rungs.grace() if isinstance(self._rungs, AdaptiveRungs) else None

    def rungs(self) -> dict[int, tuple[int, ...]]:
        """The numbers that entered each rung, by its epoch."""
        return self._rungs.entries() if self._rungs else {}

    def _has_ended(self, known: Trial, measurements: Sequence[Measurement]) -> bool:
        """Whether a trial is complete.

        Probes are compared with each other and have no patience, by which two of them could
        differ in their epochs.
        """
        train = self._config.train
        if known.source == "probe":
            return len(measurements) >= train.epochs
        return is_complete(measurements, train)

    def _judge(self, known: Trial, measurements: Sequence[Measurement]) -> Cut | None:
        """Enters the trial into the rungs; an audited trial teaches, and is not judged again."""
        if self._rungs is None or not known.chosen:
            return None
        curve = self._curve(measurements)
        if known.audited:
            self._rungs.learn(known.number, curve)
            return None
        self._rungs.enter(known.number, curve)
        return self._rungs.judge(known.number)

    def _refill(self, trials: Iterable[Trial]) -> None:
        """Repeats the entries of known trials; their decisions are not asked again."""
        if self._rungs is None:
            return
        for trial in trials:
            curve = self._curve([epoch for epoch in trial.measurements if not epoch.diverged])
            if not trial.chosen or not len(curve):
                continue
            # An audited trial has left the rungs where it would have been stopped: its later epochs
            # compete with nobody, and only teach the forecasts.
            last = trial.stopped.epoch if trial.audited and trial.stopped else len(curve)
            for epoch in range(1, last + 1):
                self._rungs.enter(trial.number, curve[:epoch])
            self._rungs.learn(trial.number, curve)

    def _curve(self, measurements: Sequence[Measurement]) -> np.ndarray:
        objective = self._config.objective
        return np.array([score(epoch.value, objective) for epoch in measurements])

    def _stopped(self, number: int, epoch: int, cut: Cut) -> Stopped:
        objective, share = self._config.objective, self._config.audit_share
        return Stopped(
            epoch=epoch,
            value=score(cut.score, objective),
            cutoff=score(cut.cutoff, objective),
            forecast=score(self._rungs.forecast(number), objective) if self._rungs else None,
            audit_chance=audit_chance(share, epoch, self._config.train.epochs),
        )

    def _is_audited(self, number: int, stopped: Stopped) -> bool:
        # A generator of the trial's own: whether it is audited must not depend on who came before
        # it.
        rng = np.random.default_rng([self._config.seed, number, _AUDIT])
        return bool(rng.random() < (stopped.audit_chance or 0.0))


def _make_rungs(config: StudyConfig) -> Rungs | None:
    """The rungs that a study asks for, empty; None where nobody is stopped."""
    if config.scheduler == "none":
        return None
    if config.adaptive_grace:
        return AdaptiveRungs(config.train.epochs, config.reduction_factor, presumed_rungs(config))
    return BestSoFarRungs(config.train.epochs, config.grace_epochs, config.reduction_factor)
