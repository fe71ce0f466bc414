"""A small task on each machine of a cluster, before a trial is placed there."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError
from ray.tune.experiment import Trial as RayTrial
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from phase6c.errors import ResourceError
from phase6c.storage.files import remove, write_whole
from phase6c.tune.runtime.faults import last_line
from phase6c.tune.runtime.nodes import Node, has_silent_driver
from phase6c.version import code_version
from phase6c.wording import counted, listed

logger = logging.getLogger(__name__)

# A worker imports within seconds; on a busy machine or from a network's disk it takes longer. A
# machine that answers later is used from then on.
ANSWER_S = 60.0
# A network's file system shows a new file to others after some seconds.
_SEEN_WITHIN_S = 5.0
# Less room for temporary files, and Ray's own processes fail.
_LEAST_FREE_BYTES = 2**28
# Ray gives this label to every machine.
_NODE_LABEL = "ray.io/node-id"


class CheckedNodes:
    """The machines of a cluster that can train a trial of this study, asked by a task on each.

    Those that join later are asked when they are first seen, and count once they have answered. A
    machine that lacks something is warned of by name, once, and gets no trial. The machine of this
    process is not asked.

    Args:
        folder: The study's folder, which every machine must see.
        there: Asked for the machines of the cluster.
    """

    def __init__(self, folder: Path, there: Callable[[], Sequence[Node]]) -> None:
        # Removed with what killed writers have left, should this process be killed.
        self._marker = folder / f".node_check.{os.getpid()}.tmp"
        self._content = uuid.uuid4().hex
        self._there = there
        # Answers that are still to come, by the machines' identities.
        self._asked: dict[str, Any] = {}
        # What each machine that has answered lacks; None for nothing.
        self._faults: dict[str | None, str | None] = {
            None: None,
            ray.get_runtime_context().get_node_id(): None,
        }
        # The machines that each of Ray's trials was kept from.
        self._kept_from: dict[str, frozenset[str | None]] = {}

    def __call__(self) -> list[Node]:
        """The machines that have answered and lack nothing; waits for none."""
        nodes = list(self._there())
        for node in nodes:
            if node.node_id not in self._faults and node.node_id not in self._asked:
                self._ask(str(node.node_id))
        self._take_answers({node.node_id: node for node in nodes})
        return [node for node in nodes if self._faults.get(node.node_id, "") is None]

    def first(self) -> list[Node]:
        """The machines that a run can begin with, after a wait for their answers.

        Raises:
            ResourceError: None of them can train a trial.
        """
        good = self()
        if self._asked:
            asked = list(self._asked.values())
            ray.wait(asked, num_returns=len(asked), timeout=ANSWER_S)
            good = self()
        if self._asked:
            late = [node.name or "" for node in self._there() if node.node_id in self._asked]
            logger.warning(
                "%s: no answer within %.0f s; used once there is one.", listed(late), ANSWER_S
            )
        if not any(node.cpus for node in good):
            raise ResourceError(
                "A machine of the cluster must be able to train a trial",
                listed([fault for fault in self._faults.values() if fault]) or "none has answered",
                "Give every machine what this one has, and the study's folder at the same path.",
            )
        return good

    def keep_away(self, trial: RayTrial) -> None:
        """Has Ray place the trial on none of the machines that lack something."""
        bad = sorted(str(node_id) for node_id, fault in self._faults.items() if fault is not None)
        self._kept_from[trial.trial_id] = frozenset(bad)
        if not bad:
            return
        factory: Any = trial.placement_group_factory
        bundles = factory.bundles
        selector = {_NODE_LABEL: f"!in({','.join(bad)})"}
        trial.update_resources(
            tune.PlacementGroupFactory(bundles, bundle_label_selector=[selector] * len(bundles))
        )

    def may_have_misplaced(self, trial: RayTrial) -> bool:
        """Whether Ray may have placed the trial on a machine that lacks something.

        A trial that waits for its place may get it on a machine that joins meanwhile, before that
        machine has answered.
        """
        good = {node.node_id for node in self()}
        doubtful = {node.node_id for node in self._there()} - good
        return not doubtful <= self._kept_from.get(trial.trial_id, frozenset())

    def close(self) -> None:
        """Removes what the machines are shown."""
        remove(self._marker)

    def _ask(self, node_id: str) -> None:
        if not self._marker.exists():
            write_whole(self._marker, self._content)
        there = NodeAffinitySchedulingStrategy(node_id, soft=False)
        # It takes no CPU, so that trials do not hold it up.
        task: Any = ray.remote(num_cpus=0, max_retries=0)(examine)
        placed = task.options(scheduling_strategy=there)
        self._asked[node_id] = placed.remote(str(self._marker), self._content)

    def _take_answers(self, nodes: dict[str | None, Node]) -> None:
        waiting = list(self._asked.values())
        ready = ray.wait(waiting, num_returns=len(waiting), timeout=0)[0] if waiting else []
        for node_id in [node_id for node_id, answer in self._asked.items() if answer in ready]:
            answer, node = self._asked.pop(node_id), nodes.get(node_id)
            # It has left again.
            if node is None:
                continue
            try:
                fault = fault_in(ray.get(answer), node)
            except RayError as error:
                fault = last_line(error)
            self._faults[node_id] = fault
            if fault is not None:
                self._faults[node_id] = f"{node.name}: {fault}"
                logger.warning("%s gets no trial: %s.", node.name, fault)


def examine(marker: str, content: str) -> dict[str, Any]:
    """What the machine that runs this has of all that a trial needs.

    Args:
        marker: File in the study's folder.
        content: Content that the file has where it is the driver's own.
    """
    return {
        "versions": versions(),
        "sees_folder": _sees(Path(marker), content),
        "can_write": os.access(Path(marker).parent, os.W_OK),
        "free_bytes": shutil.disk_usage(tempfile.gettempdir()).free,
        "has_silent_driver": has_silent_driver(),
    }


def versions() -> dict[str, str]:
    """What must be the same on all machines; torch may be built for another kind of device."""
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "Ray": version("ray"),
        "torch": version("torch").partition("+")[0],
        "phase6c": code_version(),
    }


def fault_in(found: dict[str, Any], node: Node) -> str | None:
    """What a machine lacks, from its answer; None for nothing."""
    mine = versions()
    others = [
        f"{name} {found['versions'].get(name)} in place of {own}"
        for name, own in mine.items()
        if found["versions"].get(name) != own
    ]
    if others:
        return ", ".join(others)
    if not found["sees_folder"]:
        return "it does not see the study's folder"
    if not found["can_write"]:
        return "it must not write into the study's folder"
    if found["free_bytes"] < _LEAST_FREE_BYTES:
        return f"only {found['free_bytes'] / 2**20:.0f} MiB are free for temporary files"
    if node.gpus and found["has_silent_driver"]:
        return f"its driver names none of its {counted(node.gpus, 'GPU')}"
    return None


def _sees(marker: Path, content: str) -> bool:
    deadline = time.monotonic() + _SEEN_WITHIN_S
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    return marker.exists() and marker.read_text() == content
