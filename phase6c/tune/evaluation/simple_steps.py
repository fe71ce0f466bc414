"""The baselines of an evaluation, fitted for a step after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines.fitting import SimpleFit, fit_simple, simple_logits
from phase6c.evaluation.outcomes import Truth
from phase6c.tune.evaluation.plan import EvaluationPlan


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
    def of_step(cls, plan: EvaluationPlan, step: str) -> SimplePast:
        """Fits the baselines on the training of a step."""
        data = plan.walk.outer(step)
        fits = fit_step(plan, step, data)
        seconds = {name: fit.duration_s for name, fit in fits.items()}
        return cls(simple_logits(fits, data), truth_in(data, step), seconds)

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


def fit_step(plan: EvaluationPlan, step: str, data: SearchData) -> dict[str, SimpleFit]:
    """The baselines of a step, with the windows of all contenders to choose from."""
    models = [contender.config["model"] for contender in plan.contenders]
    contexts = sorted({int(model["context_days"]) for model in models})
    return fit_simple(plan.walk.inner(step), data, contexts, plan.study.config.seed)


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
