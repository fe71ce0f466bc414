"""Budgeted search for calibrated transformer classifiers on daily market bars."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from phase6c.version import __version__

if TYPE_CHECKING:
    from phase6c.budget import Budget
    from phase6c.calibrators import Calibrator
    from phase6c.data.bars import load_bars
    from phase6c.errors import Phase6cError
    from phase6c.nn.saved_model import Model, load_model
    from phase6c.nn.trainer import run_trial
    from phase6c.space import Choice, Float, Grid, Int, Rule, Space, ZeroOr
    from phase6c.study import Study, load_study
    from phase6c.tune.evaluation import run_evaluation
    from phase6c.tune.probe import run_probe
    from phase6c.tune.run import run_study
    from phase6c.tune.trainable import TransformerTrainable

_HOMES = {
    "Budget": "phase6c.budget",
    "Calibrator": "phase6c.calibrators",
    "Choice": "phase6c.space",
    "Float": "phase6c.space",
    "Grid": "phase6c.space",
    "Int": "phase6c.space",
    "Model": "phase6c.nn.saved_model",
    "Phase6cError": "phase6c.errors",
    "Rule": "phase6c.space",
    "Space": "phase6c.space",
    "Study": "phase6c.study",
    "TransformerTrainable": "phase6c.tune.trainable",
    "ZeroOr": "phase6c.space",
    "load_bars": "phase6c.data.bars",
    "load_model": "phase6c.nn.saved_model",
    "load_study": "phase6c.study",
    "run_evaluation": "phase6c.tune.evaluation",
    "run_probe": "phase6c.tune.probe",
    "run_study": "phase6c.tune.run",
    "run_trial": "phase6c.nn.trainer",
}

__all__ = [
    "Budget",
    "Calibrator",
    "Choice",
    "Float",
    "Grid",
    "Int",
    "Model",
    "Phase6cError",
    "Rule",
    "Space",
    "Study",
    "TransformerTrainable",
    "ZeroOr",
    "__version__",
    "load_bars",
    "load_model",
    "load_study",
    "run_evaluation",
    "run_probe",
    "run_study",
    "run_trial",
]


def __getattr__(name: str) -> Any:
    """Imports a public name's home when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'phase6c' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
