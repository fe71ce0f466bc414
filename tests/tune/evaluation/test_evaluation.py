"""Real evaluations of a tiny search: walk forward, race, choice, one opening, one model."""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import ray

import phase6c
from phase6c.analysis.predictions import load_predictions
from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.errors import (
    ConfigError,
    DataError,
    FolderError,
    InterruptedStudyError,
    StorageError,
)
from phase6c.evaluation.baselines import choosing_days
from phase6c.evaluation.baselines.choosing_days import choice_in_words
from phase6c.evaluation.choice import choose
from phase6c.evaluation.judgement import strongest
from phase6c.evaluation.openings import OPENINGS_FILE, read_openings
from phase6c.evaluation.outcomes import Draws
from phase6c.nn.saved_model import load_model
from phase6c.statistics.logits import sigmoid
from phase6c.study.ledger import FILE_NAME, Ledger, read_trials
from phase6c.study.study import load_study
from phase6c.study.study_config import read_study_config, write_study_config
from phase6c.tune.evaluation import simple_steps
from phase6c.tune.evaluation.conclusion import _facts, conclude
from phase6c.tune.evaluation.fit_trainable import FitTrainable
from phase6c.tune.evaluation.options import EvaluationOptions
from phase6c.tune.evaluation.plan import FITS, plan_evaluation
from phase6c.tune.evaluation.run import EvaluationJob, EvaluationSearcher, run_evaluation
from phase6c.tune.evaluation.simple_steps import SimpleSteps, fit_step
from phase6c.tune.evaluation.stages import Stages
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.session import run_job
from phase6c.verify.study import verify
from phase6c.wording import words

from ...support.spaces import SMALL_MODELS

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_cpus", "light_evaluations")]

SMALL = {"top": 1, "seeds": 2, "cpus": 1}


@pytest.fixture(scope="module")
def bars_file(made_bars, tmp_path_factory) -> Path:
    """Bars of one ticker."""
    path = tmp_path_factory.mktemp("bars") / "made.csv"
    made_bars(0).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def studies(bars_file, tmp_path_factory) -> tuple[Path, Path]:
    """Two small searches of the same bars."""
    out = tmp_path_factory.mktemp("searches")
    data = DataConfig(tier="a20")
    options = {"n_trials": 3, "epochs": 3, "cpus": 1, "data": data, "out": str(out)}
    bars = load_bars(bars_file)
    found = [
        phase6c.run_study(SMALL_MODELS, bars, **options, seed=seed, name=f"search_{seed}")
        for seed in (0, 1)
    ]
    return tuple(one.folder for one in found)


@pytest.fixture(scope="module")
def done(studies, tmp_path_factory):
    """One evaluation of both searches, and where it is."""
    out = tmp_path_factory.mktemp("evaluated")
    return run_evaluation(studies, **SMALL, out=out), out


@pytest.fixture(scope="module")
def stages(done, studies, tmp_path_factory) -> Stages:
    """The trainings of a finished evaluation, as one has them whose conclusion is cut short."""
    out = tmp_path_factory.mktemp("cut_short")
    shutil.copytree(done[1] / "models", out / "models")
    (out / "models" / "best" / "card.json").unlink()
    plan = plan_evaluation(studies, EvaluationOptions(**SMALL, out=out, resume=True))
    stages = Stages(plan, read_trials(plan.study.folder / FILE_NAME), Draws(1, n=200))
    for _ in stages.in_order():
        pass
    return stages


def test_it_leaves_a_model_and_a_card_of_all_that_was_compared(done):
    evaluated, out = done
    assert evaluated.folder == out / "models" / "best"
    names = {path.name for path in evaluated.folder.iterdir()}
    assert {"config.json", "scaler.json", "calibrator.json", "card.md", "card.json"} <= names
    assert {"card.html", "predictions.parquet", FITS} <= names
    weights = [name for name in names if name.endswith(".safetensors")]
    assert len(weights) == 2
    card = evaluated.card
    assert ("blend.json" in names) == card["choice"]["blended"]
    assert card == json.loads((evaluated.folder / "card.json").read_text())
    test = card["sections"]["test"]["tables"]["test"]
    assert {row["model"] for row in test[1:]} >= {
        *("train base rate", "trailing base rate", "volatility logistic", "ridge logistic"),
        *("gradient boosting", "linear window"),
        *(f"gradient boosting {tier}" for tier in ("a50", "a100", "a200")),
    }
    told = (evaluated.folder / "card.md").read_text()
    for place, question in card["questions"].items():
        assert question["sentence"] in told
        low, high = question["interval"]
        assert low <= question["gain"] <= high
        assert question["rival"].replace("_", " ") in {row["model"] for row in test[2:]}, place
    contenders = card["sections"]["choice"]["tables"]["contenders"]
    assert len(contenders) == 2
    assert card["sentence"] in (evaluated.folder / "card.md").read_text()


