"""Every tier, label and horizon, and a user's own bars, through the command."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from phase6c.data.bars import load_bars

DRY = ("--budget", "tiny", "--dry-run", "--json")


def planned(done):
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("tier", ["a20", "a50", "a100", "a200"])
@pytest.mark.parametrize(
    "horizon", [3, *(pytest.param(one, marks=pytest.mark.slow) for one in (1, 5))]
)
def test_every_tier_and_horizon_can_be_searched(tune, tier, horizon):
    plan = planned(tune(*DRY, "--tier", tier, "--horizon", horizon))
    assert plan["config"]["data"]["tier"] == tier
    assert f"phase6c_{tier}/hpo_tiny_h{horizon}" in plan["folder"]
    assert plan["config"]["data_summary"]["purge_days"] == horizon
    assert plan["shapes"]


def test_the_default_tier_is_a100(tune):
    assert planned(tune(*DRY))["config"]["data"]["tier"] == "a100"


@pytest.mark.parametrize(
    ("options", "name", "rise"),
    [
        (("--label", "close"), "hpo_tiny_h1_close", 0.01),
        (("--label", "vol"), "hpo_tiny_h1_vol", 1.0),
        (("--label", "vol", "--vol-multiple", "1.5"), "hpo_tiny_h1_vol_1.5", 1.5),
        (("--threshold", "0.02"), "hpo_tiny_h1_0.02", 0.02),
        (("--data", "sp500,nasdaq"), "hpo_tiny_h1_sp500-nasdaq", 0.01),
    ],
)
def test_label_and_data_stand_in_the_name_where_they_are_not_the_default(tune, options, name, rise):
    plan = planned(tune(*DRY, *options))
    assert plan["config"]["name"] == name
    assert plan["config"]["data_summary"]["rise"] == rise


def test_the_demo_of_two_tickers_pools_them(tune):
    done = tune("--budget", "2m", "--dry-run", "--data", "sp500,nasdaq")
    assert done.exit_code == 0, done.stderr
    assert "nasdaq, sp500: high +1% in 1 d, a100" in done.stdout
    assert "5,674 training windows of 100 features, 352 parameters for each" in done.stdout


def test_a_ticker_in_square_brackets_is_shown_as_it_is(tune, sp500_frame, tmp_path):
    sp500_frame.reset_index().assign(ticker="[/red]").to_csv(tmp_path / "odd.csv", index=False)
    done = tune("--budget", "tiny", "--dry-run", "--data", "odd.csv")
    assert done.exit_code == 0, done.stderr
    assert "[/red]: high" in done.stdout


@pytest.mark.slow
def test_an_absurd_number_of_parameters_is_warned_of(tune):
    done = tune("--budget", "200m", "--dry-run")
    assert "can learn them by heart" in " ".join(done.stdout.split())


@pytest.fixture(scope="module")
def sp500_frame():
    frame = load_bars("sp500").frame
    return frame[["date", "open", "high", "low", "close", "volume"]].set_index("date")


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_a_file_as_yfinance_writes_it_is_searched(tune, sp500_frame, tmp_path):
    """Two header rows with the ticker, then the row that names the index."""
    wide = sp500_frame.rename(columns=str.capitalize).rename_axis("Date")
    wide.columns = pd.MultiIndex.from_product([wide.columns, ["SPX"]], names=["Price", "Ticker"])
    wide.to_csv(tmp_path / "spx.csv")
    done = tune(
        *(
            "--budget",
            "tiny",
            "--data",
            "spx.csv",
            "--tier",
            "a50",
            "--horizon",
            "3",
            "--json",
            "--cpus",
            "1",
        ),
        *("--trials", "1", "--epochs", "1"),
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["states"]["COMPLETE"] >= 1
    study = json.loads((tmp_path / "outputs/phase6c_a50/hpo_tiny_h3_spx/study.json").read_text())
    assert study["data_summary"]["tickers"] == ["SPX"]
    assert len(list((tmp_path / "outputs/cache").iterdir())) == 1


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_a_parquet_panel_of_fifty_tickers_of_different_lengths_is_searched(tune, tmp_path):
    rng = np.random.default_rng(0)
    lengths = rng.integers(420, 700, 50)
    dates = pd.bdate_range(end="2024-12-31", periods=700)
    frames = []
    for ticker, length in enumerate(lengths):
        close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal(length)))
        wiggle = 1 + 0.01 * rng.random(length)
        frames.append(
            pd.DataFrame(
                {
                    "date": dates[-length:],
                    "ticker": f"T{ticker:02d}",
                    "open": close,
                    "high": close * wiggle,
                    "low": close / wiggle,
                    "close": close,
                    "volume": rng.lognormal(12, 1, length),
                }
            )
        )
    pd.concat(frames).to_parquet(tmp_path / "panel.parquet")
    done = tune(
        *("--budget", "tiny", "--data", "panel.parquet", "--tier", "a20", "--json", "--cpus", "1"),
        *("--trials", "1", "--epochs", "1", "--set", "scaling=per_ticker"),
    )
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
    folder = tmp_path / "outputs/phase6c_a20/hpo_tiny_h1_panel"
    summary = json.loads((folder / "study.json").read_text())["data_summary"]
    assert len(summary["tickers"]) == 50
    predictions = pd.read_parquet(folder / "trial_000/predictions.parquet")
    assert predictions["ticker"].nunique() == 50


def test_bars_with_faults_are_refused_in_one_report_that_leaves_a_list_of_rows(tune, tmp_path):
    """What the report says of each fault is tested where the bars are read."""
    rows = ["Date,Open,High,Low,Clse,Volume", "2020-01-02,1,2,0.5,1.5,10"]
    rows += ["2020-01-02,1,0.4,0.5,1.5,1k", "soon,0,2,0.5,1.5,10"]
    (tmp_path / "bad.csv").write_text("\n".join(rows))
    done = tune("--budget", "tiny", "--data", "bad.csv")
    assert done.exit_code == 65
    assert not done.stdout
    for part in ("bad.csv", "Rename Clse to close", "repeats", "1k", "soon", "(0)", "(0.4)"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in tmp_path.rglob("*.*")} == {"bad.csv", "bad_rows.csv"}
