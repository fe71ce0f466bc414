"""Bad input ends in its exit code and one message, soon, before Ray starts, with nothing written.

What depends on the process (time, folders, resources) runs in one; the rest runs in this one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from phase6c.tune.runtime.nodes import local_node

from ..support.pace import cost

pytestmark = pytest.mark.usefixtures("short_demo_bars")

# About 15 s; the aim is 5.
MAX_COST = 2_400

STUDY = ("outputs", "phase6c_a100", "hpo_tiny_h1")

no_gpu = pytest.mark.skipif(local_node().gpus > 0, reason="there is a GPU here")


def everything_in(folder):
    """Every file but computed features, which serve the next try, and compiled modules."""
    kept = {"cache", "__pycache__"}
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.parent.name not in kept}


def check_message(code, output, expected_code, said):
    assert code == expected_code, output
    assert "Traceback" not in output
    assert "Internal error" not in output
    assert output.count("Error: ") == 1
    for part in said:
        assert part in output


@pytest.fixture
def refused(tune, tmp_path):
    """Runs in this process; checks code and message, and that no file came or changed."""

    def check(options, code, *said):
        before = everything_in(tmp_path)
        done = tune(*options)
        assert not done.stdout
        check_message(done.exit_code, done.stderr, code, said)
        assert everything_in(tmp_path) == before

    return check


@pytest.fixture
def refused_soon(tune_process, tmp_path):
    """The same in a process of its own, at little cost."""

    def check(options, code, *said):
        before = everything_in(tmp_path)
        ended = []
        spent = cost(lambda: ended.append(tune_process(*options)), rounds=1)
        (done,) = ended
        assert not done.stdout
        check_message(done.returncode, done.stderr, code, said)
        assert everything_in(tmp_path) == before
        assert spent < MAX_COST

    return check


@pytest.fixture
def bars_file(tmp_path):
    """Writes 2,000 days of a random walk, changed by `edit`, and returns the file."""

    def write(edit=lambda frame: frame, n_days=2_000):
        rng = np.random.default_rng(0)
        close = 50 * np.exp(np.cumsum(0.015 * rng.standard_normal(n_days)))
        frame = pd.DataFrame(
            {
                "date": pd.bdate_range("2001-01-01", periods=n_days, unit="s"),
                "open": close,
                "high": close * 1.01,
                "low": close * 0.99,
                "close": close,
                "volume": rng.integers(1000, 2000, n_days),
            }
        )
        path = tmp_path / "bars.csv"
        edit(frame).to_csv(path, index=False)
        return path

    return write


def swap_days(frame):
    order = np.arange(len(frame))
    order[[100, 101]] = order[[101, 100]]
    return frame.iloc[order]


def repeat_day(frame):
    return frame.iloc[[*range(200), *range(199, len(frame))]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SPACE = {'dropout': 0.1}", "SPACE is a dict"),
        ("raise RuntimeError('boom')", "boom, RuntimeError"),
        ("SPACE = ", "invalid syntax"),
    ],
)
def test_a_module_that_holds_no_space_is_refused(refused, tmp_path, monkeypatch, text, said):
    name = f"space_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(text)
    refused(["--space", name], 2, "module with a SPACE", said)


def calm(frame):
    """No day's high is near one percent above the close before."""
    return frame.assign(
        **{name: 50 + frame[name] / 1e3 for name in ("open", "high", "low", "close")}
    )


