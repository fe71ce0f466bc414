"""A study names its best trial by its own rules, and says so in strict JSON."""

import json
from pathlib import Path

import pytest

from phase6c.analysis.trials import read_search
from phase6c.errors import ConfigError, FolderError, StorageError
from phase6c.records import Metrics
from phase6c.space.axes import Choice, Float, Grid, Int, ZeroOr
from phase6c.study.ledger import FILE_NAME
from phase6c.study.ranking import best_trial, eligible
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import read_study_config, write_study_config
from phase6c.study.views.json_files import all_trials, best_params, edge_notes, write_views

TRIAL_KEYS = {
    *("number", "state", "source", "seed", "audited", "contrast_of", "stopped", "params"),
    *("n_params", "in_budget", "value", "best_epoch", "epochs", "metrics", "health"),
    *("duration_s", "attempts", "error"),
}
BEST_KEYS = {
    *("schema", "number", "value", "value_corrected", "gains_corrected", "params", "config"),
    *("metrics", "health"),
    *("n_params", "notes"),
}


def strict(text):
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"source": "warm_start"}, True),
        ({"source": "reference"}, False),
        ({"source": "probe"}, False),
        ({"in_budget": False}, False),
        ({"verdict": "constant"}, False),
        ({"verdict": "miscalibrated"}, True),
        ({"state": "PRUNED"}, True),
        ({"state": "RUNNING"}, False),
        ({"state": "FAILED"}, False),
    ],
)
def test_who_may_be_the_best(trial_of, study_config, fields, expected):
    trial = trial_of(0, 0.6, 0.7, 0.65, 0.6, **fields)
    assert eligible(trial, study_config(grace_epochs=3)) is expected


def test_a_trial_that_was_stopped_within_its_grace_may_not(trial_of, study_config):
    config = study_config(grace_epochs=3)
    assert not eligible(trial_of(0, 0.6, 0.7, 0.8, state="PRUNED"), config)
    assert eligible(trial_of(0, 0.6, 0.7, 0.8, 0.6, state="PRUNED"), config)


def test_with_an_adaptive_grace_a_lucky_epoch_of_a_stopped_trial_does_not_count(
    trial_of, study_config
):
    """A rung before the longest grace stops trials that are too young to be called the best."""
    config = study_config(grace_epochs=3, adaptive_grace=True)
    lucky, later = (trial_of(n, *[0.9] * n, state="PRUNED") for n in (1, 4))
    assert [eligible(trial, config) for trial in (lucky, later)] == [False, True]
    assert best_trial([lucky, trial_of(2, 0.6)], config).number == 2


@pytest.mark.parametrize("adaptive", [True, False])
def test_an_audited_trial_may_be_the_best_once_it_is_complete(trial_of, study_config, adaptive):
    config = study_config(grace_epochs=3, adaptive_grace=adaptive)
    stopped = {"epoch": 1, "value": 0.5, "cutoff": 0.6}
    for state, expected in (("RUNNING", False), ("COMPLETE", True), ("FAILED", False)):
        trial = trial_of(0, 0.5, 0.9, state=state, audited=True, stopped=stopped)
        assert eligible(trial, config) is expected


def test_a_trial_without_a_value_may_not(trial_of, study_config):
    assert not eligible(trial_of(0), study_config())
    assert not eligible(trial_of(0, None), study_config())


def test_the_best_has_the_best_epoch_and_the_lowest_number_of_equals(trial_of, study_config):
    trials = [trial_of(2, 0.7, 0.6), trial_of(0, 0.5), trial_of(1, 0.6, 0.7), trial_of(3, 0.6)]
    assert best_trial(trials, study_config()).number == 1
    assert best_trial(trials, study_config(objective="log_loss")).number == 0
    assert best_trial([], study_config()) is None
    references = [trial_of(4, 0.9, source="reference", in_budget=False)]
    assert best_trial(trials + references, study_config()).number == 1


