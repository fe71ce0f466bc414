"""The report's own pictures of a study, one at a time, and the report itself."""

from __future__ import annotations

from phase6c.analysis.effects import effects
from phase6c.analysis.trials import of_study
from phase6c.analysis.validation import read_validation
from phase6c.config import DRAWS
from phase6c.document.document import Document
from phase6c.document.picture import Picture
from phase6c.errors import DataError
from phase6c.report.pictures import calibration, effects_of_values
from phase6c.report.pictures_of_trials import curves, history
from phase6c.report.report import make_report
from phase6c.study.study import Study


def plot_history(study: Study) -> Picture:
    """See `Study.plot_history`."""
    return _drawn(history(of_study(study)), "a trial of the search with an epoch")


def plot_curves(study: Study) -> Picture:
    """See `Study.plot_curves`."""
    return _drawn(curves(of_study(study)), "trainings of several epochs")


def plot_effects(study: Study) -> Picture:
    """See `Study.plot_effects`."""
    return _drawn(effects_of_values(effects(of_study(study))), "three trials that differ")


def plot_calibration(study: Study) -> Picture:
    """See `Study.plot_calibration`."""
    best = study.best
    validation = read_validation(study, [best], draws=0) if best else None
    return _drawn(calibration(study, validation), "a best trial with predictions of both classes")


def report(study: Study, draws: int = DRAWS) -> Document:
    """See `Study.report`."""
    return make_report([study.folder], draws)


def _drawn(picture: Picture | None, needed: str) -> Picture:
    if picture is None:
        rule = f"The plot needs {needed}"
        raise DataError(rule, "the study has none", "Plot it when the study has run further.")
    return picture
