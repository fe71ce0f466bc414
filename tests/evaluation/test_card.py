"""The card says what the figures bear, marks what was selected on, and is the same in all forms."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from phase6c.config import DataConfig
from phase6c.evaluation.blends import simple_blends
from phase6c.evaluation.card import make_card
from phase6c.evaluation.card_files import (
    document,
    markdown,
    predictions,
    read_card,
    write_card,
)
from phase6c.evaluation.choice import choose, form_logits
from phase6c.evaluation.entries import Entry, baseline_entry, figures
from phase6c.evaluation.evaluated import Evaluated
from phase6c.evaluation.evidence import Evidence, Period
from phase6c.evaluation.openings import Opening
from phase6c.evaluation.outcomes import CandidatePredictions, Draws
from phase6c.statistics.logits import halved, log_losses, sigmoid
from phase6c.study.evaluation_config import Contender

DRAWS = Draws(horizon_days=1, n=200)
FOLDS = tuple(f"fold_{one}" for one in range(1, 6))
N_TEST = 700


def contender(name: str, may_win: bool = True) -> Contender:
    return Contender(
        name=name,
        study="outputs/phase6c_a20/hpo",
        number=3,
        budget="tiny",
        n_tried=12,
        may_win=may_win,
        params={"dropout": 0.1},
        config={},
        n_params=50_000,
        in_budget=may_win,
        best_epoch=3,
    )


def opening(identity: str, at: datetime) -> Opening:
    return Opening(
        bars_digest="a" * 64,
        first_date=date(2016, 3, 8),
        last_date=date(2018, 12, 28),
        at=at,
        evaluation_id=identity,
        model=f"outputs/models/{identity}",
        chosen="trial 3, ensemble, platt",
        label="high +0.01 in 1 d",
        code_version="0",
    )


@pytest.fixture
def make_evidence(make_world):
    """Evidence for a model that is off by some noise, against a baseline that is off by .9."""

    def make(noise: float, blended: bool = False) -> Evidence:
        world = make_world(3, steps=(*FOLDS, "cal", "test"), n_rows=N_TEST)
        tested = world.truth.of(["test"])
        past, test = world.truth.take(~tested), world.truth.take(tested)
        ours = world.seeds(2, noise, shift=0.8)
        base = np.full(len(world.truth), -1.2)
        others = {
            "train_base_rate": base,
            "trailing_base_rate": base + 0.1,
            "ridge_logistic": world.seeds(1, 0.9)[0],
            "gradient_boosting": world.seeds(1, 1.2)[0],
        }
        partner = others["ridge_logistic"]
        candidate = CandidatePredictions("trial 3", ours[:, ~tested], partner=partner[~tested])
        choice = choose([candidate], past)
        choice = choice.model_copy(update={"blended": blended})
        own_past, own_test = (form_logits(ours[:, rows], choice.form) for rows in (~tested, tested))
        alone = Entry("trial 3", own_past, past, choice.kind_of(blended=False), n_params=50_000)
        blend = Entry(
            "trial 3 with ridge logistic",
            halved(own_past, partner[~tested]),
            past,
            choice.kind_of(blended=True),
        )
        others |= simple_blends(others)
        baselines = {
            name: baseline_entry(name, one[~tested], past, "auto", 1.0).with_test(one[tested])
            for name, one in others.items()
        }
        periods = tuple(
            Period(step, date(2005, 1, place + 1), date(2005, 2, place + 1), step == "fold_5")
            for place, step in enumerate(dict.fromkeys(past.steps))
        )
        return Evidence(
            name="best",
            data=DataConfig(tier="a20"),
            facts=(("studies", "outputs/phase6c_a20/hpo"),),
            periods=periods,
            contenders=(contender("trial 3"), contender("far")),
            dropped={"far": (2, "behind the leader")},
            choice=choice,
            alone=alone.with_test(own_test),
            blend=blend.with_test(halved(own_test, partner[tested])),
            partner="ridge_logistic",
            added=blend.with_test(halved(own_test, partner[tested])),
            best_partner="ridge_logistic",
            others=(),
            baselines=baselines,
            best_baseline="ridge_logistic",
            best_blend="gradient_boosting_and_ridge_logistic",
            past=past,
            test=test,
            opening=opening("this", datetime(2026, 11, 23, tzinfo=UTC)),
            openings_before=(),
            draws=DRAWS,
        )

    return make


def test_it_says_yes_where_the_model_wins_and_no_where_it_does_not(make_evidence):
    assert make_card(make_evidence(0.0)).judgement.sentence.startswith("Yes")
    assert make_card(make_evidence(1.5)).judgement.sentence.startswith("No")


def test_other_seeds_widen_the_gains_of_an_ensemble(make_evidence):
    evidence = make_evidence(0.5)
    alone = evidence.alone
    noise = np.random.default_rng(0).normal(size=len(alone.test))
    rest = tuple(replace(alone, test=alone.test + scale * noise) for scale in (0.0, 0.5))
    of_days = make_card(evidence)
    of_both = make_card(replace(evidence, alone=replace(alone, without_a_seed=rest)))
    narrow, wide = of_days.questions.alone.interval, of_both.questions.alone.interval
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert np.ptp(wide) > 1.05 * np.ptp(narrow)
    assert of_both.questions.added == of_days.questions.added
    assert "as far as 2 seeds can tell" in markdown(of_both)
    assert "another seed would give another model is in no interval" in markdown(of_days)


def test_its_first_lines_answer_both_questions(make_evidence):
    for noise, answer in ((0.5, "yes"), (1.3, "cannot be told")):
        evidence = make_evidence(noise)
        card = make_card(evidence)
        alone, added = card.questions.alone, card.questions.added
        assert (alone.answer, added.answer) == (answer, answer)
        assert (alone.rival, added.rival) == (evidence.best_baseline, evidence.best_blend)
        lines = [line for line in markdown(card).splitlines() if line]
        assert lines[1:4] == [
            *(f"**{asked.sentence}**" for asked in (alone, added)),
            f"**{card.judgement.sentence}**",
        ]
        assert card.sections[0].says[:2] == (alone.sentence, added.sentence)
        stored = document(card, evidence)["questions"]["added"]
        assert stored["gain"] == added.gain
        assert stored["interval"] == [*added.interval]


def test_the_verdict_is_of_what_is_handed_over(make_evidence):
    evidence = make_evidence(0.5, blended=True)
    card = make_card(evidence)
    assert card.judgement.sentence.startswith(
        "Yes: the blend of the transformer and ridge logistic beats the best baseline"
    )
    assert [row[0] for row in card.sections[0].tables[0].rows[:2]] == [
        *("trial 3 with ridge logistic", "trial 3")
    ]
    chosen = evidence.blend
    assert predictions(evidence)["logit"].iloc[-1] == chosen.test[-1]
    assert "half-and-half with ridge logistic" in card.sections[2].says[0]
    assert evidence.chosen.threshold == document(card, evidence)["threshold"]


def test_folds_that_the_search_has_chosen_on_are_marked(make_evidence):
    walk = make_card(make_evidence(0.3)).sections[1]
    assert any("Selected on: fold_5" in line for line in walk.says)
    pooled, steps, years = walk.tables
    assert years.name == "walk_forward_years"
    assert "(selected on)" in pooled.title
    marks = [row[2] for row in steps.rows]
    assert marks == ["", "", "", "", "contenders (selected on)", "the model"]


@pytest.mark.slow
def test_several_tickers_are_told_apart(make_evidence):
    alone, of_test, of_walk = make_evidence(0.3), "test_tickers", "walk_forward_tickers"
    names = {table.name for section in make_card(alone).sections for table in section.tables}
    assert not {of_test, of_walk} & names

    tickers = np.where(np.arange(N_TEST) % 3, "often", "rare")
    past = replace(alone.past, tickers=np.tile(tickers, len(FOLDS) + 1))
    baselines = {name: replace(one, truth=past) for name, one in alone.baselines.items()}
    card = make_card(
        replace(
            alone,
            past=past,
            test=replace(alone.test, tickers=tickers),
            alone=replace(alone.alone, truth=past),
            blend=replace(alone.blend, truth=past),
            baselines=baselines,
        )
    )
    tables = {table.name: table for section in card.sections for table in section.tables}
    assert [(row[0], row[3]) for row in tables[of_walk].rows] == [
        ("often", 2330),
        ("rare", 1170),
    ]
    often, rare = (
        dict(zip(tables[of_test].columns, row, strict=True)) for row in tables[of_test].rows
    )
    losses = log_losses(alone.chosen.calibrated_test, alone.test.y)
    assert rare["log loss"] == pytest.approx(losses[tickers == "rare"].mean())
    best = log_losses(baselines["ridge_logistic"].calibrated_test, alone.test.y)
    gained = (best - losses)[tickers == "often"].mean()
    assert often["gain in log loss"].value == pytest.approx(gained)
    assert often["gain in log loss"].low < gained < often["gain in log loss"].high


def test_a_second_opening_is_said(make_evidence):
    before = opening("first", datetime(2026, 1, 2, tzinfo=UTC))
    card = make_card(replace(make_evidence(0.3), openings_before=(before,)))
    assert any(
        "2026-01-02" in one and "no longer untouched" in one for one in card.sections[0].says
    )


def test_all_baselines_and_calibrators_are_in_it(make_evidence):
    evidence = make_evidence(0.3)
    test, _, choice = make_card(evidence).sections
    names = [row[0] for row in test.tables[0].rows]
    of_transformer = ["trial 3", "trial 3 with ridge logistic"]
    assert names == [*of_transformer, *(name.replace("_", " ") for name in evidence.baselines)]
    kinds = {row[2] for row in choice.tables[1].rows}
    assert kinds == {"none", "intercept", "temperature", "platt", "isotonic"}
    assert any("fewer than 1,000" in row[5] for row in choice.tables[1].rows)


@pytest.mark.slow
def test_calibrated_figures_are_by_what_the_past_has_fitted(make_evidence):
    evidence = make_evidence(0.3)
    row = make_card(evidence).sections[0].tables[0].rows[0]
    table = dict(zip(make_card(evidence).sections[0].tables[0].columns, row, strict=True))
    fitted = evidence.chosen.calibrator
    expected = log_losses(fitted.apply(evidence.chosen.test), evidence.test.y).mean()
    assert table["log loss"].value == pytest.approx(expected)
    assert table["log loss raw"] > table["log loss"].value
    assert table["log loss"].low < expected < table["log loss"].high


@pytest.mark.slow
def test_it_tells_its_calibrator_and_how_much_it_rests_on(make_evidence):
    evidence = make_evidence(0.3)
    test, _, choice = make_card(evidence).sections
    fitted = evidence.chosen.calibrator
    assert f"{fitted.intercept:.4f} + {fitted.slope:.4f} x logit" in choice.says[1]
    assert f"700 rows of 700 days with {evidence.test.y.sum()} rises" in test.says[3]
    assert test.says[3].endswith("over the hindsight base rate.")
    plain = replace(evidence, alone=replace(evidence.alone, kind="none"))
    assert "No calibrator is applied." in make_card(plain).sections[2].says


def test_figures_against_their_definitions(world):
    truth, logits = world.truth, world.seeds(1, 0.5)[0]
    base = np.full(len(truth), -1.0)
    found = figures(logits, logits, base, 0.3, truth, DRAWS)
    called = sigmoid(logits) >= 0.3
    assert found.precision == pytest.approx(truth.y[called].mean())
    assert found.recall == pytest.approx(truth.y[called].sum() / truth.y.sum())
    ratio = log_losses(logits, truth.y).mean() / log_losses(base, truth.y).mean()
    assert found.skill == pytest.approx(1 - ratio)
    assert found.lift == pytest.approx(found.average_precision / truth.y.mean())
    assert found.fold_auc[0] < found.auc.value < found.fold_auc[1]


def test_the_files_agree(make_evidence, tmp_path):
    evidence = make_evidence(0.3)
    card = make_card(evidence)
    write_card(tmp_path, card, evidence)
    stored = json.loads((tmp_path / "card.json").read_text())
    assert stored == json.loads(json.dumps(document(card, evidence)))
    text = (tmp_path / "card.md").read_text()
    assert text == markdown(card)
    page = (tmp_path / "card.html").read_text()
    for line in (one for section in card.sections for one in section.says):
        assert line in text
    assert card.judgement.sentence.split(",")[0] in page
    assert "<svg" in page
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    pd.testing.assert_frame_equal(frame, predictions(evidence), check_dtype=False)
    assert set(frame["step"]) == {*FOLDS, "cal", "test"}


@pytest.mark.slow
def test_probabilities_without_a_calibrator_are_drawn_once(make_evidence, tmp_path):
    evidence = make_evidence(0.3)
    plain = replace(evidence, alone=replace(evidence.alone, kind="none"))
    for one, labels in ((evidence, 2), (plain, 1)):
        write_card(tmp_path, make_card(one), one)
        page = (tmp_path / "card.html").read_text()
        shown = ("before calibration", "calibrated", "no calibrator chosen")
        assert sum(f"<!-- {label} -->" in page for label in shown) == labels


def test_a_test_block_of_one_class_is_judged_without_auc(make_evidence):
    evidence = make_evidence(0.3)
    flat = replace(evidence.test, y=np.zeros(N_TEST, dtype=np.int8))
    card = make_card(replace(evidence, test=flat))
    assert card.judgement.over_best.auc is None
    assert not card.judgement.has_skill


@pytest.mark.slow
def test_an_evaluation_is_handed_back_in_a_line_and_with_its_main_table(make_evidence, tmp_path):
    for noise, verdict in ((0.0, "beats"), (1.5, "is not shown to beat")):
        evidence = make_evidence(noise)
        card = make_card(evidence)
        write_card(tmp_path, card, evidence)
        evaluated = Evaluated(Path("outputs/models/best"), read_card(tmp_path))
        assert repr(evaluated).startswith(f"Evaluated('best', {verdict} ridge logistic, gain in")
        assert repr(evaluated).endswith("], outputs/models/best)")
        page = evaluated._repr_html_()
        assert card.judgement.sentence in page
        assert page.count("<tr>") == 3 + len(evidence.baselines)
        assert "<th>skill</th>" in page
