"""What a search may use: counted GPUs and CPUs, and a Ray that obeys nothing but us."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from phase6c.budget import Budget
from phase6c.config import Record
from phase6c.errors import ConfigError, ResourceError

logger = logging.getLogger(__name__)

# A trial that is fed by its own process gains nothing from a smaller share.
_MAX_TRIALS_PER_GPU = 8

_ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


class Resources(Record):
    """What a search uses in all, and what each trial takes of it."""

    n_cpus: int
    n_gpus: int
    gpus_per_trial: float

    @property
    def max_concurrent(self) -> int:
        """How many trials run side by side; each takes one CPU."""
        if not self.n_gpus:
            return self.n_cpus
        return max(1, min(self.n_cpus, int(self.n_gpus / self.gpus_per_trial)))


def local_gpu_memory_gib() -> list[float]:
    """The memory of each GPU of this machine, as the driver reports it."""
    if shutil.which("nvidia-smi") is None:
        return []
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
    """Settles on what the search uses.

    Args:
        budget: Says how much memory a trial takes.
        gpus: How many to use; None takes all there are.
        gpus_per_trial: None takes the share of a GPU that the budget's memory needs.
        cpus: How many to use; None takes all there are.
        available_gpus, available_cpus: What the machine or the cluster has.
        gpu_memory_gib: Of the smallest GPU; None where it is not known: a whole one a trial.

    Raises:
        ConfigError: More than one GPU a trial.
        ResourceError: More is asked for than there is.
    """
    if gpus_per_trial is not None and not 0 < gpus_per_trial <= 1:
        raise ConfigError(
            "--gpus-per-trial must lie above 0 and be at most 1: a trial trains on one GPU",
            gpus_per_trial,
            "Use 1 or less.",
        )
    for name, wanted, there in (("gpus", gpus, available_gpus), ("cpus", cpus, available_cpus)):
        if wanted is not None and wanted > there:
            raise ResourceError(
                f"--{name} must not be more than there are",
                f"{wanted} asked for, {there} there",
                f"Leave --{name} out to use all there are.",
            )
    n_gpus = available_gpus if gpus is None else gpus
    share = gpus_per_trial or _gpu_share(budget, gpu_memory_gib)
    return Resources(
        n_cpus=available_cpus if cpus is None else cpus,
        n_gpus=n_gpus,
        gpus_per_trial=share if n_gpus else 0.0,
    )


def _gpu_share(budget: Budget | None, gpu_memory_gib: float | None) -> float:
    if budget is None or gpu_memory_gib is None:
        return 1.0
    fitting = int(gpu_memory_gib / budget.gpu_memory_gib)
    return 1.0 / max(1, min(_MAX_TRIALS_PER_GPU, fitting))


def local_cpus() -> int:
    """The CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def ray_cluster(address: str | None, resources: Resources | None) -> Iterator[None]:
    """A Ray of our own with these resources, or the one at `address`.

    A Ray that this process is connected to already is used as it is and left running.

    Raises:
        ResourceError: There is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.update(_ENVIRONMENT)
    try:
        _start(address, resources)
        yield
    finally:
        ray.shutdown()


def _start(address: str | None, resources: Resources | None) -> None:
    if resources is not None:
        ray.init(
            address="local",
            num_cpus=resources.n_cpus,
            num_gpus=resources.n_gpus,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
        )
        return
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ResourceError(
            "A Ray cluster must be running at the address",
            f"{address}: {str(error).splitlines()[0]}",
            "Start it with 'ray start --head', or leave --address out.",
        ) from error


def cluster_counts() -> tuple[int, int]:
    """(CPUs, GPUs) of the Ray that is connected."""
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(there.get("CPU", 0)), int(there.get("GPU", 0))
