"""The planner: from the machines that are there to trials side by side and their shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from phase6c.config import Record
from phase6c.errors import ConfigError, ResourceError
from phase6c.tune.runtime.nodes import Node

# A trial that is fed by its own process gains nothing from a smaller share.
_MAX_TRIALS_PER_GPU = 8
# From so many parameters on the GPU is busy for a good part of a step, and its memory's bandwidth
# is what further trials would wait for: a trial has a GPU to itself.
_ALONE_PARAMETERS = 100_000_000
# What CUDA and its libraries take of a GPU for each process.
_CONTEXT_GIB = 0.6
# Memory that torch's allocator holds beyond what is in use.
_UNUSED = 1.1
# Shares such as 1/3 add up to a GPU only up to rounding.
_ROUNDING = 1e-6


class TrialSize(Record):
    """What the largest trial of a run takes.

    Attributes:
        n_params: Number of parameters.
        model_gib: Memory of the model while it trains.
        panel_gib: Memory of the data that it is trained on.
    """

    n_params: int
    model_gib: float
    panel_gib: float

    @property
    def gpu_gib(self) -> float:
        """Memory of the trial's process on a GPU."""
        return _UNUSED * (self.model_gib + self.panel_gib) + _CONTEXT_GIB


class Resources(Record):
    """The GPUs and CPUs of a run, and the share of a GPU for each trial.

    Attributes:
        n_cpus, n_gpus: Numbers that the run uses.
        gpus_per_trial: Share of a GPU for each trial; 0 without GPUs.
        gpu_kind: Kind of the GPUs; None where it is not known or they differ.
        fitting: Number of trials that find a CPU and a share of a GPU on the same machine; None
            for what the numbers of CPUs and GPUs allow.
    """

    n_cpus: int
    n_gpus: int
    gpus_per_trial: float
    gpu_kind: str | None = None
    fitting: int | None = None

    @property
    def max_concurrent(self) -> int:
        """Number of trials that run side by side; each takes a CPU."""
        if not self.n_gpus:
            return self.n_cpus
        there = min(self.n_cpus, self.n_gpus * self.trials_per_gpu)
        return max(1, there if self.fitting is None else min(there, self.fitting))

    @property
    def trials_per_gpu(self) -> int:
        """Number of trials that share a GPU; 0 without GPUs."""
        return _shares(self.gpus_per_trial) if self.n_gpus else 0


def plan_resources(
    nodes: Sequence[Node],
    size: TrialSize | None,
    *,
    gpus: int | None,
    gpus_per_trial: float | None,
    cpus: int | None,
) -> Resources:
    """Settles the machines that the run uses.

    The same machines give the same plan, whether they are this machine, a cluster, or assumed.

    Args:
        nodes: Machines that are there.
        size: Largest trial; None where it is not known, which gives each trial a whole GPU.
        gpus: Number of GPUs to use; None for all there are.
        gpus_per_trial: Share of a GPU for each trial; None for as many trials on a GPU as its
            memory holds, but 8 at most, and a single trial from 100M parameters on.
        cpus: Number of CPUs to use; None for all there are.

    Raises:
        ConfigError: A trial is to have more than a single GPU.
        ResourceError: More is asked for than there is.
    """
    if gpus_per_trial is not None and not 0 < gpus_per_trial <= 1:
        raise ConfigError(
            "`gpus_per_trial` must lie above 0 and be at most 1: a trial trains on one GPU",
            gpus_per_trial,
            "Use 1 or less.",
        )
    there = {"gpus": sum(node.gpus for node in nodes), "cpus": sum(node.cpus for node in nodes)}
    for name, wanted in (("gpus", gpus), ("cpus", cpus)):
        if wanted is not None and wanted > there[name]:
            raise ResourceError(
                f"`{name}` must not be more than there are",
                f"{wanted} asked for, {there[name]} there",
                f"Leave `{name}` out to use all there are.",
            )
    n_cpus = there["cpus"] if cpus is None else cpus
    used = _with_gpus(nodes, there["gpus"] if gpus is None else gpus)
    if not used:
        return Resources(n_cpus=n_cpus, n_gpus=0, gpus_per_trial=0.0)
    share = gpus_per_trial or 1 / min(_trials_per_gpu(node, size) for node in used)
    kinds = {node.gpu_kind for node in used}
    return Resources(
        n_cpus=n_cpus,
        n_gpus=sum(node.gpus for node in used),
        gpus_per_trial=share,
        gpu_kind=kinds.pop() if len(kinds) == 1 else None,
        fitting=sum(min(node.cpus, node.gpus * _shares(share)) for node in used),
    )


def _with_gpus(nodes: Iterable[Node], n_gpus: int) -> list[Node]:
    """The machines with GPUs, as far as so many GPUs reach."""
    used: list[Node] = []
    for node in nodes:
        if taken := min(node.gpus, n_gpus):
            used.append(node.model_copy(update={"gpus": taken}))
            n_gpus -= taken
    return used


def _trials_per_gpu(node: Node, size: TrialSize | None) -> int:
    # A GPU whose memory is not known may be too small to share, and Apple's has a single slot.
    if size is None or node.gpu_memory_gib is None or size.n_params >= _ALONE_PARAMETERS:
        return 1
    return max(1, min(_MAX_TRIALS_PER_GPU, int(node.gpu_memory_gib / size.gpu_gib)))


def _shares(share: float) -> int:
    return max(1, int(1 / share + _ROUNDING))