@pytest.mark.parametrize(
    ("axis", "value", "note"),
    [
        (Grid.of(1e-5, 1e-4, 1e-3), 1e-5, "axis = 1e-05 is the lower edge of its axis"),
        (Grid.of(1e-5, 1e-4, 1e-3), 1e-4, None),
        (
            Grid.of("float32", "bfloat16"),
            "bfloat16",
            "axis = bfloat16 is the upper edge of its axis",
        ),
        (Grid.of(3), 3, None),
        (Int.of(1, 12), 12, "axis = 12 is the upper edge of its axis"),
        (Choice.of("mean", "last"), "mean", None),
        (Float.of(0.0, 0.7), 0.0, "axis = 0.0 is the lower edge of its axis"),
        (Float.of(0.0, 0.7), 0.3, None),
        (ZeroOr.of(Float.of(1e-5, 0.3, log=True)), 0.0, "axis = 0.0 is the lower edge of its axis"),
        (ZeroOr.of(Float.of(1e-5, 0.3, log=True)), 1e-5, None),
    ],
)
def test_a_best_value_on_an_edge_is_noted(axis, value, note):
    described = {"axes": {"axis": axis.model_dump(mode="json"), "other": Int.of(1, 2).model_dump()}}
    assert edge_notes(described, {"axis": value}) == ([note] if note else [])


def test_all_trials_keeps_the_contract(trial_of, study_config):
    trials = {
        2: trial_of(2, 0.6, None, state="FAILED", error={"kind": "diverged", "message": "NaN"}),
        0: trial_of(0, 0.6, 0.7, 0.65),
        1: trial_of(1, state="RUNNING"),
    }
    config = study_config()
    content = strict(json.dumps(all_trials(config, trials), allow_nan=False))
    assert content["schema"] == "phase6c.all_trials/1"
    assert content["study"]["schema"] == "phase6c.study/1"
    first, second, third = content["trials"]
    assert [row["number"] for row in content["trials"]] == [0, 1, 2]
    assert set(first) >= TRIAL_KEYS
    assert (first["value"], first["best_epoch"], first["epochs"]) == (0.7, 2, 3)
    assert first["metrics"]["auc"] == 0.7
    assert first["duration_s"] == 4.5
    assert (second["value"], second["metrics"], second["epochs"]) == (None, None, 0)
    assert third["error"] == {"kind": "diverged", "message": "NaN"}
    assert third["value"] == 0.6


def test_best_params_keeps_the_contract(trial_of, study_config):
    best = trial_of(3, 0.6, 0.7, learning_rate=2e-6, d_ff_ratio=2)
    content = best_params(study_config(value_corrected=0.68), best)
    assert set(content) == BEST_KEYS
    assert content["schema"] == "phase6c.best_params/1"
    assert (content["number"], content["value"], content["value_corrected"]) == (3, 0.7, 0.68)
    assert content["params"]["d_model"] == content["config"]["model"]["d_model"]
    edges = [
        f"{name} is the lower edge of its axis"
        for name in ("d_ff_ratio = 2", "learning_rate = 2e-06")
    ]
    assert content["notes"] == edges
    assert best_params(study_config(), best)["value_corrected"] is None


def test_the_views_are_strict_json_and_name_no_best_before_there_is_one(
    tmp_path, trial_of, study_config
):
    config = study_config()
    write_views(tmp_path, config, {0: trial_of(0, 0.6, state="RUNNING")})
    assert [path.name for path in tmp_path.iterdir()] == ["all_trials.json"]
    write_views(tmp_path, config, {0: trial_of(0, 0.6)})
    best = strict((tmp_path / "best_params.json").read_text())
    trials = strict((tmp_path / "all_trials.json").read_text())
    assert best["value"] == trials["trials"][0]["value"] == 0.6


def test_a_frame_has_a_row_a_trial_and_flat_columns(tmp_path, trial_of, study_config):
    trials = (trial_of(0, 0.6, 0.7), trial_of(1, state="RUNNING"))
    frame = Study(tmp_path, study_config(), trials).to_frame()
    assert list(frame["number"]) == [0, 1]
    assert frame.loc[0, "metrics.auc"] == 0.7
    assert frame.loc[0, "params.learning_rate"] == trials[0].params["learning_rate"]
    assert frame["value"].isna().tolist() == [False, True]


def test_the_best_value_and_parameters_are_those_of_the_best_trial(
    tmp_path, trial_of, study_config
):
    trials = (trial_of(0, 0.9, source="reference"), trial_of(1, 0.6, 0.7, 0.65, dropout=0.3))
    study = Study(tmp_path, study_config(), trials)
    assert study.best_value == 0.7
    assert study.best_params == trials[1].params
    assert {"dropout", "d_model"} <= study.best_params.keys()
    none = Study(tmp_path, study_config(), trials[:1])
    assert (none.best_value, none.best_params) == (None, None)


HISTORY = ["number", "state", "source", "value", "best_epoch", "epochs", "n_params"]
HISTORY += ["in_budget", "duration_s"]