def no_volume(frame):
    return frame.rename(columns={"volume": "volum"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--bugdet", "tiny"], ["No such option '--bugdet'", "--budget"]),
        ([], ["--budget or --space", "Use --budget 200m or 20m or 2m"]),
        (["--budget", "2M"], ["budget", "2M", "Did you mean 2m?"]),
        (["--budget", "common"], ["Known: 200m, 20m, 2m, january_2m, tiny"]),
        (["--space", "nonsense"], ["module with a SPACE", "nonsense", "january_2m"]),
        (["--space", "json"], ["module with a SPACE", "json", "january_2m"]),
        (["--space", "..x"], ["module with a SPACE", "..x", "january_2m"]),
        (["--budget", "tiny", "extra"], ["unexpected extra argument", "extra"]),
    ],
)
def test_an_unknown_option_or_space_is_refused_with_the_nearest(refused, options, said):
    refused(options, 2, *said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "lerning_rate=0.1"], ["lerning_rate", "Did you mean learning_rate?"]),
        (["--set", "dropout"], ["NAME=VALUE", "dropout", "Use --set dropout=0.1."]),
        (["--set", "dropout=0.1", "--set", "dropout=0.2"], ["each name once", "dropout", "Keep"]),
        (["--set", "dropout=7"], ["dropout", "less than 1", "found 7", "Correct"]),
        (["--set", "dropout=NaN"], ["dropout", "finite", "Correct"]),
        (["--set", "learning_rate=fast"], ["learning_rate", "must be a number", "'fast'"]),
        (["--set", "batch_size=0"], ["batch_size", "must be at least 1", "found 0"]),
        (["--set", "context_days=400"], ["context_days", "256", "found 400"]),
        (["--set", "patch_days=3"], ["patch_days divides context_days", "widen an axis"]),
        (["--set", "pooling=max"], ["'mean' or 'last'", "'max'", "Correct"]),
        (["--tier", "a300"], ["a300", "'a100'"]),
        (["--label", "vol", "--threshold", "0.02"], ["threshold is for", "vol_multiple"]),
        (["--vol-multiple", "2"], ["vol_multiple is for the label vol", "threshold"]),
        (["--label", "low"], ["--label", "'low'", "'high', 'close', 'vol'"]),
        (["--set", "cal_fraction=0.25"], ["must have at least 1%", "for test"]),
        (["--horizon", "0"], ["--horizon", "0 is not in the range x>=1"]),
        (["--threshold", "2"], ["threshold", "less than 1", "found 2.0"]),
        (["--trials", "0"], ["--trials", "0 is not in the range x>=1"]),
        (["--trials", "many"], ["--trials", "many"]),
        (["--epochs", "0"], ["--epochs", "0 is not in the range x>=1"]),
        (["--cpus", "0"], ["--cpus", "0 is not in the range x>=1"]),
        (["--keep", "0"], ["--keep", "0 is not in the range x>=1"]),
        (["--seed", "-1"], ["--seed", "-1 is not in the range x>=0"]),
        (["--grace-period", "0"], ["--grace-period", "from 1 on, or auto", "found: 0", "Use"]),
        (["--grace-period", "-1"], ["--grace-period", "from 1 on, or auto", "found: -1", "Use"]),
        (["--grace-period", "abc"], ["--grace-period", "found: abc", "Use --grace-period auto."]),
        (["--grace-period", "2.5"], ["--grace-period", "found: 2.5", "Use --grace-period auto."]),
        (["--grace-period", "28"], ["--grace-period", "28 above 27", "Lower"]),
        (["--audit-share", "-0.1"], ["--audit-share", "-0.1 is not in the range x>=0"]),
        (["--audit-share", "abc"], ["--audit-share", "'abc' is not a valid float"]),
        (["--audit-share", "nan"], ["audit_share", "finite", "Correct"]),
        (["--reduction-factor", "1"], ["reduction_factor", "found 1.0"]),
        (["--time-budget", "8x"], ["duration", "8x", "Use 30m or 8h."]),
        (["--searcher", "grid"], ["--searcher", "'grid'", "'optuna', 'hyperopt', 'random'"]),
        (["--scheduler", "hyperband"], ["--scheduler", "'hyperband'", "'asha', 'none'"]),
        (["--objective", "f1"], ["--objective", "'f1'", "'auc', 'log_loss', 'refinement'"]),
        (["--gpus", "-1"], ["--gpus", "-1", "Use --gpus auto."]),
        (["--gpus-per-trial", "2"], ["--gpus-per-trial", "at most 1", "2.0", "Use 1 or less."]),
        (["--reference", "january"], ["reference", "january", "Did you mean january_"]),
        (["--name", "../elsewhere"], ["name", "'../elsewhere'", "Choose another --name."]),
    ],
)
def test_a_value_out_of_range_is_refused_with_rule_value_and_remedy(refused, options, said):
    # Should a value be let through after all, the plan is what comes of it, not a search.
    dry = [] if "--gpus-per-trial" in options else ["--dry-run"]
    refused(["--budget", "tiny", *options, *dry], 2, *said)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (no_volume, ["bars.csv", "no column volume", "Rename volum to volume, or remove it."]),
        (swap_days, ["bars.csv", "earlier than the one before", "sort the file by date."]),
        (calm, ["Both classes must occur", "no rise", "Choose another threshold"]),
        (lambda frame: frame.head(500), ["at least 505", "200 days left", "Add earlier or later"]),
        (lambda frame: frame.head(0), ["bars.csv", "has no rows", "Write the bars"]),
    ],
)
def test_bad_bars_are_refused_with_what_to_do(refused, bars_file, edit, said):
    refused(["--budget", "tiny", "--data", bars_file(edit)], 65, *said)


