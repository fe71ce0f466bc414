"""What an earlier version has left is read, verified, reported, resumed and predicted with."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import phase6c
from phase6c.commands.evaluate import show_result
from phase6c.config import DataConfig, TrialConfig, parse
from phase6c.evaluation.card_files import read_card
from phase6c.report.report import make_report, write_report
from phase6c.space.axes import Choice, Grid
from phase6c.space.references import TOKENS, rules_of_today
from phase6c.tune.proposals.optuna_samplers import N_STARTUP
from phase6c.verify.study import verify

from ..support.old import unpack_old_outputs

MADE_IN = "/tmp/e/made"  # noqa: S108, the folder that its files name
SEARCHED = "phase6c_a20/searched"
INTERRUPTED = "phase6c_a20/interrupted"
MODEL = "models/legacy"

# The precision that was faster then; which is, may depend on what else a machine does.
PRECISION = {"precision": "float32"}
SMALL = {"data": DataConfig(tier="a20"), "cpus": 1, "keep": 2}
AUXILIARY = Choice.of("none", "range")
# The search itself, without the probe that was added to it.
SEARCH = {"n_trials": 16, "epochs": 3, "grace_period": 1, "name": "searched"}
BROKEN_OFF = {"n_trials": 8, "epochs": 9, "seed": 1, "name": "interrupted"}

# Of another processor's rounding; one pair of windows that change places moves an AUC by 1.2e-5.
TOLERANCE = 1e-6
SMOOTH = ("log_loss", "brier", "loss_train", "pred_min", "pred_p50", "pred_max")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the earlier version, never changed by a test."""
    out = tmp_path_factory.mktemp("old") / "outputs"
    unpack_old_outputs(out)
    return out


@pytest.fixture
def outputs(unpacked: Path, tmp_path: Path) -> Path:
    """A copy of it, as it would be had it been made where it stands now."""
    out = tmp_path / "outputs"
    shutil.copytree(unpacked, out)
    for name in (f"{MODEL}/fits/study.json", "test_openings.jsonl"):
        text = (out / name).read_text()
        assert MADE_IN in text
        (out / name).write_text(text.replace(MADE_IN, str(tmp_path)))
    return out


def space_of(study: Path) -> phase6c.Space:
    described = phase6c.load_study(study).config.space
    assert rules_of_today(described["rules"]) == [TOKENS.name]
    return replace(phase6c.Space.from_description(described), rules=(TOKENS,))


@pytest.fixture(scope="module")
def bars() -> Any:
    return phase6c.load_bars("sp500")


def test_a_study_is_loaded(unpacked):
    study = phase6c.load_study(unpacked / SEARCHED)
    assert study.config.complete
    assert len(study.trials) == 20
    assert [trial.source for trial in study.trials] == ["sampled"] * 16 + ["probe"] * 4
    assert {trial.state for trial in study.trials} == {"COMPLETE", "PRUNED"}
    best = json.loads((unpacked / SEARCHED / "best_params.json").read_text())
    assert study.best.number == best["number"] == 3
    assert study.best.params == best["params"]


@pytest.mark.parametrize("folder", [SEARCHED, INTERRUPTED, f"{MODEL}/fits"])
def test_a_study_is_verified(unpacked, folder):
    verification = verify(unpacked / folder)
    assert verification.ok, verification.findings


@pytest.mark.slow
def test_a_study_is_reported(unpacked, tmp_path):
    report = make_report([unpacked / SEARCHED, unpacked / INTERRUPTED], draws=50)
    assert write_report(report, tmp_path / "report").stat().st_size > 100_000
    across, searched, interrupted = report.parts
    assert [one.name for one in (across, searched, interrupted)] == [
        *("across", "searched", "interrupted")
    ]
    assert "probes" in {section.name for section in searched.sections}


def test_its_model_predicts_what_it_has_predicted(unpacked):
    stored = pd.read_parquet(unpacked / MODEL / "predictions.parquet")
    test = stored[stored["step"] == "test"].set_index("date")
    found = phase6c.load_model(unpacked / MODEL).predict("sp500").set_index("date")
    assert len(test) == 709
    np.testing.assert_allclose(found["p"][test.index], test["p"], atol=1e-6)


