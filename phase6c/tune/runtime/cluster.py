"""A Ray that obeys nothing but us: a Ray of our own, or the cluster at an address."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import ray

from phase6c.errors import ResourceError
from phase6c.storage.redact import RedactingFormatter
from phase6c.tune.runtime.halt import signals_held
from phase6c.tune.runtime.ray_private import _loopback_only
from phase6c.tune.runtime.resources import Resources

logger = logging.getLogger(__name__)

_CONNECT_S = 5.0

_ENVIRONMENT = {
    # Even with verbose=0 the new output prints where results lie, and a table, on stdout.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Paths that the user gave are relative to the folder that the run was started in.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_DEDUP_LOGS": "1",
    # Nothing is sent to Ray's makers.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    # Ray would hide all GPUs from tasks that ask for none, and warns that this will change.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Tune would write a CSV file, a JSON file and TensorBoard events for each trial.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Tune's own handler ends the experiment and then reports success.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Tune's state is never restored from, since it loses rungs: the ledger is the truth.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
}


@contextmanager
def ray_cluster(address: str | None, resources: Resources | None) -> Iterator[None]:
    """A Ray of our own with these resources, or the cluster at `address`.

    A Ray that this process is connected to already is used as it is and left running.

    Raises:
        ResourceError: There is no cluster at the address, or Ray cannot start here.
    """
    os.environ.update(_ENVIRONMENT)
    # Tune would warn of each trial that its own result files are missing; ours are elsewhere.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    try:
        with signals_held():
            _start(address, resources)
        yield
    finally:
        ray.shutdown()


def _start(address: str | None, resources: Resources | None) -> None:
    token = _token_path()
    is_new = not token.exists()
    if resources is not None:
        _start_own(resources)
    else:
        _connect(address)
    # Ray 2.60 makes the file readable for all, and whoever has the token may run code.
    if is_new and token.exists():
        token.chmod(0o600)
    remark_on_token(token)
    _show_errors_of_ray()


def _show_errors_of_ray() -> None:
    """Gives Ray's logger a handler again: without its own logging set-up, Ray takes it away."""
    logger = logging.getLogger("ray")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


def _start_own(resources: Resources) -> None:
    try:
        with _loopback_only():
            ray.init(
                # Otherwise RAY_ADDRESS, or a Ray that someone has left running, would be joined.
                address="local",
                num_cpus=resources.n_cpus,
                num_gpus=resources.n_gpus,
                include_dashboard=False,
                # Lines of workers would mix with the progress display.
                log_to_driver=False,
                # Logging belongs to the caller.
                configure_logging=False,
            )
    except (OSError, RuntimeError) as error:
        place = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
        free_mib = shutil.disk_usage(place).free / 2**20
        raise ResourceError(
            "Ray must be able to start",
            f"{str(error).splitlines()[0]}, with {free_mib:,.0f} MiB free in {place}",
            "Free space there, or name another place in RAY_TMPDIR.",
        ) from error


def _connect(address: str | None) -> None:
    try:
        _check_listening(address)
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise ResourceError(
            "A Ray cluster must be running at the address",
            f"{address}: {str(error).splitlines()[0]}",
            "Start it with 'ray start --head', or leave `address` out.",
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


def _token_path() -> Path:
    """The file of the token by which Ray's processes know each other."""
    return Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


@cache
def remark_on_token(path: Path) -> None:
    """Warns, once for each file, of a token that others can read; Ray 2.60 leaves it open."""
    if path.exists() and path.stat().st_mode & 0o077 and _can_be_reached(path):
        command = shlex.join(["chmod", "600", str(path)])
        logger.warning("Others on this machine can read Ray's token; close it with: %s", command)


def _can_be_reached(path: Path) -> bool:
    """Whether every folder on the way lets others through."""
    return all(folder.stat().st_mode & 0o011 for folder in path.absolute().parents)


def cluster_counts() -> tuple[int, int]:
    """(CPUs, GPUs) of the Ray that is connected."""
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(there.get("CPU", 0)), int(there.get("GPU", 0))
