"""A training of an evaluation as Ray Tune runs it."""

from __future__ import annotations

from phase6c.evaluation.fit_run import FitRun
from phase6c.tune.runtime.trainable import TransformerTrainable


class FitTrainable(TransformerTrainable):
    """Trains a configuration for a step of an evaluation; the data that all share is the walk."""

    run_type = FitRun