def test_every_step_was_trained_for_every_contender_under_every_seed(done, studies):
    evaluated, _ = done
    study = load_study(evaluated.folder / FITS)
    by_step = pd.Series([trial.step for trial in study.trials]).value_counts()
    assert set(by_step.index) == {*(f"fold_{one}" for one in range(1, 6)), "cal", "test"}
    assert (by_step[[f"fold_{one}" for one in range(1, 6)]] == 4).all()
    assert by_step["test"] == 2
    assert all(trial.source == "evaluation" for trial in study.trials)
    assert {load_study(one).trials[0].config["data"]["tier"] for one in studies} == {"a20"}


def test_its_files_say_what_its_ledger_says(done):
    report = verify(done[0].folder / FITS)
    assert report.ok, report.findings


def test_the_model_says_of_the_test_block_what_was_judged(done, bars_file):
    evaluated, _ = done
    stored = pd.read_parquet(evaluated.folder / "predictions.parquet")
    test = stored[stored["step"] == "test"].set_index("date")["p"]
    again = load_model(evaluated.folder).predict(bars_file).set_index("date")["p"]
    np.testing.assert_allclose(again[test.index], test, atol=1e-9)


def test_its_predictions_can_be_audited(done):
    evaluated, _ = done
    path = evaluated.folder / "predictions.parquet"
    stored = pd.read_parquet(path)
    assert len(load_predictions(path).y) == len(stored)
    card = evaluated.card["sections"]["test"]["tables"]["test"][0]
    test = stored[stored["step"] == "test"]
    p, y = test["p"].to_numpy(), test["y"].to_numpy()
    loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    assert card["log loss"]["value"] == pytest.approx(loss)


def test_the_choice_is_that_of_the_cal_block_alone(done, stages):
    """Made again from what the trainings stored, without any test row."""
    steps, seeds = stages.plan.walk.past, stages.plan.seeds
    candidates = [
        replace(stages.candidate(one, steps, seeds), partner=stages.partner.logits)
        for one in stages.left
    ]
    choice = choose(candidates, stages.truth(steps))
    assert choice.model_dump(exclude={"scores"}) == done[0].card["choice"]


@pytest.mark.parametrize("blended", [False, True])
def test_what_was_judged_is_what_the_folder_serves(stages, bars_file, tmp_path, blended):
    """Alone and as a blend, whichever of them was chosen."""
    choice = stages.choice.model_copy(
        update={"blended": blended, "kind": stages.choice.kind_of(blended=blended)}
    )
    plan = replace(stages.plan, folder=tmp_path, openings=tmp_path / OPENINGS_FILE)
    evidence = conclude(replace(stages, plan=plan, choice=choice), lambda: None)
    model = load_model(tmp_path)
    assert (tmp_path / "blend.json").exists() == blended
    assert model.info.blended_with == (stages.partner.name if blended else None)
    served = model.predict(bars_file).set_index("date")["p"][evidence.test.dates]
    np.testing.assert_allclose(served, sigmoid(evidence.chosen.calibrated_test), atol=1e-9)
    (opening,) = read_openings(plan.openings)
    assert (f" with {words(stages.partner.name)}," in opening.chosen) == blended


def test_an_evaluation_from_before_blends_is_gone_on_with_as_it_began(stages, studies):
    """Its configuration says nothing of blends."""
    plan = stages.plan
    stored = read_study_config(plan.study.folder)
    assert stored.evaluation.blends
    values = stored.evaluation.model_dump(exclude={"blends"})
    before = stored.model_copy(update={"evaluation": type(stored.evaluation)(**values)})
    assert not before.evaluation.blends
    assert plan.resumed(before).config == before.evaluation


