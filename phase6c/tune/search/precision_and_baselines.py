"""The precision and the baselines of a study: only its run can measure them."""

from __future__ import annotations

import logging

import ray

from phase6c.config import ModelConfig, Precision
from phase6c.evaluation.baselines.of_search import fit_baselines, write_predictions
from phase6c.nn.device import faster_precision, pick_device
from phase6c.study.study_config import StudyConfig
from phase6c.study.validation_rows import write_validation_rows
from phase6c.tune.runtime.job import StudyPlan
from phase6c.tune.runtime.resources import Resources

logger = logging.getLogger(__name__)


def with_precision_and_baselines(
    plan: StudyPlan, shape: ModelConfig, resources: Resources
) -> StudyConfig:
    """The plan's configuration with precision and baselines, whose predictions are stored.

    What is known of the validation rows beside their labels is stored with them.

    Args:
        plan: Study that is run.
        shape: Shape whose training step is measured in each precision.
        resources: Machines that the run uses.

    Raises:
        StorageError: The predictions cannot be stored.
    """
    config = plan.config
    # Without hardware support a bfloat16 step took 7 to 60 times as long as float32.
    if not plan.precision_known:
        precision = _measured_precision(plan, shape, resources)
        train = config.train.model_copy(update={"precision": precision})
        config = config.model_copy(update={"train": train})
    if not config.baselines:
        logger.info("Fitting the baselines.")
        fitted = fit_baselines(plan.data, config.seed)
        write_predictions(plan.folder, fitted, plan.data)
        write_validation_rows(plan.folder, plan.data)
        baselines = tuple(model.baseline for model in fitted)
        config = config.model_copy(update={"baselines": baselines})
    return config


def _measured_precision(plan: StudyPlan, shape: ModelConfig, resources: Resources) -> Precision:
    """The faster precision where the trials will run: on a GPU of the cluster, or here."""
    n_features, batch_size = len(plan.data.feature_names), plan.config.train.batch_size
    if not resources.n_gpus:
        return faster_precision(shape, n_features, batch_size, pick_device(gpu=False))

    # A task of Ray's, since the driver's machine may have no GPU, or another kind of it.
    @ray.remote(num_cpus=1, num_gpus=resources.gpus_per_trial)
    def measure() -> Precision:
        return faster_precision(shape, n_features, batch_size, pick_device())

    precision: Precision = ray.get(measure.remote())
    return precision
