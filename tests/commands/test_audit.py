"""The command that audits predictions: what it prints and how it ends."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from phase6c.statistics.logits import sigmoid

from ..support.causes import drawn
from .conftest import load_command

KINDS = ["none", "intercept", "temperature", "platt", "isotonic"]


@pytest.fixture(scope="module")
def audit():
    """Runs `phase6c audit` in this process."""
    command = load_command("audit")
    return lambda *options: CliRunner().invoke(command, [str(one) for one in options])


@pytest.fixture
def shifted(tmp_path):
    """Predictions of a model that was trained with a class weight."""
    logits, y, _ = drawn("healthy", 1000, 0.2, 0.75, np.random.default_rng(0))
    path = tmp_path / "[some] predictions.csv"
    pd.DataFrame({"y": y.astype(int), "p": sigmoid(logits + 1.4)}).to_csv(path, index=False)
    return path


def test_the_report_names_verdict_evidence_repair_and_every_calibrator(audit, shifted):
    done = audit(shifted)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "[some] predictions.csv: prior_shift"
    assert lines[1].startswith("The mean probability is 0.")
    assert "A temperature cannot repair a shifted prior" in done.stdout
    assert "an affine map of the logit (platt) can" in done.stdout
    assert [
        line.split()[0] for line in lines if line.split()[:1] in [[kind] for kind in KINDS]
    ] == KINDS
    assert "\\" not in done.stdout
    assert lines[-1] == "There is no column date: the rows count as ordered by time."


def test_no_line_of_the_table_is_wider_than_a_terminal(audit, shifted):
    lines = audit(shifted).stdout.splitlines()
    table = lines[lines.index("Fitted on the earlier 500 rows, judged on the others:") + 1 :]
    assert max(len(line) for line in table[: 1 + len(KINDS)]) <= 80


def test_the_report_as_json(audit, shifted):
    done = audit(shifted, "--json", "--train-base-rate", "0.2")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout, parse_constant=pytest.fail)
    assert document["schema"] == "phase6c.audit/1"
    assert document["verdict"] == "prior_shift"
    assert "The base rate in training was 0.200." in document["evidence"]
    assert document["metrics"]["auc"] > 0.7
    assert list(document["calibration"]) == KINDS
    for figures in document["calibration"].values():
        assert {"log_loss", "brier", "ece"} < set(figures)


def test_bad_data_ends_with_65_and_one_message(audit, tmp_path):
    (tmp_path / "some.csv").write_text("label,score\n" + "1,0.5\n" * 30)
    done = audit(tmp_path / "some.csv")
    assert (done.exit_code, done.stdout) == (65, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: A file of predictions must hold a label y")
    assert "(it has label, score)" in done.stderr
    assert "Name the labels y and the probabilities p." in done.stderr


@pytest.mark.parametrize("name", ["", "nowhere.parquet"])
def test_what_is_no_file_ends_with_65(audit, tmp_path, name):
    done = audit(tmp_path / name)
    assert (done.exit_code, done.stderr.count("\n")) == (65, 1)
    assert "Name a file (.csv.gz, .csv, .parquet" in done.stderr
    assert ") with the columns y and p." in done.stderr


@pytest.mark.parametrize("options", [(), ("FILE", "--train-base-rate", "1")])
def test_wrong_usage_ends_with_2(audit, options):
    assert audit(*options).exit_code == 2
