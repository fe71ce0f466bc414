"""The baselines of an evaluation, fitted for every step: here, or by workers where that is long."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import ray
from jaxtyping import Float64
from ray.exceptions import RayError

from phase6c.data.splits import TEST
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines.fitting import SimpleFit, fit_simple, simple_logits
from phase6c.evaluation.outcomes import Truth
from phase6c.tune.evaluation.plan import EvaluationPlan
from phase6c.tune.evaluation.wider_tiers import fit_wider

logger = logging.getLogger(__name__)

# A worker loads its libraries for about as long before it can fit anything.
WORKER_START_S = 5.0
# Both parts of a training are scaled copies of the rows, and boosting makes float64 of them.
COPIES_OF_ROWS = 6
LIBRARIES_BYTES = 500_000_000
# How long Ray is waited for before a signal is looked for again.
POLL_S = 1.0


@dataclass(frozen=True)
class SimplePast:
    """The baselines on walk forward and cal, or on a step of these.

    Attributes:
        logits: Logits by name, out of fold.
        truth: Labels of the same rows.
        seconds: Seconds of choosing and fitting those that learn, by name.
    """

    logits: Mapping[str, Float64[np.ndarray, " row"]]
    truth: Truth
    seconds: Mapping[str, float]

    @classmethod
    def joined(cls, steps: Sequence[SimplePast]) -> SimplePast:
        """The rows of several steps in a row."""
        return cls(
            logits={
                name: np.concatenate([one.logits[name] for one in steps])
                for name in steps[0].logits
            },
            truth=Truth.joined([one.truth for one in steps]),
            seconds={name: sum(one.seconds[name] for one in steps) for name in steps[0].seconds},
        )


@dataclass(frozen=True)
class FittedStep:
    """The baselines that learned from the training of a step.

    Attributes:
        fits: Those that learn, by name.
        wider: Those that learn from a wider tier than the model's.
        past: Their predictions of the block that follows; None for `test`, whose block is closed.
    """

    fits: Mapping[str, SimpleFit]
    wider: Mapping[str, SimpleFit]
    past: SimplePast | None


def fit_step(
    walk: Walk, wider: Mapping[str, Walk], step: str, contexts: Sequence[int], seed: int
) -> FittedStep:
    """Fits the baselines on the training of a step, and predicts the block that follows it.

    Args:
        walk: Steps of the evaluation without the test block.
        wider: The same with the features of wider tiers, by the name of the baseline.
        step: Name of the step.
        contexts: Numbers of days that the window of the linear model may have.
        seed: Seed of gradient boosting, and of the days that it is chosen on in a large panel.
    """
    data = walk.outer(step)
    fits = fit_simple(walk.inner(step), data, contexts, seed)
    of_wider = fit_wider(wider, step, seed, None if step == TEST else data)
    if step == TEST:
        return FittedStep(fits, of_wider.fits, None)
    logits = simple_logits(fits, data) | of_wider.logits
    seconds = {name: fit.duration_s for name, fit in {**fits, **of_wider.fits}.items()}
    return FittedStep(fits, of_wider.fits, SimplePast(logits, truth_in(data, step), seconds))


@dataclass
class SimpleSteps:
    """The baselines of all steps, which are fitted once.

    Attributes:
        plan: Plan of the evaluation.
        done: What has been fitted, by step.
    """

    plan: EvaluationPlan
    done: dict[str, FittedStep] = field(default_factory=dict)

    @cached_property
    def past(self) -> SimplePast:
        """The predictions for walk forward and cal, once all steps are fitted."""
        steps = [self.done[step].past for step in self.plan.walk.past]
        return SimplePast.joined([step for step in steps if step is not None])

    @property
    def own(self) -> Mapping[str, Float64[np.ndarray, " row"]]:
        """The past logits of baselines that see what the model sees."""
        wider = self.plan.wider
        return {name: one for name, one in self.past.logits.items() if name not in wider}

    @property
    def final(self) -> FittedStep:
        """The baselines that have learned from all dates before the test block."""
        return self.done[TEST]

    def fit(self) -> Iterator[None]:
        """Fits all steps; hands the control back now and then, for signals to be heard.

        The first step, which has the fewest rows, is fitted here. Where it takes longer than a
        worker needs to start, workers fit the others side by side: no trial trains meanwhile.
        """
        first, *others = self.plan.walk.steps
        begun = time.perf_counter()
        self._fit_here(first)
        yield
        if time.perf_counter() - begun > WORKER_START_S and ray.is_initialized():
            try:
                yield from self._fit_on_workers(others)
            except RayError as error:
                logger.warning("The baselines are fitted without workers, who failed: %s", error)
        for step in others:
            if step not in self.done:
                self._fit_here(step)
                yield

    def _fit_here(self, step: str) -> None:
        self.done[step] = fit_step(self.plan.walk, self._wider, step, self._contexts, self._seed)

    def _fit_on_workers(self, steps: Sequence[str]) -> Iterator[None]:
        # No CPU is asked for: actors that Tune keeps for its next trial hold them all, idle.
        remote = ray.remote(num_cpus=0, scheduling_strategy="SPREAD")(fit_step)
        walk, wider = ray.put(self.plan.walk), ray.put(self._wider)
        n_at_once = self._n_at_once()
        waiting = list(steps)
        running: dict[ray.ObjectRef[FittedStep], str] = {}
        while waiting or running:
            while waiting and len(running) < n_at_once:
                # The last steps have the most rows, and would be waited for alone at the end.
                step = waiting.pop()
                task = remote.remote(walk, wider, step, self._contexts, self._seed)
                running[task] = step
            ended, _ = ray.wait(list(running), timeout=POLL_S)
            for task in ended:
                self.done[running.pop(task)] = ray.get(task)
            yield

    def _n_at_once(self) -> int:
        """As many as there are CPUs, and as memory suffices for; one in any case."""
        there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        # One tier's rows at a time are copied: those of the widest count.
        walks = (self.plan.walk, *self._wider.values())
        rows_bytes = max(walk.history.features.nbytes for walk in walks)
        bytes_each = COPIES_OF_ROWS * rows_bytes + LIBRARIES_BYTES
        return max(1, int(min(there.get("CPU", 1), there.get("memory", 0) // bytes_each)))

    @property
    def _wider(self) -> Mapping[str, Walk]:
        return {name: tier.walk for name, tier in self.plan.wider.items()}

    @property
    def _contexts(self) -> list[int]:
        """The windows of all contenders, for the linear model to choose from."""
        models = [contender.config["model"] for contender in self.plan.contenders]
        return sorted({int(model["context_days"]) for model in models})

    @property
    def _seed(self) -> int:
        return self.plan.study.config.seed


def truth_in(data: SearchData, step: str) -> Truth:
    """What happened in the block that a step is judged on."""
    block = data.val
    return Truth(
        dates=block.dates,
        tickers=np.asarray(data.tickers)[block.tickers],
        y=block.y.astype(np.int8),
        down=block.down,
        steps=np.full(len(block), step),
        outcomes=block.outcomes,
        volatility=block.volatility,
    )
