"""What Python users type: named and typed keywords, listeners, and errors that name fields."""

from __future__ import annotations

import inspect
import typing

import pytest

import phase6c
from phase6c.errors import ConfigError
from phase6c.tune.evaluation.options import EvaluationOptions
from phase6c.tune.evaluation.run import run_evaluation
from phase6c.tune.probe.options import ProbeStudyOptions
from phase6c.tune.probe.run import run_probe
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.run import run_study
from search_spaces import tiny

pytestmark = pytest.mark.usefixtures("short_demo_bars")

DOORS = [
    (run_study, SearchOptions),
    (run_evaluation, EvaluationOptions),
    (run_probe, ProbeStudyOptions),
]


@pytest.mark.parametrize(("door", "options"), DOORS)
def test_every_option_is_a_keyword_that_is_typed_and_documented(door, options):
    keywords = inspect.signature(door).parameters
    assert set(options.model_fields) <= set(keywords)
    assert door.__doc__ is not None
    hints = typing.get_type_hints(door)
    for name, keyword in keywords.items():
        assert name in hints
        assert name in door.__doc__, name
        assert keyword.kind is not inspect.Parameter.VAR_POSITIONAL


@pytest.mark.parametrize(("door", "options"), DOORS[:2])
def test_keywords_have_the_defaults_of_the_options(door, options):
    keywords = inspect.signature(door).parameters
    for name, field in options.model_fields.items():
        if name != "data":  # None stands for the default configuration, which is an object
            assert keywords[name].default == field.default, name


def test_a_misspelt_keyword_names_the_nearest(sp500):
    with pytest.raises(ConfigError, match=r"n_trial:.*n_trials"):
        run_study(tiny.SPACE, sp500, n_trial=3)
    with pytest.raises(ConfigError, match=r"seed:.*seeds"):
        run_evaluation("nowhere", seed=3)
    with pytest.raises(ConfigError, match=r"epoch.*epochs"):
        run_probe(sp500, "reference:january_best", {}, epoch=3)


def test_a_field_of_the_data_is_told_where_it_belongs(sp500):
    with pytest.raises(ConfigError, match=r"tier.*`data=\{\"tier\": ...\}`"):
        run_study(tiny.SPACE, sp500, tier="a20")


def test_a_listener_that_cannot_be_called_is_refused_before_anything_starts(sp500, tmp_path):
    with pytest.raises(ConfigError, match="must be callable; found: 1"):
        run_study(tiny.SPACE, sp500, out=tmp_path, listeners=[1])
    assert not list(tmp_path.rglob("study.json"))


def test_errors_name_fields_and_no_flags(sp500, tmp_path):
    with pytest.raises(ConfigError) as caught:
        run_study(tiny.SPACE, sp500, resume=True, overwrite=True, out=tmp_path)
    assert "`resume`" in str(caught.value)
    assert "--" not in str(caught.value)


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_a_listener_is_told_of_every_row_after_it_is_on_disk(search, tmp_path, capfd):
    told = []
    folder = tmp_path / "phase6c_a100" / "hpo_tiny_h1"

    def listen(row, trial):
        rows = (folder / "ledger.jsonl").read_text().count("\n")
        told.append((row["kind"], row["number"], trial.epochs, rows))

    study = search(n_trials=2, epochs=2, listeners=[listen], progress=False)
    assert [rows for *_, rows in told] == list(range(1, len(told) + 1))
    assert {kind for kind, *_ in told} == {"trial", "started", "result"}
    assert max(epochs for _, _, epochs, _ in told) == max(one.epochs for one in study.trials)
    assert "side by side" not in capfd.readouterr().err  # no progress was wanted


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_progress_is_shown_on_stderr(search, capfd):
    search(n_trials=2, epochs=1, name="shown")
    shown = capfd.readouterr()
    assert "1 trial side by side" in shown.err
    assert "trial 1: complete at epoch 1" in shown.err
    assert shown.out == ""


def test_the_doors_are_those_of_the_package():
    assert (phase6c.run_study, phase6c.run_evaluation, phase6c.run_probe) == (
        run_study,
        run_evaluation,
        run_probe,
    )
