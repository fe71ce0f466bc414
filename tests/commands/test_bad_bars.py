"""Bad rows and tickers at the command line: options, the file that lists them, exit codes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from phase6c.data.bars import load_bars
from phase6c.nn.saved_model import load_model

from ..support.models import make_model
from ..support.vendors import true_bars
from .conftest import load_command

DRY = ("--budget", "tiny", "--tier", "a20", "--dry-run")


@pytest.fixture
def panel(tmp_path):
    """Thirty tickers; a bar of the second contradicts itself, and the third crashes."""
    frames = [true_bars(900, seed).assign(ticker=f"T{seed:02d}") for seed in range(30)]
    frames[1].loc[500, "close"] /= 10
    frames[2].loc[700:, ["open", "high", "low", "close"]] /= 40
    path = tmp_path / "panel.csv"
    pd.concat(frames).to_csv(path, index=False)
    return path


def test_a_refusal_names_the_flags_and_lists_every_bad_row(tune, panel, tmp_path):
    done = tune(*DRY, "--data", panel)
    assert done.exit_code == 65
    assert "--bad-rows drop and --bad-tickers drop" in done.stderr
    assert "--accept-events" in done.stderr
    assert "outputs/bad_rows.csv lists 1 bad row with file, line, rule and value" in done.stderr
    listed = pd.read_csv(tmp_path / "outputs" / "bad_rows.csv")
    assert listed.columns.tolist() == ["file", "line", "ticker", "date", "rule", "value"]
    assert listed.loc[0, ["line", "ticker", "rule"]].tolist() == [1402, "T01", "close is below low"]


def test_what_was_dropped_is_counted_and_stored(tune, panel, tmp_path):
    options = ("--bad-rows", "drop", "--bad-tickers", "drop")
    done = tune(*DRY, "--data", panel, *options)
    assert done.exit_code == 0, done.stderr
    assert "Left out: 1 bad row (1 where close is below low)." in " ".join(done.stdout.split())
    config = json.loads(tune(*DRY, "--json", "--data", panel, *options).stdout)["config"]
    assert config["handling"]["bad_rows"] == "drop"
    assert config["data_summary"]["dropped"]["rows"] == {"close is below low": 1}
    assert config["data_summary"]["dropped"]["tickers"].keys() == {"T02"}
    assert (tmp_path / "outputs" / "bad_rows.csv").exists()


@pytest.mark.parametrize(
    ("limit", "code"), [("0.00001,0.05", 0), ("0.01,0.01", 0), ("0,0.05", 65), ("half", 2)]
)
def test_the_limit_holds_for_rows_and_tickers(tune, panel, limit, code):
    options = ("--bad-rows", "drop", "--bad-tickers", "drop", "--bad-limit", limit)
    assert tune(*DRY, "--data", panel, *options).exit_code == code


def test_sound_bars_leave_no_list(tune, tmp_path):
    assert tune(*DRY, "--bad-rows", "drop").exit_code == 0
    assert not (tmp_path / "outputs" / "bad_rows.csv").exists()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    make_model(folder, load_bars("sp500"), seeds=(0,))
    return folder


def test_a_prediction_goes_on_with_whole_tickers_and_its_exit_code_says_so(model, tmp_path):
    n_days = load_model(model).days_needed + 5
    frames = {seed: true_bars(n_days, seed) for seed in range(4)}
    frames[1].loc[50, "high"] = frames[1].loc[50, "low"] - 1
    frames[2].loc[80:, ["open", "high", "low", "close"]] /= 40
    frames[3] = frames[3].astype(object)
    frames[3].iloc[-1, 1:5] = np.nan
    for seed, frame in frames.items():
        (tmp_path / "bars").mkdir(exist_ok=True)
        frame.to_csv(tmp_path / "bars" / f"T{seed}.csv", index=False)
    out = tmp_path / "p.csv"
    options = [str(model), "--data", str(tmp_path / "bars"), "--out", str(out)]
    done = CliRunner().invoke(load_command("predict"), options)
    assert done.exit_code == 65
    assert pd.read_csv(out)["ticker"].unique().tolist() == ["T0", "T3"]
    assert "T1.csv: high" in done.stderr
    assert "T2.csv: close" in done.stderr
    assert "the last bar has no prices and is left out: T3 on" in done.stderr
    done = CliRunner().invoke(load_command("predict"), [*options, "--accept-events"])
    assert done.exit_code == 65
    assert pd.read_csv(out)["ticker"].unique().tolist() == ["T0", "T2", "T3"]


def test_a_prediction_without_a_whole_ticker_writes_nothing(model, tmp_path):
    frame = true_bars(400)
    frame.loc[50, "high"] = frame.loc[50, "low"] - 1
    frame.to_csv(tmp_path / "ABC.csv", index=False)
    out = tmp_path / "p.csv"
    options = [str(model), "--data", str(tmp_path / "ABC.csv"), "--out", str(out)]
    assert CliRunner().invoke(load_command("predict"), options).exit_code == 65
    assert not out.exists()