def test_a_history_has_a_row_for_each_trial(tmp_path, trial_of, study_config):
    trials = (trial_of(0, 0.6, 0.7), trial_of(1, None, state="FAILED"), trial_of(2, dropout=0.3))
    frame = Study(tmp_path, study_config(), trials).history()
    assert list(frame) == HISTORY + [f"params.{name}" for name in trials[0].params]
    first, *others = frame.to_dict("records")
    assert (first["value"], first["best_epoch"], first["epochs"]) == (0.7, 2, 2)
    assert first["duration_s"] == 3.0
    assert frame["value"].isna().tolist() == frame["best_epoch"].isna().tolist()
    assert frame["value"].isna().tolist() == [False, True, True]
    assert [row["epochs"] for row in others] == [1, 0]
    assert frame["params.dropout"].tolist() == [0.1, 0.1, 0.3]


def test_curves_have_a_row_for_each_epoch(tmp_path, trial_of, study_config):
    trials = (trial_of(0, 0.6, 0.7), trial_of(1), trial_of(2, 0.5, None, state="FAILED"))
    frame = Study(tmp_path, study_config(), trials).curves()
    assert list(frame) == ["number", "epoch", "value", *Metrics.model_fields, "duration_s"]
    assert frame["number"].tolist() == [0, 0, 2, 2]
    assert frame["epoch"].tolist() == [1, 2, 1, 2]
    assert (
        frame["auc"].fillna(0).tolist() == frame["value"].fillna(0).tolist() == [0.6, 0.7, 0.5, 0]
    )
    assert frame["duration_s"].tolist() == [1.5] * 4


def test_without_trials_the_frames_have_their_columns_and_types(tmp_path, trial_of, study_config):
    empty, full = (Study(tmp_path, study_config(), trials) for trials in ((), (trial_of(0, 0.6),)))
    assert list(empty.history()) == HISTORY
    assert len(empty.history()) == len(empty.curves()) == 0
    assert (empty.history().dtypes == full.history()[HISTORY].dtypes).all()
    assert (empty.curves().dtypes == full.curves().dtypes).all()


def test_a_study_says_in_one_line_what_came_of_it(tmp_path, trial_of, study_config):
    trials = [trial_of(number, 0.6) for number in range(3)]
    trials += [trial_of(3, 0.65432), trial_of(4, 0.5, state="PRUNED")]
    study = Study(Path("outputs/phase6c_a100/hpo_tiny_h1"), study_config(), tuple(trials))
    assert repr(study) == (
        "Study('hpo_tiny_h1', 5 trials: 4 complete, 1 pruned, best auc 0.6543 (trial 3), "
        "outputs/phase6c_a100/hpo_tiny_h1)"
    )
    empty = Study(tmp_path, study_config(), ())
    assert repr(empty) == f"Study('hpo_tiny_h1', 0 trials, no best trial yet, {tmp_path})"


def test_a_notebook_shows_the_ten_best_trials(tmp_path, trial_of, study_config):
    trials = tuple(trial_of(number, 0.5 + number / 100) for number in range(12))
    page = Study(tmp_path, study_config(), trials)._repr_html_()
    rows = page.split("<tr>")[1:]
    assert len(rows) == 11
    assert [row.split("</td>")[0] for row in rows[1:]] == [f"<td>{n}" for n in range(11, 1, -1)]
    for name in ("auc", "epochs", "parameters", "learning_rate", "d_model"):
        assert f"<th>{name}</th>" in rows[0]
    assert "<table>" not in Study(tmp_path, study_config(), ())._repr_html_()


def test_what_a_study_holds_is_shown_as_text_and_not_as_markup(trial_of, study_config):
    config, script = study_config(name="<script>"), "<script>alert(1)</script>"
    trial = trial_of(0, 0.6, name=script).model_copy(update={"params": {"dropout": script}})
    for page in (Study(Path(script), config, (trial,))._repr_html_(), trial._repr_html_()):
        assert "<script>" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_a_trial_says_in_one_line_what_it_is(trial_of):
    assert repr(trial_of(3, 0.6, 0.7)) == (
        "Trial(3, complete, sampled, auc 0.7000 at epoch 2 of 2, 50,000 parameters)"
    )
    reference = trial_of(0, None, state="FAILED", source="reference", name="january_best")
    assert repr(reference) == (
        "Trial(0 january_best, failed, reference, no value in 1 epoch, 50,000 parameters)"
    )


