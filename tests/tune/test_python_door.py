"""What Python users type: named and typed keywords, listeners, and errors that name fields."""

from __future__ import annotations

import inspect
import typing

import pytest

import phase6c
from phase6c.config import TrialConfig, parse
from phase6c.errors import ConfigError, DataError, FolderError
from phase6c.evaluation.evaluated import Evaluated
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


# What each door cannot do without, under names.
NEEDED = {
    run_study: {"space": tiny.SPACE, "bars": None},
    run_evaluation: {"studies": "nowhere"},
    run_probe: {"source": "nowhere", "base": "best", "vary": {}},
}


def keywords_of(door):
    parameters = inspect.signature(door).parameters.values()
    return [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]


# Without its last letter, `seeds` of a probe is `seed`, which is a keyword too.
MISSPELT = [
    (door, keyword)
    for door, _ in DOORS
    for keyword in keywords_of(door)
    if keyword[:-1] not in keywords_of(door)
]


@pytest.mark.parametrize(("door", "keyword"), MISSPELT)
def test_a_keyword_without_its_last_letter_names_the_right_one(door, keyword):
    with pytest.raises(ConfigError, match=rf"found: {keyword[:-1]}\. Did you mean {keyword}\?"):
        door(**NEEDED[door], **{keyword[:-1]: 3})


@pytest.mark.parametrize(
    ("door", "typed", "meant"),
    [
        (run_study, "listner", "listeners"),
        (run_study, "progres", "progress"),
        (run_evaluation, "progres", "progress"),
        (run_evaluation, "seed", "seeds"),
        (run_probe, "listner", "listeners"),
    ],
)
def test_a_misspelt_keyword_names_the_nearest(door, typed, meant):
    with pytest.raises(ConfigError, match=rf"found: {typed}\. Did you mean {meant}\?"):
        door(**NEEDED[door], **{typed: 3})


@pytest.mark.parametrize("door", [run_study, run_probe])
def test_a_field_of_the_data_is_told_where_it_belongs(door):
    with pytest.raises(ConfigError, match=r"tier.*`data=\{\"tier\": ...\}`"):
        door(**NEEDED[door], tier="a20")


def test_a_listener_that_cannot_be_called_is_refused_before_anything_starts(sp500, tmp_path):
    for wrong in ([1], print, 3, iter([print])):
        with pytest.raises(ConfigError, match="Listeners must be a list of functions; found: "):
            run_study(tiny.SPACE, sp500, out=tmp_path, listeners=wrong)
    assert not list(tmp_path.rglob("study.json"))


@pytest.mark.parametrize(
    ("vary", "found"),
    [
        ("dropout=0.1", "'dropout=0.1'"),
        (["dropout"], r"\['dropout'\]"),
        ({"dropout": 0.1}, "{'dropout': 0.1}"),
        ({"pooling": "last"}, "{'pooling': 'last'}"),
    ],
)
def test_values_to_vary_must_be_lists_by_field(vary, found):
    with pytest.raises(ConfigError, match=f"list of values for each field; found: {found}"):
        run_probe("nowhere", "best", vary)


@pytest.mark.parametrize("seeds", ["3", 1, None])
def test_the_seeds_of_a_probe_must_be_a_number(seeds):
    with pytest.raises(ConfigError, match="two seeds at least"):
        run_probe("nowhere", "best", {}, seeds=seeds)


def test_the_base_of_a_probe_must_be_a_text():
    with pytest.raises(ConfigError, match="`base` must be"):
        run_probe("nowhere", 3, {})


NO_FOLDER = [
    lambda: run_probe(3, "best", {}),
    lambda: run_evaluation(3),
    lambda: run_evaluation(["nowhere", None]),
    lambda: phase6c.load_study(3),
    lambda: phase6c.load_model(3),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("call", NO_FOLDER)
def test_what_is_no_folder_is_refused(call):
    with pytest.raises(ConfigError, match=r"is read from its folder; found: (int|NoneType)"):
        call()


def test_every_door_takes_a_study_for_its_folder(small_study, sp500, tmp_path):
    study = small_study(tmp_path / "study")
    # Its files are made up: each door gets past the study, and stops at what the study lacks.
    with pytest.raises(DataError, match="A study needs the bars that it was started with"):
        run_probe(study, "best", {})
    with pytest.raises(ConfigError, match=f"each study once; found: {study.folder}"):
        run_evaluation([study, study.folder])
    asked = parse(SearchOptions, {"warm_start": study})
    assert asked.warm_start == study.folder


def test_a_model_is_read_from_the_evaluation_that_made_it(tmp_path):
    with pytest.raises(FolderError, match=f"found: {tmp_path}"):
        phase6c.load_model(Evaluated(tmp_path, {}))


@pytest.mark.usefixtures("unchecked")
def test_a_trial_takes_a_configuration_and_its_data(sp500):
    with pytest.raises(ConfigError, match="TrialConfig is missing; found: Space"):
        phase6c.run_trial(tiny.SPACE, sp500)
    flat = {"n_layers": 1, "d_model": 8, "n_heads": 2, "d_ff_ratio": 2, "context_days": 20}
    config = TrialConfig.from_flat({**flat, "patch_days": 5, "learning_rate": 1e-3})
    with pytest.raises(ConfigError, match="SearchData is missing; found: Bars"):
        phase6c.run_trial(config, sp500)


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
