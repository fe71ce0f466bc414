"""Made-up rows of a walk forward and a cal block, and predictions of any quality."""

from collections.abc import Callable

import numpy as np
import pytest

from phase6c.evaluation.outcomes import Truth
from phase6c.statistics.logits import sigmoid

N_ROWS = 350
STEPS = ("fold_1", "fold_2", "fold_3", "fold_4", "fold_5", "cal")


class World:
    """Days with a known chance of a rise; steps of 350 days each."""

    def __init__(self, seed: int = 0, steps=STEPS, n_rows: int = N_ROWS, base: float = -1.5):
        self.rng = np.random.default_rng(seed)
        n = n_rows * len(steps)
        self.signal = self.rng.normal(size=n)
        self.logits = base + self.signal
        y = (self.rng.random(n) < sigmoid(self.logits)).astype(np.int8)
        self.truth = Truth(
            dates=np.datetime64("2005-01-03") + np.arange(n),
            tickers=np.full(n, "made"),
            y=y,
            down=self.rng.random(n) < sigmoid(self.logits),
            steps=np.repeat(steps, n_rows),
            outcomes=np.full(n, np.nan),
            volatility=np.full(n, np.nan),
        )

    def seeds(self, n: int, noise: float, shift: float = 0.0, scale: float = 1.0) -> np.ndarray:
        """Logits of several trainings [seed, row], each off by noise of its own."""
        off = self.rng.normal(size=(n, len(self.logits)))
        return shift + scale * (self.logits + noise * off)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    return World
