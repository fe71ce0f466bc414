"""When a checkpoint is worth its cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Largest share of a trial's time that its checkpoints may take. What a crash repeats before the
# running epoch is bounded by the same figure: 1 / MAX_SHARE times the cost of a checkpoint.
MAX_SHARE = 0.05
# Weights, two moments of AdamW and the best weights twice, in float32.
_BYTES_PER_PARAMETER = 20
# What packing, SHA-256 and disk pass together; only the first checkpoint depends on the guess.
_BYTES_PER_S = 300e6


class CheckpointSchedule:
    """Says after which epochs a checkpoint is written, by what the last of them cost.

    A checkpoint is due once the time since the one before, or since the start, is `1 / MAX_SHARE`
    times its cost. Over any epochs, all checkpoints but the last thus take at most `MAX_SHARE` of
    the time between them. Where writing is cheap beside an epoch, each epoch has one.

    Args:
        n_params: Parameters of the model, from which the cost of the first checkpoint is guessed.
        clock: Clock in seconds; by default that of this process.

    Attributes:
        cost_s: Cost of a checkpoint: of the last that was written, or the guess.
    """

    def __init__(self, n_params: int, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or time.perf_counter
        self._since_s = self._clock()
        self.cost_s = _BYTES_PER_PARAMETER * n_params / _BYTES_PER_S

    def is_due(self) -> bool:
        """Whether the epoch that has just ended is to have a checkpoint."""
        return MAX_SHARE * (self._clock() - self._since_s) >= self.cost_s

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While open, a checkpoint is written, and its cost measured."""
        begun_s = self._clock()
        yield
        self._since_s = self._clock()
        self.cost_s = self._since_s - begun_s
