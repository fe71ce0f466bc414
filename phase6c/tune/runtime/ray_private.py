"""What Ray has no public call for: a small Ray of our own, others here, and workers' ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, partialmethod
from typing import Any

from ray._private import ray_constants, services
from ray._private.parameter import RayParams
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, RayActorError, RayError, RayTaskError


def workers(tune_controller: Any) -> dict[int, ActorHandle[Any]]:
    """The workers of the trials that run, by trial number."""
    # Tune has no public way from a trial to its worker; both tables are private.
    placed = tune_controller._actor_manager._live_actors_to_ray_actors_resources
    return {
        trial.config["number"]: placed[actor][0]
        for trial, actor in tune_controller._trial_to_actor.items()
        if actor in placed
    }


def save_before_stop(tune_controller: Any, trial: Any) -> None:
    """Has a trial's worker save its state; Ray Tune then stops the trial once that is done."""
    tune_controller._schedule_trial_save(trial)


def survive_any_error(tune_controller: Any) -> None:
    """Has Ray Tune treat every error of a worker as the end of a single trial.

    Tune knows errors of a task and of an actor only. Any other error, such as the memory monitor's
    or an exception that cannot be unpickled, would end the whole experiment.
    """
    manager = tune_controller._actor_manager
    for name in ("_actor_task_failed", "_actor_start_failed"):
        setattr(manager, name, partial(_tell, getattr(manager, name)))


def _tell(tell: Callable[..., None], *, exception: Exception, **whose: Any) -> None:
    """Tells Tune of an error as of a dead actor, with the error itself as the cause."""
    if isinstance(exception, RayError) and not isinstance(exception, (RayActorError, RayTaskError)):
        cause = RayTaskError("worker", str(exception), exception)  # type: ignore[no-untyped-call]
        exception = ActorDiedError.from_task_error(cause)
    tell(exception=exception, **whose)


def started_head() -> str | None:
    """Address of the head that `ray start` has last started on this machine, alive or not."""
    address: str | None = services.find_bootstrap_address(None)
    return address or None


@contextmanager
def small_and_local() -> Iterator[None]:
    """While open, a Ray that starts listens on 127.0.0.1 alone and has no processes to spare.

    On Linux, Ray 2.60 replaces a given 127.0.0.1 by the machine's own address and then listens on
    all interfaces; the switch that spares macOS and Windows this is read when ray is imported.
    The autoscaler's monitor has nothing to scale on one machine, and the log monitor no driver that
    shows its lines: both cost a second of a processor at the start, and a second's wait at the end.
    Without its dashboard nobody asks the dashboard's server anything, which Ray starts all the same
    and waits a second for.
    """
    before, init = ray_constants.ENABLE_RAY_CLUSTER, RayParams.__init__
    start_api_server = services.start_api_server
    small = partialmethod(init, no_monitor=True, include_log_monitor=False)
    ray_constants.ENABLE_RAY_CLUSTER = False
    RayParams.__init__ = small  # type: ignore[method-assign, assignment]
    # Ray's own answer where it has no such server: no address, and no process.
    services.start_api_server = lambda *_, **__: ("", None)
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        RayParams.__init__ = init  # type: ignore[method-assign]
        services.start_api_server = start_api_server