def test_a_finished_search_has_nothing_left_to_do(outputs, bars, caplog):
    folder = outputs / SEARCHED
    ledger = (folder / "ledger.jsonl").read_bytes()
    caplog.set_level(logging.INFO)
    phase6c.run_study(space_of(folder), bars, **SMALL, **SEARCH, out=str(outputs), resume=True)
    assert "nothing is left to do" in caplog.text
    assert (folder / "ledger.jsonl").read_bytes() == ledger


def test_a_probe_of_a_study_has_nothing_left_to_do(outputs, caplog):
    folder = outputs / SEARCHED
    ledger = (folder / "ledger.jsonl").read_bytes()
    caplog.set_level(logging.INFO)
    probed = phase6c.run_probe(folder, "best", {"dropout": [0.1]}, seeds=2, cpus=1)
    assert "All of this is trained already" in caplog.text
    assert len(probed.contrasts) == 1
    assert (folder / "ledger.jsonl").read_bytes() == ledger


def test_an_evaluation_has_nothing_left_to_do_and_shows_its_card(outputs, caplog, capsys):
    card = read_card(outputs / MODEL)
    caplog.set_level(logging.INFO)
    evaluated = phase6c.run_evaluation(
        outputs / SEARCHED, top=1, seeds=1, cpus=1, out=outputs, name="legacy", resume=True
    )
    assert "nothing is left to do" in caplog.text
    assert evaluated.folder == outputs / MODEL
    assert evaluated.card == card
    assert card["judgement"]["sentence"] == card["sentence"]
    show_result(evaluated, as_json=False)
    assert capsys.readouterr().out.rstrip().split("\n")[-3] == card["sentence"]


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
@pytest.mark.parametrize("axes_since", [{}, {"bins": Grid.of(0, 6), "auxiliary": AUXILIARY}])
def test_an_interrupted_search_is_resumed_to_its_end(outputs, bars, axes_since):
    folder = outputs / INTERRUPTED
    before = rows_of(folder)
    space = space_of(folder)
    space = replace(space, axes={**space.axes, **axes_since})
    study = phase6c.run_study(space, bars, **SMALL, **BROKEN_OFF, out=str(outputs), resume=True)
    assert study.config.complete
    assert len(study.trials) == 8
    assert all(trial.finished for trial in study.trials)
    after = rows_of(folder)
    assert after[: len(before)] == before
    # The trial that was cut short goes on from its checkpoint and repeats no epoch.
    epochs = [row["measurement"]["epoch"] for row in results_of(after) if row["number"] == 3]
    assert epochs == list(range(1, len(epochs) + 1))
    verification = verify(folder)
    assert verification.ok, verification.findings


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_a_search_decides_as_before_and_draws_as_before_until_it_learns(unpacked, bars, tmp_path):
    """With one worker and one seed; what its samplers learn from has changed since."""
    stored = unpacked / SEARCHED
    options = {**SMALL, **SEARCH, "n_trials": N_STARTUP, "pins": PRECISION, "out": str(tmp_path)}
    made = phase6c.run_study(space_of(stored), bars, **options).folder
    before = [row for row in rows_of(stored) if row["number"] < N_STARTUP]
    after = rows_of(made)
    assert [choices(row) for row in after] == [choices(row) for row in before]
    for one, other in zip(results_of(after), results_of(before), strict=True):
        found, expected = (known(row["measurement"]["metrics"]) for row in (one, other))
        assert found.keys() == expected.keys()
        assert found["auc"] == pytest.approx(expected["auc"], abs=1e-3)
        for name in SMOOTH:
            assert found[name] == pytest.approx(expected[name], abs=TOLERANCE), name


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def results_of(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (row for row in rows if row["kind"] == "result")


def known(metrics: dict[str, float | None]) -> dict[str, float]:
    """The figures that are defined: those that came later are of several tickers alone."""
    return {name: value for name, value in metrics.items() if value is not None}


def choices(row: dict[str, Any]) -> dict[str, Any]:
    """What a row says but for times, the code's version and figures that a processor rounds."""
    kept = {name: row[name] for name in row if name not in ("at", "code_version", "stopped")}
    if "config" in row:  # fields that came later have their defaults
        kept["config"] = parse(TrialConfig, row["config"]).model_dump(mode="json")
    if row["kind"] == "result":
        measurement = row["measurement"]
        kept["measurement"] = measurement["epoch"], measurement["health"]["verdict"]
        kept["metrics"] = sorted(known(measurement["metrics"]))
        kept["stopped at"] = row["stopped"] and row["stopped"]["epoch"]
    return kept
