"""The plan of a run's machines and the time of its steps, before the run is started."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import ray
from ray.exceptions import RayError

from phase6c.config import ModelConfig, TrainConfig
from phase6c.errors import ResourceError
from phase6c.tune.runtime.cluster import cluster_nodes, ray_cluster
from phase6c.tune.runtime.faults import last_line
from phase6c.tune.runtime.gpu_kinds import GPU_KINDS, assumed_node, assumed_step_s
from phase6c.tune.runtime.job import StudyPlan
from phase6c.tune.runtime.joining.arrival import missing_machines
from phase6c.tune.runtime.nodes import Node, local_node
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.step_time import measured_step_s

logger = logging.getLogger(__name__)

# A worker is free and has loaded torch within this time, or the time of a step stays unknown.
_WORKER_S = 300

StepTime = Callable[[ModelConfig, TrainConfig], float | None]
TimedOn = Literal["here", "worker", "assumed", "nothing"]


@dataclass(frozen=True)
class Planned:
    """The machines of a run that has not started.

    Attributes:
        resources: Machines that the run uses; what was asked for, where something is missing.
        missing: What is not there; None if nothing is missing.
        timed_on: Where the time of a step comes from.
        step_s: Seconds of a training step of a shape; None where they are not known.
    """

    resources: Resources
    missing: ResourceError | None
    timed_on: TimedOn
    step_s: StepTime


@contextmanager
def planned_machines(study: StudyPlan, assume: str | None = None) -> Iterator[Planned]:
    """Plans for the machines that are there, or that are assumed; a cluster stays connected inside.

    A step is timed where the trials would run: on this machine, or on a worker of the cluster. The
    CPU of a machine that only starts a run on GPUs says nothing about them, and is not timed.

    Args:
        study: Study that is to run; its options name the cluster.
        assume: Machine that is not there, such as 4xH200, to plan for in place of all others.

    Raises:
        ConfigError: The assumed machine is not known, or a trial is to have more than a GPU.
    """
    if assume is not None:
        yield _plan(study, [assumed_node(assume)], "assumed")
    elif study.options.address is None:
        yield _plan(study, [local_node()], "here")
    else:
        with ExitStack() as connected:
            try:
                connected.enter_context(ray_cluster(study.options.address, None))
            except ResourceError as error:
                yield Planned(_asked(study, [local_node()]), error, "nothing", _unknown)
                return
            nodes = cluster_nodes()
            planned = _plan(study, nodes, "worker")
            # A plan alone waits for nothing.
            missing = planned.missing or missing_machines(study.options, nodes)
            yield replace(planned, missing=missing)


def _plan(study: StudyPlan, nodes: Sequence[Node], source: TimedOn) -> Planned:
    missing = None
    try:
        resources = study.resources(nodes)
    except ResourceError as error:
        missing, resources = error, _asked(study, nodes)
    # Asked for where there is none: no machine at hand can time a step of it.
    if resources.n_gpus and not any(node.gpus for node in nodes):
        source = "nothing"
    return Planned(resources, missing, source, _step_time(study, resources, source))


def _asked(study: StudyPlan, nodes: Sequence[Node]) -> Resources:
    """The plan as if all that is asked for were there, on a machine like the first of them."""
    options = study.options
    gpus = max(options.gpus or 0, sum(node.gpus for node in nodes))
    cpus = max(options.cpus or 0, sum(node.cpus for node in nodes))
    kind = next((node for node in nodes if node.gpus), nodes[0])
    return study.resources([kind.model_copy(update={"gpus": gpus, "cpus": cpus})])


def _step_time(study: StudyPlan, resources: Resources, source: TimedOn) -> StepTime:
    n_features = len(study.data.feature_names)
    if source == "here":
        return partial(measured_step_s, n_features, resources.n_gpus > 0)
    if source == "worker":
        return partial(_on_worker, n_features, resources.gpus_per_trial)
    if source == "assumed":
        return partial(_assumed, study, resources)
    return _unknown


def _on_worker(
    n_features: int, gpus_per_trial: float, model: ModelConfig, train: TrainConfig
) -> float | None:
    """Seconds of a step on a machine of the cluster that a trial could run on."""
    measure = ray.remote(num_cpus=1, num_gpus=gpus_per_trial)(measured_step_s)
    try:
        step_s: float = ray.get(
            measure.remote(n_features, gpus_per_trial > 0, model, train), timeout=_WORKER_S
        )
    except RayError as error:
        logger.warning("No worker of the cluster could time a step: %s", last_line(error))
        return None
    return step_s


def _assumed(
    study: StudyPlan, resources: Resources, model: ModelConfig, train: TrainConfig
) -> float | None:
    if not resources.n_gpus or resources.gpu_kind is None:
        return None
    return assumed_step_s(
        GPU_KINDS[resources.gpu_kind],
        model,
        study.count(model),
        train.batch_size,
        # Every kind in the table is faster in bfloat16, which the run itself would find out.
        train.precision if study.precision_known else "bfloat16",
        resources.trials_per_gpu,
    )


def _unknown(model: ModelConfig, train: TrainConfig) -> float | None:
    return None
