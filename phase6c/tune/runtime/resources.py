"""The machines of a run: counted GPUs and CPUs, and the share of them that a trial takes."""

from __future__ import annotations

import os
import shutil
import subprocess

from phase6c.config import Record
from phase6c.errors import ConfigError, ResourceError
from phase6c.space.budget import Budget

# A trial that is fed by its own process gains nothing from a smaller share.
_MAX_TRIALS_PER_GPU = 8


class Resources(Record):
    """The GPUs and CPUs of a run, and the share of a GPU for each trial."""

    n_cpus: int
    n_gpus: int
    gpus_per_trial: float

    @property
    def max_concurrent(self) -> int:
        """Number of trials that run side by side; each takes a CPU."""
        if not self.n_gpus:
            return self.n_cpus
        return max(1, min(self.n_cpus, int(self.n_gpus / self.gpus_per_trial)))


def local_gpu_memory_gib() -> list[float]:
    """The memory of each GPU of this machine, as the driver reports it."""
    if shutil.which("nvidia-smi") is None:
        return []
    # Asked of the driver: torch takes seconds to import, and opens each GPU to answer.
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
    if answer.returncode:
        return []
    return [float(line) / 1024 for line in answer.stdout.split() if line.strip()]


def plan_resources(
    budget: Budget | None,
    *,
    gpus: int | None,
    gpus_per_trial: float | None,
    cpus: int | None,
    available_gpus: int,
    gpu_memory_gib: float | None,
    available_cpus: int,
) -> Resources:
    """Settles the machines that the run uses.

    Args:
        budget: Budget that says how much memory a trial takes.
        gpus: Number of GPUs to use; None for all there are.
        gpus_per_trial: Share of a GPU for each trial; None for the share that the budget's memory
            needs.
        cpus: Number of CPUs to use; None for all there are.
        available_gpus, available_cpus: Numbers that the machine or the cluster has.
        gpu_memory_gib: Memory of the smallest GPU; None where it is not known, which gives each
            trial a whole GPU.

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
    for name, wanted, there in (("gpus", gpus, available_gpus), ("cpus", cpus, available_cpus)):
        if wanted is not None and wanted > there:
            raise ResourceError(
                f"`{name}` must not be more than there are",
                f"{wanted} asked for, {there} there",
                f"Leave `{name}` out to use all there are.",
            )
    n_gpus = available_gpus if gpus is None else gpus
    share = gpus_per_trial or _gpu_share(budget, gpu_memory_gib)
    return Resources(
        n_cpus=available_cpus if cpus is None else cpus,
        n_gpus=n_gpus,
        gpus_per_trial=share if n_gpus else 0.0,
    )


def _gpu_share(budget: Budget | None, gpu_memory_gib: float | None) -> float:
    # A free width may need any memory, and so may a GPU of unknown size be too small to share.
    if budget is None or gpu_memory_gib is None:
        return 1.0
    fitting = int(gpu_memory_gib / budget.gpu_memory_gib)
    return 1.0 / max(1, min(_MAX_TRIALS_PER_GPU, fitting))


def local_cpus() -> int:
    """Number of CPUs that this process may use."""
    # A batch system or a container may allow fewer than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