def test_the_test_block_is_opened_once_and_a_second_opening_is_told_of_the_first(
    done, studies, caplog
):
    evaluated, out = done
    book = read_openings(out / OPENINGS_FILE)
    assert len(book) == 1
    assert book[0].model == str(evaluated.folder)
    run_evaluation(studies, **SMALL, out=out, resume=True)
    assert len(read_openings(out / OPENINGS_FILE)) == 1
    again = run_evaluation(studies[:1], top=1, seeds=1, cpus=1, out=out, name="again")
    assert len(read_openings(out / OPENINGS_FILE)) == 2
    assert "has been opened once before" in caplog.text
    assert len(again.card["openings_before"]) == 1
    assert any("no longer untouched" in one for one in again.card["sections"]["test"]["says"])


def test_one_that_was_interrupted_goes_on_to_the_same_end(done, studies, tmp_path):
    plan = plan_evaluation(studies, EvaluationOptions(**SMALL, out=tmp_path))

    ended = []

    def stop_early(row, trial):
        ended.extend([trial.number] if trial.finished else [])
        if row["kind"] == "result" and len(ended) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedStudyError):
        run_evaluation(studies, **SMALL, out=tmp_path, listeners=[stop_early])
    n_before = sum(one.finished for one in load_study(plan.study.folder).trials)
    assert not (tmp_path / OPENINGS_FILE).exists()
    resumed = run_evaluation(studies, **SMALL, out=tmp_path, resume=True)
    assert 0 < n_before < len(load_study(plan.study.folder).trials)
    expected = done[0].card["sections"]["test"]["tables"]["test"]
    found = resumed.card["sections"]["test"]["tables"]["test"]
    assert found[0]["log loss"] == expected[0]["log loss"]
    assert resumed.card["choice"] == done[0].card["choice"]


def test_an_existing_one_is_neither_replaced_nor_mixed_with_another(done, studies):
    _, out = done
    with pytest.raises(FolderError, match="`resume=True`"):
        run_evaluation(studies, **SMALL, out=out)
    with pytest.raises(ConfigError, match="seeds: 2 -> 3"):
        run_evaluation(studies, **{**SMALL, "seeds": 3}, out=out, resume=True)
    with pytest.raises(ConfigError, match="contenders"):
        run_evaluation(studies[:1], **SMALL, out=out, resume=True)


def test_a_folder_of_somebody_else_is_left_alone(studies, tmp_path):
    foreign = tmp_path / "models" / "best"
    foreign.mkdir(parents=True)
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(FolderError, match="never written into"):
        run_evaluation(studies, **SMALL, out=tmp_path)


