"""The number of trials side by side on a cluster whose machines come and go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from phase6c.errors import ResourceError
from phase6c.tune.runtime.job import RunOptions
from phase6c.tune.runtime.nodes import Node
from phase6c.tune.runtime.resources import Resources, plan_resources
from phase6c.wording import counted

logger = logging.getLogger(__name__)

# Ray's head answers within milliseconds; a machine that joins is used within so many seconds.
ASKED_EVERY_S = 3.0


class LiveLimit:
    """How many trials may run now, by the machines of the cluster that are there now.

    What was asked for stays a limit. A trial keeps the share of a GPU that the run began with:
    Ray gives every trial of a run the same.

    Args:
        resources: Machines that the run began with.
        options: Machines that the run may use.
        nodes: Asked for the machines that are there.
        clock: Time in seconds, whatever its beginning.
    """

    def __init__(
        self,
        resources: Resources,
        options: RunOptions,
        nodes: Callable[[], Sequence[Node]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._began_with, self._now = resources, resources
        self._options, self._nodes, self._clock = options, nodes, clock
        self._asked = clock()

    def __call__(self) -> int:
        """Number of trials side by side; machines that are gone leave it at one at least."""
        if self._clock() - self._asked >= ASKED_EVERY_S:
            self._asked = self._clock()
            self._ask()
        return self._now.max_concurrent

    def _ask(self) -> None:
        try:
            found = self._planned(self._nodes())
        except ResourceError:
            # Fewer than were asked for, after a loss: Ray places what it can, the others wait.
            return
        # Without its GPUs the cluster can run no trial of this run; they may come back.
        if bool(found.n_gpus) != bool(self._began_with.n_gpus):
            return
        if found.max_concurrent != self._now.max_concurrent:
            there = counted(found.n_gpus, "GPU") if found.n_gpus else counted(found.n_cpus, "CPU")
            logger.info(
                "The cluster has %s for this run now: %s at a time.",
                there,
                counted(found.max_concurrent, "trial"),
            )
        self._now = found

    def _planned(self, nodes: Sequence[Node]) -> Resources:
        on_gpus = self._began_with.n_gpus > 0
        return plan_resources(
            nodes,
            # The size of a trial has decided about its share already.
            None,
            gpus=self._options.gpus if on_gpus else 0,
            gpus_per_trial=self._began_with.gpus_per_trial if on_gpus else None,
            cpus=self._options.cpus,
        )
