"""Budgeted search for calibrated transformer classifiers on daily market bars."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from phase6c.version import __version__

if TYPE_CHECKING:
    from phase6c.data.bars import load_bars
    from phase6c.errors import Phase6cError
    from phase6c.nn.saved_model import Model, load_model
    from phase6c.nn.trial_run import run_trial
    from phase6c.records import Trial
    from phase6c.space.budget import Budget
    from phase6c.space.space import Choice, Float, Grid, Int, Rule, Space, ZeroOr
    from phase6c.statistics.calibrators import Calibrator
    from phase6c.study.ledger import Listener
    from phase6c.study.study import Study, load_study
    from phase6c.study.views.trackers.replay import track_study
    from phase6c.tune.evaluation.run import run_evaluation
    from phase6c.tune.probe.run import run_probe
    from phase6c.tune.runtime.trainable import TransformerTrainable
    from phase6c.tune.search.run import run_study

_HOMES = {
    "Budget": "phase6c.space.budget",
    "Calibrator": "phase6c.statistics.calibrators",
    "Choice": "phase6c.space.space",
    "Float": "phase6c.space.space",
    "Grid": "phase6c.space.space",
    "Int": "phase6c.space.space",
    "Listener": "phase6c.study.ledger",
    "Model": "phase6c.nn.saved_model",
    "Phase6cError": "phase6c.errors",
    "Rule": "phase6c.space.space",
    "Space": "phase6c.space.space",
    "Study": "phase6c.study.study",
    "TransformerTrainable": "phase6c.tune.runtime.trainable",
    "Trial": "phase6c.records",
    "ZeroOr": "phase6c.space.space",
    "load_bars": "phase6c.data.bars",
    "load_model": "phase6c.nn.saved_model",
    "load_study": "phase6c.study.study",
    "run_evaluation": "phase6c.tune.evaluation.run",
    "run_probe": "phase6c.tune.probe.run",
    "run_study": "phase6c.tune.search.run",
    "run_trial": "phase6c.nn.trial_run",
    "track_study": "phase6c.study.views.trackers.replay",
}

__all__ = [
    "Budget",
    "Calibrator",
    "Choice",
    "Float",
    "Grid",
    "Int",
    "Listener",
    "Model",
    "Phase6cError",
    "Rule",
    "Space",
    "Study",
    "TransformerTrainable",
    "Trial",
    "ZeroOr",
    "__version__",
    "load_bars",
    "load_model",
    "load_study",
    "run_evaluation",
    "run_probe",
    "run_study",
    "run_trial",
    "track_study",
]


def __getattr__(name: str) -> Any:
    """Imports a public name's home when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'phase6c' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