def test_studies_of_other_data_are_not_put_side_by_side(studies, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(studies[1], other)
    config = read_study_config(other)
    data = config.data.model_copy(update={"horizon_days": 3})
    write_study_config(other, config.model_copy(update={"data": data}))
    with pytest.raises(DataError, match="must have the same"):
        run_evaluation([studies[0], other], out=tmp_path)


def test_studies_of_the_same_name_are_told_apart(studies, tmp_path):
    copies = [tmp_path / side / "phase6c_a20" / "search_0" for side in ("one", "other")]
    for study, copy in zip(studies, copies, strict=True):
        shutil.copytree(study, copy)
    config = json.loads((copies[1] / "study.json").read_text()) | {"name": "search_0"}
    (copies[1] / "study.json").write_text(json.dumps(config))
    names = [
        one.name for one in plan_evaluation(copies, EvaluationOptions(out=tmp_path)).contenders
    ]
    assert len(set(names)) == len(names) > 2


def test_a_signal_is_heard_between_the_steps_of_the_baselines(stages, monkeypatch):
    halt, fitted = Halt(), []

    def signalled(walk, wider, step, contexts, seed):
        fitted.append(step)
        halt.request(signal_number=signal.SIGINT)
        return fit_step(walk, wider, step, contexts, seed)

    monkeypatch.setattr(simple_steps, "fit_step", signalled)
    ledger = Ledger(stages.plan.study.folder / FILE_NAME)
    searcher = EvaluationSearcher(stages.plan, stages.draws, ledger, {}, halt)
    assert searcher._choose() is None
    assert not searcher.exhausted
    assert fitted == ["fold_1"]
    ledger.close()


def test_a_baseline_of_a_wider_tier_is_a_rival_and_no_partner(stages):
    wider = {f"gradient_boosting_{tier}" for tier in ("a50", "a100", "a200")}
    assert stages.plan.wider.keys() == wider < stages.simple.past.logits.keys()
    assert not wider & stages.simple.own.keys()
    simple = SimpleSteps(stages.plan, stages.simple.done)
    past = stages.simple.past
    knows_all = {"gradient_boosting_a200": 20.0 * past.truth.y - 10.0}
    simple.past = replace(past, logits={**past.logits, **knows_all})
    assert strongest(simple.past.logits, past.truth) == "gradient_boosting_a200"
    told = replace(stages, simple=simple)
    assert told.partner.name not in wider
    assert told.best_partner.name == "gradient_boosting_a200"


@pytest.fixture
def fitted_here(monkeypatch) -> list[str]:
    """The steps whose baselines this process fits, where workers are asked from the second on."""
    fitted, fit = [], SimpleSteps._fit_here

    def counted(steps, step):
        fitted.append(step)
        fit(steps, step)

    monkeypatch.setattr(simple_steps, "WORKER_START_S", 0.0)
    monkeypatch.setattr(SimpleSteps, "_fit_here", counted)
    return fitted


def test_where_a_step_takes_long_workers_fit_the_same_baselines(stages, fitted_here):
    steps = SimpleSteps(stages.plan)
    for _ in steps.fit():
        pass
    assert fitted_here == ["fold_1"]
    # Workers grow all trees, which `light_evaluations` keeps this process from.
    alike = [name for name in stages.simple.past.logits if "boosting" not in name]
    assert len(alike) > 5
    for name in alike:
        assert np.array_equal(steps.past.logits[name], stages.simple.past.logits[name]), name
    final, others = steps.final.fits, stages.simple.final.fits
    assert final.keys() == others.keys()
    assert final["ridge_logistic"].model == others["ridge_logistic"].model
    assert steps.final.wider.keys() == stages.plan.wider.keys()


def test_baselines_that_no_worker_can_fit_are_fitted_here(stages, fitted_here, monkeypatch, caplog):
    monkeypatch.setattr(ray, "put", lambda walk, put=ray.put: put(None))
    steps = SimpleSteps(stages.plan)
    for _ in steps.fit():
        pass
    assert fitted_here == [*stages.plan.walk.steps]
    assert "without workers" in caplog.text


def test_log_and_card_tell_where_baselines_were_chosen_on_a_part_of_the_days(
    stages, monkeypatch, caplog
):
    assert "baselines" not in dict(_facts(stages.plan))
    monkeypatch.setattr(choosing_days, "MAX_CHOOSING_ROWS", 300)
    said = choice_in_words(stages.plan.walk, stages.plan.study.config.seed)
    assert dict(_facts(stages.plan))["baselines"] == said
    with caplog.at_level("INFO"):
        next(replace(stages, simple=None)._fit_simple())
    assert said in caplog.messages


def test_a_signal_while_it_concludes_leaves_the_test_block_closed(stages):
    def signalled():
        raise InterruptedStudyError("rule", "value", "remedy", 130)

    with pytest.raises(InterruptedStudyError):
        conclude(stages, signalled)
    assert not stages.plan.openings.exists()


def test_a_change_of_the_stored_predictions_is_found_by_verify(done, tmp_path):
    fits = tmp_path / "fits"
    shutil.copytree(done[0].folder / FITS, fits)
    path = fits / "trial_000" / "out.parquet"
    frame = pd.read_parquet(path)
    frame.assign(logit=-frame["logit"]).to_parquet(path, index=False)
    assert any("out.parquet" in one.file for one in verify(fits).findings)


def test_lost_predictions_are_trained_again_while_the_test_block_is_closed(done, studies, tmp_path):
    _, out = done
    shutil.copytree(out / "models", tmp_path / "models")
    model = tmp_path / "models" / "best"
    (model / "card.json").unlink()
    (model / FITS / "trial_001" / "out.parquet").unlink()
    n_before = len(load_study(model / FITS).trials)
    evaluated = run_evaluation(studies, **SMALL, out=tmp_path, resume=True)
    assert len(load_study(model / FITS).trials) == n_before + 1
    expected = done[0].card["sections"]["test"]["tables"]["test"][0]
    found = evaluated.card["sections"]["test"]["tables"]["test"][0]
    assert found["log loss"] == expected["log loss"]


def test_a_model_that_is_not_whole_is_written_anew(done, studies, bars_file, tmp_path):
    shutil.copytree(done[1], tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "models" / "best"
    weights = next(folder.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    book = (tmp_path / OPENINGS_FILE).read_bytes()
    run_evaluation(studies, **SMALL, out=tmp_path, resume=True)
    expected = load_model(done[0].folder).predict(bars_file)
    pd.testing.assert_frame_equal(load_model(folder).predict(bars_file), expected)
    assert (tmp_path / OPENINGS_FILE).read_bytes() == book


def test_lost_predictions_are_not_made_again_once_the_test_block_is_open(done, studies, tmp_path):
    shutil.copytree(done[1], tmp_path, dirs_exist_ok=True)
    model = tmp_path / "models" / "best"
    (model / "card.json").unlink()
    shutil.rmtree(model / FITS / "trial_001")
    with pytest.raises(StorageError, match="files are missing in"):
        run_evaluation(studies, **SMALL, out=tmp_path, resume=True)


def test_what_is_no_study_or_named_twice_is_refused(studies, tmp_path):
    with pytest.raises(FolderError):
        run_evaluation([tmp_path], out=tmp_path)
    with pytest.raises(ConfigError, match="each study once"):
        run_evaluation([studies[0], studies[0]], out=tmp_path)
    with pytest.raises(ConfigError, match="folds"):
        run_evaluation(studies, folds=3, out=tmp_path)


def test_bars_that_have_changed_are_refused(studies, bars_file, tmp_path):
    kept = bars_file.read_text()
    try:
        lines = kept.splitlines()
        bars_file.write_text("\n".join(lines[:-1]) + "\n")
        with pytest.raises(DataError, match="bars that it was started with"):
            run_evaluation(studies, out=tmp_path)
    finally:
        bars_file.write_text(kept)


def test_a_contender_far_behind_gets_no_more_seeds(studies, tmp_path):
    """Its learning rate is changed in its study, as a mistake in a configuration would be."""
    copy = tmp_path / "broken"
    shutil.copytree(studies[0], copy)
    ledger = copy / "ledger.jsonl"
    best = load_study(copy).best
    rows = [json.loads(line) for line in ledger.read_text().splitlines()]
    for row in rows:
        if row["kind"] == "trial" and row["number"] == best.number:
            row["config"]["optim"] |= {"learning_rate": 1.0, "clip_norm": 1e9, "warmup_steps": 0}
        # Of three trials as short as these, only one may have left the base rate.
        if row["kind"] == "result":
            row["measurement"]["health"]["verdict"] = "healthy"
    ledger.write_text("".join(json.dumps(row) + "\n" for row in rows))
    evaluated = run_evaluation([copy], **{**SMALL, "top": 2, "seeds": 5}, out=tmp_path)
    contenders = evaluated.card["sections"]["choice"]["tables"]["contenders"]
    (bad,) = [row for row in contenders if row["model"] == f"trial {best.number}"]
    assert bad["dropped after seeds"] in (2, 3, 4)
    assert bad["outcome"].startswith(("behind the leader", "its training for"))
    trained = [t for t in load_study(evaluated.folder / FITS).trials if t.name == bad["model"]]
    assert len(trained) == 5 * bad["dropped after seeds"]


class FailsOnce(FitTrainable):
    """Fails in one step of one configuration as long as a file is there."""

    def _begin(self, config):
        flag = Path(config["study_folder"]).parents[2] / "fails"
        if flag.exists() and config["number"] == 1:
            raise ValueError("planted")
        super()._begin(config)


def test_a_failed_training_drops_its_contender_and_the_rest_go_on(studies, tmp_path):
    flag = tmp_path / "fails"
    flag.touch()
    options = {"top": 1, "seeds": 1, "cpus": 1, "out": tmp_path}
    plan = plan_evaluation(studies, EvaluationOptions(**options))
    evaluated = run_job(EvaluationJob(plan, FailsOnce))
    outcomes = [
        row["outcome"] for row in evaluated.card["sections"]["choice"]["tables"]["contenders"]
    ]
    assert sum("its training for fold_1 failed" in one for one in outcomes) == 1
    assert outcomes.count("chosen") == 1
