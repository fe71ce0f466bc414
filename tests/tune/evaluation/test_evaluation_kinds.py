"""Evaluations of several tickers, longer horizons and closes alone; a kill in a refit."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import phase6c
from phase6c.config import DataConfig
from phase6c.data.bars import load_bars
from phase6c.errors import DataError
from phase6c.evaluation.card_files import JUDGED_PREDICTIONS_FILE
from phase6c.evaluation.evaluated import Evaluated
from phase6c.evaluation.fit_run import FitRun
from phase6c.evaluation.fits import read_refit
from phase6c.nn.saved_model import load_model
from phase6c.nn.trainer import Trainer
from phase6c.study.trial_folder import REFIT_STATE_FILE
from phase6c.tune.evaluation.fit_trainable import FitTrainable
from phase6c.tune.evaluation.options import EvaluationOptions
from phase6c.tune.evaluation.plan import FITS, plan_evaluation
from phase6c.tune.evaluation.run import EvaluationJob, run_evaluation
from phase6c.tune.runtime.session import run_job

from ...support.spaces import SMALL_MODELS

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_cpus", "light_evaluations")]

SMALL = {"top": 1, "seeds": 1, "cpus": 1}
N_DAYS = 900


def searched(source: str, out: Path, data: DataConfig, **options: object) -> Path:
    """The folder of a small search."""
    small = {"n_trials": 2, "epochs": 2, "cpus": 1, "out": str(out), "data": data} | options
    return phase6c.run_study(SMALL_MODELS, load_bars(source), **small).folder


@pytest.fixture(scope="module")
def folder_of_two(made_bars, tmp_path_factory) -> Path:
    """Two tickers, the second of which begins a hundred days later."""
    folder = tmp_path_factory.mktemp("two")
    made_bars(1, N_DAYS).to_csv(folder / "old.csv", index=False)
    made_bars(2, N_DAYS).iloc[100:].to_csv(folder / "young.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def of_two(folder_of_two, tmp_path_factory) -> Evaluated:
    """Each ticker scaled on its own, three days ahead, in volatilities, beside a reference."""
    out = tmp_path_factory.mktemp("of_two")
    data = DataConfig(tier="a20", scaling="per_ticker", horizon_days=3, label="vol")
    study = searched(str(folder_of_two), out, data, references=("january_best",))
    return run_evaluation([study], **SMALL, out=out)


def test_all_tickers_are_judged_and_predicted_alike(of_two, folder_of_two):
    stored = pd.read_parquet(of_two.folder / JUDGED_PREDICTIONS_FILE)
    test = stored[stored["step"] == "test"].set_index(["date", "ticker"])["p"]
    assert set(test.index.get_level_values("ticker")) == {"old", "young"}
    again = load_model(of_two.folder).predict(str(folder_of_two)).set_index(["date", "ticker"])["p"]
    np.testing.assert_allclose(again[test.index], test, atol=1e-9)


def test_a_model_that_scales_each_ticker_on_its_own_refuses_another(of_two, made_bars, tmp_path):
    made_bars(3).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(DataError, match="known: old, young"):
        load_model(of_two.folder).predict(tmp_path / "other.csv")


def test_no_label_of_a_training_reaches_into_what_it_is_judged_on(of_two, folder_of_two):
    stored = pd.read_parquet(of_two.folder / JUDGED_PREDICTIONS_FILE)
    days = np.unique(load_bars(str(folder_of_two)).frame["date"])
    by_step = stored.groupby("step", sort=False)["date"].agg(["min", "max"])
    for (_, before), (_, after) in zip(
        by_step.iloc[:-1].iterrows(), by_step.iloc[1:].iterrows(), strict=True
    ):
        gap = np.searchsorted(days, after["min"]) - np.searchsorted(days, before["max"])
        assert gap > 3
    assert pd.Timestamp(load_model(of_two.folder).info.fitted_through) < by_step["min"].iloc[-1]


def test_a_reference_is_compared_and_not_chosen(of_two):
    tables = of_two.card["sections"]["walk_forward"]["tables"]
    assert "january_best" in [row["model"] for row in tables["walk_forward"]]
    assert of_two.card["choice"]["candidate"] != "january_best"
    assert of_two.card["label"].startswith("vol +1 volatilities in 3 d")


def test_closes_alone_are_enough(made_bars, tmp_path):
    source = tmp_path / "closes.csv"
    made_bars(4, N_DAYS)[["date", "close"]].to_csv(source, index=False)
    study = searched(str(source), tmp_path, DataConfig(tier="a20", label="close", horizon_days=2))
    model = load_model(run_evaluation([study], **SMALL, out=tmp_path).folder)
    assert model.predict(source)["p"].between(0, 1).all()


class KilledRun(FitRun):
    """Its worker dies by SIGKILL in the middle of a refit, once."""

    def _refit(self) -> bool:
        flag, train = self.folder.parent / "killed", Trainer.train_only

        def train_or_die(trainer: Trainer) -> None:
            if (self.folder / REFIT_STATE_FILE).exists() and not flag.exists():
                flag.write_text(self.folder.name)
                os.kill(os.getpid(), signal.SIGKILL)
            train(trainer)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Trainer, "train_only", train_or_die)
            return super()._refit()


class KilledInItsRefit(FitTrainable):
    run_type = KilledRun


def test_a_worker_that_is_killed_in_a_refit_costs_nothing_but_time(made_bars, tmp_path):
    source = tmp_path / "made.csv"
    made_bars(0, N_DAYS).to_csv(source, index=False)
    study = searched(str(source), tmp_path, DataConfig(tier="a20"), epochs=4)
    cards = {}
    for name, kind in (("whole", FitTrainable), ("killed", KilledInItsRefit)):
        plan = plan_evaluation([study], EvaluationOptions(**SMALL, out=tmp_path, name=name))
        cards[name] = run_job(EvaluationJob(plan, kind))
    fits = cards["killed"].folder / FITS
    killed = fits / (fits / "killed").read_text()
    assert read_refit(killed).epochs > 1
    assert not (killed / REFIT_STATE_FILE).exists()
    whole, other = (pd.read_parquet(one.folder / JUDGED_PREDICTIONS_FILE) for one in cards.values())
    pd.testing.assert_frame_equal(other, whole)