def test_a_trial_shows_its_fields_and_metrics_in_a_notebook(trial_of):
    stopped = {"epoch": 1, "value": 0.5, "cutoff": 0.6}
    page = trial_of(3, 0.612345, state="PRUNED", stopped=stopped)._repr_html_()
    for name, value in (("state", "PRUNED"), ("auc", "0.6123"), ("learning_rate", "0.0001")):
        assert f"<td>{name}</td><td>{value}</td>" in page
    assert "at epoch 1" in page
    assert "As told by a test." in page
    assert "<table>" in trial_of(0)._repr_html_()


def test_a_study_is_loaded_as_it_was_stored(tmp_path, study_config, birth):
    config = study_config(value_corrected=0.6, complete=True)
    write_study_config(tmp_path, config)
    rows = [{"kind": "trial", "number": number, **birth()} for number in (1, 0)]
    (tmp_path / FILE_NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = load_study(str(tmp_path))
    assert study.config == config
    assert [trial.number for trial in study.trials] == [0, 1]
    assert study.best is None


def test_a_study_from_before_there_was_a_choice_has_tpe_a_fixed_grace_and_no_audit(
    tmp_path, study_config
):
    content = study_config(grace_epochs=2).model_dump(mode="json", by_alias=True)
    for name in ("adaptive_grace", "audit_share", "sampler"):
        del content[name]
    (tmp_path / "study.json").write_text(json.dumps(content))
    config = read_study_config(tmp_path)
    assert (config.grace_epochs, config.adaptive_grace, config.audit_share) == (2, False, 0.0)
    assert config.sampler == "tpe"


def test_a_folder_without_a_study_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FolderError, match=f"{folder}/study.json: No such file"):
            load_study(folder)


@pytest.mark.parametrize("content", ["{", "\xff", "[]", "{}", '{"study_id": 3}'])
def test_a_study_that_is_damaged_is_refused_with_its_path(tmp_path, content):
    (tmp_path / "study.json").write_text(content, encoding="latin-1")
    with pytest.raises(StorageError, match=f"{tmp_path}/study.json.*was damaged"):
        load_study(tmp_path)


def test_a_study_whose_ledger_is_missing_is_refused_with_its_path(tmp_path, study_config):
    write_study_config(tmp_path, study_config())
    with pytest.raises(StorageError, match=f"{tmp_path}/{FILE_NAME} is missing"):
        load_study(tmp_path)
    (tmp_path / FILE_NAME).touch()
    assert load_study(tmp_path).trials == ()


def test_a_configuration_that_cannot_be_is_damage_of_the_ledger(tmp_path, study_config, trial_of):
    trial = trial_of(0, 0.6)
    study = Study(tmp_path, study_config(), (trial,))
    assert study.config_of(trial).train.epochs == trial.config["train"]["epochs"]
    damaged = {**trial.config, "train": {"epochs": -3}}
    with pytest.raises(StorageError, match=rf"{FILE_NAME}: train.epochs.*found -3.*was damaged"):
        study.config_of(trial.model_copy(update={"config": damaged}))
    with pytest.raises(ConfigError, match="colour"):
        study.config_of(trial.model_copy(update={"config": {**trial.config, "colour": "red"}}))


def test_a_study_of_another_schema_is_refused(tmp_path, study_config):
    content = study_config().model_dump(mode="json", by_alias=True)
    for wrong in ({"schema": "phase6c.study/9"}, {"colour": "red"}):
        (tmp_path / "study.json").write_text(json.dumps(content | wrong))
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            read_study_config(tmp_path)


def test_a_study_whose_ledger_is_damaged_is_refused(tmp_path, study_config):
    write_study_config(tmp_path, study_config())
    (tmp_path / FILE_NAME).write_text("{\n{}\n")
    with pytest.raises(StorageError):
        load_study(tmp_path)


def test_a_folder_above_studies_names_them(small_study, tmp_path):
    small_study(tmp_path / "one")
    small_study(tmp_path / "two")
    with pytest.raises(FolderError, match=r"such as .*/one, .*/two\."):
        load_study(tmp_path)


def test_a_study_stands_for_its_folder(small_study, tmp_path):
    study = small_study(tmp_path)
    assert load_study(study) == load_study(tmp_path)
    assert read_search(study).path == tmp_path


@pytest.mark.parametrize("nothing", [None, 3])
def test_what_is_no_path_is_no_study(nothing):
    with pytest.raises(ConfigError, match="A study is read from its folder"):
        load_study(nothing)