def test_of_bad_rows_nothing_is_left_but_their_list(tune, bars_file, tmp_path):
    options = ["--budget", "tiny", "--data", bars_file(repeat_day)]
    before = everything_in(tmp_path)
    done = tune(*options)
    said = ["bars.csv", "repeats an earlier one", "Keep one bar for each date", "--bad-rows drop"]
    check_message(done.exit_code, done.stderr, 65, said)
    new = everything_in(tmp_path).keys() - before.keys()
    assert {path.name for path in new} == {"bad_rows.csv"}


@pytest.mark.slow
def test_a_missing_file_and_a_misspelt_option_are_refused_soon(refused_soon):
    refused_soon(["--budget", "tiny", "--data", "no.csv"], 65, "no.csv: there is no such file")
    refused_soon(["--budget", "tiny", "--trails", "5"], 2, "'--trails'", "--trials")


@pytest.mark.slow
def test_a_bad_configuration_is_refused_soon(refused_soon):
    refused_soon(["--budget", "2m", "--set", "droput=0.1"], 2, "Did you mean dropout?")


@pytest.mark.slow
def test_bad_bars_are_refused_soon(refused_soon, bars_file):
    refused_soon(["--budget", "tiny", "--data", bars_file(calm)], 65, "Both classes")


@no_gpu
@pytest.mark.slow
def test_gpus_that_are_not_there_are_refused_soon(refused_soon):
    said = ["--gpus", "4 asked for, 0 there", "Leave --gpus out"]
    refused_soon(["--budget", "2m", "--gpus", "4"], 69, *said)


@no_gpu
@pytest.mark.slow
def test_a_large_budget_without_a_gpu_is_refused_with_its_estimate(refused_soon):
    said = ["needs a GPU", "it would take about", "Add --yes"]
    refused_soon(["--budget", "20m"], 69, *said)


@pytest.mark.slow
def test_a_foreign_folder_is_refused_soon(refused, refused_soon, tmp_path):
    folder = tmp_path.joinpath(*STUDY)
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("mine")
    said = ["no study.json", str(folder), "Choose another --out or --name"]
    refused_soon(["--budget", "tiny"], 73, *said)
    for more in ("--overwrite", "--resume"):
        refused(["--budget", "tiny", more], 73, *said)


@pytest.mark.slow
def test_a_folder_in_use_is_refused_soon(refused_soon, tmp_path):
    folder = tmp_path.joinpath(*STUDY)
    folder.mkdir(parents=True)
    (folder / "run.log").write_text("of the other search\n")
    with FileLock(folder / "run.lock"):
        said = ["Only one run at a time", str(folder), "Wait for the other run"]
        refused_soon(["--budget", "tiny"], 73, *said)


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_refused_soon(refused_soon, tmp_path):
    # Permissions do not hold back root, so the folder would have to lie in a file.
    (tmp_path / "file").write_text("")
    said = ["must be writable", "Not a directory", "choose another --out"]
    refused_soon(["--budget", "tiny", "--out", tmp_path / "file" / "outputs"], 73, *said)


def test_an_existing_study_is_neither_changed_nor_replaced(refused, tmp_path):
    folder = tmp_path.joinpath(*STUDY)
    folder.mkdir(parents=True)
    (folder / "study.json").write_text("{}")
    refused(["--budget", "tiny"], 73, str(folder), "--resume to go on", "--overwrite to start")
