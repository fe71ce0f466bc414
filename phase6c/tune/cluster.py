"""A Ray that obeys nothing but us: one of our own, or the one at an address."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from phase6c.errors import ResourceError
from phase6c.tune.resources import Resources

_CONNECT_S = 5.0

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


@contextmanager
def ray_cluster(address: str | None, resources: Resources | None) -> Iterator[None]:
    """A Ray of our own with these resources, or the one at `address`.

    A Ray that this process is connected to already is used as it is and left running.

    Raises:
        ResourceError: There is no cluster at the address.
    """
    os.environ.update(_ENVIRONMENT)
    # It would warn of each trial that Ray's own result files are missing; ours are elsewhere.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
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
        _check_listening(address)
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise ResourceError(
            "A Ray cluster must be running at the address",
            f"{address}: {str(error).splitlines()[0]}",
            "Start it with 'ray start --head', or leave --address out.",
        ) from error


def _check_listening(address: str | None) -> None:
    """Ray would try for minutes where nothing listens.

    Raises:
        OSError: Nothing answers at HOST:PORT.
        ValueError: The address is neither `auto` nor HOST:PORT.
    """
    if address in (None, "auto"):
        return
    host, _, port = str(address).rpartition(":")
    socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()


def cluster_counts() -> tuple[int, int]:
    """(CPUs, GPUs) of the Ray that is connected."""
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(there.get("CPU", 0)), int(there.get("GPU", 0))
