"""The order in which a lane sees its windows: all of them before any is seen again."""

from __future__ import annotations

import torch
from torch import Tensor

from phase6c.nn.layers import lane_generator


class WindowOrder:
    """A random order for each pass over the windows, taken in parts.

    An epoch may be a part of a pass, or the end of a pass and the beginning of the next.

    Args:
        seed: Seed of the trial.

    Attributes:
        stream: Random stream of the passes, in the state before the pass that is under way.
        position: Number of windows of that pass that were seen.
    """

    def __init__(self, seed: int) -> None:
        # On the CPU, so that a seed means the same order on every device.
        self.stream = lane_generator(seed, "order")
        self.position = 0
        self._pass: Tensor | None = None
        self._next = self.stream

    def take(self, count: int, n_windows: int) -> Tensor:
        """The next windows, int64[count].

        Args:
            count: How many.
            n_windows: How many there are in all.
        """
        parts = []
        while count:
            if self._pass is None:
                # Drawn from a copy, so that the stream still tells how this pass can be drawn.
                self._next = self.stream.clone_state()
                self._pass = torch.randperm(n_windows, generator=self._next)
            part = self._pass[self.position : self.position + count]
            parts.append(part)
            count -= len(part)
            self.position += len(part)
            if self.position == n_windows:
                self.stream.set_state(self._next.get_state())
                self._pass, self.position = None, 0
        return torch.cat(parts)

    def go_to(self, position: int) -> None:
        """Goes to a place in the pass that the stream, whose state was set, is about to draw."""
        self._pass, self.position = None, position
