"""Waits for a cluster's head and machines that are still starting."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from phase6c.errors import ResourceError
from phase6c.tune.runtime.cluster import answers, cluster_nodes
from phase6c.tune.runtime.job import RunOptions
from phase6c.tune.runtime.nodes import Node
from phase6c.wording import counted, duration_text, listed

logger = logging.getLogger(__name__)

# While nothing runs yet, a machine that joins is noticed soon.
_ASKED_EVERY_S = 1.0


class Arrival:
    """Waits for a cluster's head and then for its machines, as long as the options say.

    Without a number to wait for, it does not wait.

    Args:
        options: Machines that the run may use.
    """

    def __init__(self, options: RunOptions) -> None:
        self._options = options
        self._deadline = time.monotonic() + options.wait_s

    def of_head(self) -> None:
        """Waits until the head listens; whether it does, connecting to it tells."""
        options = self._options
        if options.wait_for is None or answers(options.address):
            return
        longest = duration_text(options.wait_s)
        logger.info("Waiting for a head at %s, %s at most.", options.address, longest)
        while not (answers(options.address) or self._is_over()):
            time.sleep(_ASKED_EVERY_S)

    def of_machines(self) -> None:
        """Waits until enough machines have joined; says how many whenever that changes.

        Raises:
            ResourceError: They have not within the time.
        """
        wanted, noun = self._options.wait_for, _awaited(self._options)
        if wanted is None:
            return
        told = -1
        while (there := _count(nodes := cluster_nodes(), noun)) < wanted and not self._is_over():
            if there != told:
                left_s = self._deadline - time.monotonic()
                logger.info(
                    "Waiting for %s: %d there, on %s; %s at most.",
                    *(counted(wanted, noun), there, counted(len(nodes), "machine")),
                    duration_text(left_s),
                )
                told = there
            time.sleep(_ASKED_EVERY_S)
        missing = missing_machines(self._options, nodes)
        if missing is not None:
            raise missing
        if told >= 0:
            logger.info("%s have joined.", counted(there, noun))

    def _is_over(self) -> bool:
        return time.monotonic() >= self._deadline


def waits_for_gpus(options: RunOptions) -> bool:
    """Whether the run begins only where GPUs have joined."""
    return options.wait_for is not None and _awaited(options) == "GPU"


def missing_machines(options: RunOptions, nodes: Sequence[Node]) -> ResourceError | None:
    """The error for fewer machines than are waited for, with those that are there; None if enough.

    Args:
        options: Machines that the run may use.
        nodes: Machines of the cluster.
    """
    wanted, noun = options.wait_for, _awaited(options)
    there = _count(nodes, noun)
    if wanted is None or there >= wanted:
        return None
    joined = [f"{node.name} ({_parts(node)})" for node in nodes]
    fewer = f", or ask for fewer: `wait_for={there}`" if there else ""
    on_cpus = "" if fewer or noun == "CPU" else "; `gpus=0` waits for CPUs"
    return ResourceError(
        "As many machines must join the cluster as are waited for",
        f"{there:,} of {counted(wanted, noun)}; {listed(joined) or 'nothing'} has joined",
        f"Start the others, wait longer with `wait_s`{fewer}{on_cpus}.",
    )


def _awaited(options: RunOptions) -> str:
    """What is counted: what the trials of the run are placed on."""
    return "CPU" if options.gpus == 0 else "GPU"


def _count(nodes: Sequence[Node], noun: str) -> int:
    return sum(node.cpus if noun == "CPU" else node.gpus for node in nodes)


def _parts(node: Node) -> str:
    gpus = [counted(node.gpus, "GPU")] if node.gpus else []
    return ", ".join([*gpus, counted(node.cpus, "CPU")])
