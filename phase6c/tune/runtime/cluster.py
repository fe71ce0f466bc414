"""A Ray that obeys nothing but us: a Ray of our own, or the cluster at an address."""

from __future__ import annotations

import logging
import os
import shlex
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import ray
from ray.exceptions import AuthenticationError

from phase6c.errors import ResourceError
from phase6c.storage.redact import RedactingFormatter, redact
from phase6c.tune.runtime.gpu_kinds import GPU_KINDS
from phase6c.tune.runtime.halt import signals_held
from phase6c.tune.runtime.joining.code import travelling_code
from phase6c.tune.runtime.nodes import Node
from phase6c.tune.runtime.ray_places import (
    another_place,
    folder_for_ray,
    provide_token,
    token_path,
)
from phase6c.tune.runtime.ray_private import small_and_local, started_head
from phase6c.tune.runtime.resources import Resources

logger = logging.getLogger(__name__)

_CONNECT_S = 5.0
_ACCELERATOR = "accelerator_type:"

_ENVIRONMENT = {
    # Even with verbose=0 the new output prints where results lie, and a table, on stdout.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Paths that the user gave are relative to the folder that the run was started in.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_DEDUP_LOGS": "1",
    # A worker that loads torch on a busy machine takes longer than the minute that Ray waits.
    "RAY_worker_register_timeout_seconds": "600",
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
    # Ray would warn that its processes know each other by a token, which is as it should be.
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
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
    if resources is not None:
        _start_own(resources)
    else:
        _connect(address)
    token = token_path()
    if token is not None:
        remark_on_token(token)
    _show_errors_of_ray()


def _show_errors_of_ray() -> None:
    """Gives Ray's logger a handler again: without its own logging set-up, Ray takes it away."""
    logger = logging.getLogger("ray")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


def remark_on_other_ray() -> None:
    """Warns of a Ray that the user may mean, since a Ray of our own leaves it alone."""
    # Ray's own word for no other Ray.
    named = os.environ.get("RAY_ADDRESS") or "local"
    if named != "local":
        found, way = f"RAY_ADDRESS names a Ray at {redact(named)}", "auto"
    else:
        head = started_head()
        if head is None or not answers(head):
            return
        found, way = f"A Ray runs on this machine at {head}", head
    logger.warning(
        "%s, which is not used: this run starts a Ray of its own; `address=%r` would use it.",
        found,
        way,
    )


def _start_own(resources: Resources) -> None:
    remark_on_other_ray()
    folder = folder_for_ray()
    provide_token()
    try:
        with small_and_local():
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
                _temp_dir=str(folder),
            )
    except OSError as error:
        raise _not_started(error, another_place(error, "RAY_TMPDIR")) from error
    except UnicodeError as error:  # of an argument or a path, where PYTHONUTF8=0 forbids UTF-8
        raise _not_started(error, "Set PYTHONUTF8=1, or use names in ASCII alone.") from error
    except Exception as error:  # Ray raises bare ones, as when its processes do not answer
        remedy = (
            "A busy machine may be why, so try again; Ray's logs are in "
            f"{folder / 'session_latest/logs'}."
        )
        raise _not_started(error, remedy) from error


def _not_started(error: Exception, remedy: str) -> ResourceError:
    return ResourceError("Ray must be able to start", _first_sentence(error), remedy)


def _connect(address: str | None) -> None:
    try:
        _check_listening(address)
        ray.init(
            address=address,
            log_to_driver=False,
            configure_logging=False,
            runtime_env=travelling_code(),
        )
    except AuthenticationError as error:
        raise ResourceError(
            "The token must be that of the Ray cluster at the address",
            f"{address}: {_first_sentence(error)}",
            "Give the cluster's token in RAY_AUTH_TOKEN, or its file in RAY_AUTH_TOKEN_PATH.",
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise ResourceError(
            "A Ray cluster must be running at the address",
            f"{address}: {_first_sentence(error)}",
            "Start it with 'ray start --head', or leave `address` out; where the cluster has"
            " RAY_AUTH_MODE=token, set that and RAY_AUTH_TOKEN here too.",
        ) from error


def _first_sentence(error: Exception) -> str:
    """Ray's messages go on with advice, which is not about our options."""
    return str(error).partition("\n")[0].partition(". ")[0].rstrip(".")


def answers(address: str | None) -> bool:
    """Whether something listens at HOST:PORT; of anything else only Ray can tell."""
    try:
        with suppress(ValueError):
            _check_listening(address)
    except OSError:
        return False
    return True


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


@cache
def remark_on_token(path: Path) -> None:
    """Warns, once for each file, of a token that others can read; Ray 2.60 leaves it open."""
    if path.exists() and path.stat().st_mode & 0o077 and _can_be_reached(path):
        command = shlex.join(["chmod", "600", str(path)])
        logger.warning("Others on this machine can read Ray's token; close it with: %s", command)


def _can_be_reached(path: Path) -> bool:
    """Whether every folder on the way lets others through."""
    return all(folder.stat().st_mode & 0o011 for folder in path.absolute().parents)


def cluster_nodes() -> list[Node]:
    """The machines of the Ray that is connected."""
    alive = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return [
        node_of(one["Resources"], name=one["NodeManagerHostname"], node_id=one["NodeID"])
        for one in alive
    ]


def node_of(there: Mapping[str, float], **names: str) -> Node:
    """A machine from the resources that Ray counts on it, and its names."""
    gpus = int(there.get("GPU", 0))
    kinds = [
        name.removeprefix(_ACCELERATOR) for name in there if gpus and name.startswith(_ACCELERATOR)
    ]
    kind = kinds[0] if len(kinds) == 1 else None
    known = GPU_KINDS.get(kind) if kind else None
    return Node(
        cpus=int(there.get("CPU", 0)),
        gpus=gpus,
        # Ray tells the kind of a node's GPUs and not their memory.
        gpu_memory_gib=known.memory_gib if known else None,
        gpu_kind=kind,
        **names,
    )
