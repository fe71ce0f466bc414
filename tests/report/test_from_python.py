"""A study shows the report's own pictures, and the report itself, in a notebook."""

import pytest

from phase6c.errors import DataError
from phase6c.report.report import make_report

PLOTS = {
    "plot_history": "convergence",
    "plot_effects": "effects",
    "plot_curves": "learning_curves",
    "plot_calibration": "reliability",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory, small_study):
    return small_study(tmp_path_factory.mktemp("shown") / "study")


def test_a_study_draws_the_pictures_of_its_report(study):
    shown = {picture.name: picture for picture in make_report([study.folder], 0).parts[0].pictures}
    for plot, name in PLOTS.items():
        assert getattr(study, plot)() == shown[name], plot


def test_a_study_shows_its_report(study):
    assert study.report(draws=0) == make_report([study.folder], 0)
    assert "srcdoc" in study.report(draws=0)._repr_html_()


@pytest.mark.parametrize("plot", PLOTS)
def test_a_study_that_has_nothing_to_plot_says_what_is_needed(
    plot, tmp_path, write_trials, study_config
):
    empty = write_trials(tmp_path, study_config(), [])
    with pytest.raises(DataError, match="The plot needs"):
        getattr(empty, plot)()


def test_curves_mark_the_best_references_the_baseline_and_the_rungs(study):
    marks = study.plot_curves().svg
    for label in ("best: trial 3", "january best", "logistic regression", "rung that stopped"):
        assert f"<!-- {label}" in marks, label
    assert "<title>trial 3: AUC" in study.plot_history().svg
