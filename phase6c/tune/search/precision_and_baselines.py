"""What of a search's configuration only its run can know: precision and baselines."""

from __future__ import annotations

import logging

import numpy as np
import ray

from phase6c.config import Precision
from phase6c.evaluation.baselines import fit_baselines, write_predictions
from phase6c.nn.device import faster_precision, pick_device
from phase6c.space.space import model_of
from phase6c.study.study_config import StudyConfig
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.search.plan import StudyPlan

logger = logging.getLogger(__name__)


def with_precision_and_baselines(plan: StudyPlan, resources: Resources) -> StudyConfig:
    """The configuration with its precision and baselines, whose predictions are stored.

    Raises:
        StorageError: They cannot be.
    """
    config = plan.config
    if not plan.precision_pinned:
        precision = _measured_precision(plan, resources)
        train = config.train.model_copy(update={"precision": precision})
        config = config.model_copy(update={"train": train})
    if not config.baselines:
        logger.info("Fitting the baselines.")
        fitted = fit_baselines(plan.data, config.seed)
        write_predictions(plan.folder, fitted, plan.data)
        baselines = tuple(one.baseline for one in fitted)
        config = config.model_copy(update={"baselines": baselines})
    return config


def _measured_precision(plan: StudyPlan, resources: Resources) -> Precision:
    """Measures where the trials will run: on a GPU of the cluster, or here."""
    shape = model_of(plan.space.sample(np.random.default_rng(plan.config.seed), plan.count))
    n_features, batch_size = len(plan.data.feature_names), plan.config.train.batch_size
    if not resources.n_gpus:
        return faster_precision(shape, n_features, batch_size, pick_device())

    @ray.remote(num_cpus=1, num_gpus=resources.gpus_per_trial)
    def measure() -> Precision:
        return faster_precision(shape, n_features, batch_size, pick_device())

    precision: Precision = ray.get(measure.remote())
    return precision
