"""An audit reads anybody's predictions, names what is wrong and compares what would mend it."""

import gzip

import numpy as np
import pandas as pd
import pytest

from phase6c.analysis.audit import audit
from phase6c.analysis.predictions import load_predictions
from phase6c.errors import DataError
from phase6c.statistics.calibrators import KINDS
from phase6c.statistics.logits import fit_affine, log_losses, logit, sigmoid

from ..support.causes import drawn

N = 1600


def frame_of(cause="healthy", n=N, seed=0):
    """Predictions on consecutive days, a base rate of 0.2 and an AUC of 0.75."""
    logits, y, _ = drawn(cause, n, 0.2, 0.75, np.random.default_rng(seed))
    days = pd.bdate_range("2010-01-04", periods=n).strftime("%Y-%m-%d")
    return pd.DataFrame({"date": days, "y": y.astype(int), "p": sigmoid(logits)})


@pytest.fixture
def written(tmp_path):
    """Writes a frame as CSV, or in the format of the name, and tells where."""

    def write(frame, name="some.csv"):
        path = tmp_path / name
        if name.endswith(".parquet"):
            frame.to_parquet(path, index=False)
        else:
            frame.to_csv(path, index=False)
        return path

    return write


@pytest.fixture
def read(written):
    return lambda frame, name="some.csv", **options: load_predictions(
        written(frame, name), **options
    )


@pytest.mark.parametrize("name", ["some.csv", "some.csv.gz", "some.parquet", "SOME.CSV"])
def test_every_format_is_read_alike(read, name):
    frame = frame_of()
    found = read(frame, name)
    np.testing.assert_array_equal(found.y, frame["y"])
    np.testing.assert_allclose(sigmoid(found.logits), frame["p"], rtol=1e-12)
    assert found.days[0] == np.datetime64("2010-01-04")


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.rename(columns=str.upper),
        lambda frame: frame.rename(columns={"y": " Y ", "p": "P"}),
        lambda frame: frame.assign(y=frame["y"].astype(bool)),
        lambda frame: frame.assign(y=frame["y"].map({0: "false", 1: "TRUE"})),
        lambda frame: frame.assign(y=frame["y"].astype(float)),
        lambda frame: frame.assign(close=1.0, other="text"),
        lambda frame: frame.sample(frac=1, random_state=0),
    ],
)
@pytest.mark.parametrize("name", ["some.csv", "some.parquet"])
def test_what_means_the_same_is_read_the_same(read, change, name):
    found, expected = read(change(frame_of()), name), read(frame_of())
    np.testing.assert_array_equal(found.y, expected.y)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-9)


def test_without_dates_the_order_of_the_file_counts_and_that_is_said(read):
    found = read(frame_of().drop(columns="date"))
    assert found.days is None
    assert found.notes == ("There is no column date: the rows count as ordered by time.",)


def test_of_several_epochs_the_last_is_read_unless_another_is_named(read):
    first, second = frame_of(seed=1).assign(epoch=1), frame_of(seed=2).assign(epoch=2)
    both = pd.concat([first, second])
    last = read(both)
    np.testing.assert_array_equal(last.y, second["y"])
    assert last.notes == ("Epoch 2 of 1 to 2 is audited.",)
    np.testing.assert_array_equal(read(both, epoch=1).y, first["y"])
    with pytest.raises(DataError, match=r"no epoch 3 \(it has 1 to 2\)"):
        read(both, epoch=3)
    with pytest.raises(DataError, match="no column epoch"):
        read(frame_of(), epoch=1)


def test_probabilities_of_0_and_1_have_finite_logits_and_that_is_said(read):
    frame = frame_of()
    frame.loc[:9, "p"], frame.loc[10:14, "p"] = 0.0, 1.0
    found = read(frame)
    assert np.isfinite(found.logits).all()
    assert found.notes[0].startswith("15 probabilities are 0 or 1; they count as 2.2e-16 beside")
    assert np.isfinite(audit(found).metrics.log_loss)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="y"), r"no column y \(it has date, p\). Name the labels y"),
        (lambda f: f[["date"]], "no column y and no column p"),
        (lambda f: f.rename(columns={"p": "prob"}), r"no column p \(it has date, y, prob\)"),
        (lambda f: f.assign(P=f["p"]), "has the column p twice"),
        (lambda f: f.assign(p=100 * f["p"] + 1), "outside 0 to 1 in row 1 .* not .* percentages"),
        (lambda f: f.assign(p=-f["p"]), "outside 0 to 1"),
        (lambda f: f.assign(p=np.inf), "outside 0 to 1"),
        (lambda f: f.assign(p=f["p"].where(f.index != 4)), "p is missing in row 5 .*2010-01-08"),
        (lambda f: f.assign(p="much"), r"p \(much\) is not a number .* in 1599 more rows"),
        (lambda f: f.assign(y=f["y"].where(f.index != 4)), "y is missing in row 5"),
        (lambda f: f.assign(y=2 * f["y"] - 1), r"y \(-1\) is neither 0 nor 1"),
        (lambda f: f.assign(y=f["p"]), "is neither 0 nor 1"),
        (lambda f: f.assign(y="up"), r"y \(up\) is neither 0 nor 1"),
        (lambda f: f.assign(date="some day"), r"date \(some day\) is not a date"),
        (lambda f: f.assign(date=["2024-01-02", *["13/1/2024"] * (len(f) - 1)]), "in two orders"),
        (lambda f: f.assign(epoch="late"), r"epoch \(late\) is not a number"),
        (lambda f: f[:12], "has 12 rows. At least 20 are needed"),
        (lambda f: f[:0], "has 0 rows"),
    ],
)
@pytest.mark.parametrize("name", ["some.csv", "some.parquet"])
def test_what_cannot_be_used_is_refused_with_place_and_remedy(read, change, message, name):
    with pytest.raises(DataError, match=message):
        read(change(frame_of()), name)


def test_all_that_is_wrong_is_said_at_once(read):
    with pytest.raises(DataError) as refused:
        read(frame_of().assign(y=7, p=7))
    assert "neither 0 nor 1" in str(refused.value)
    assert "outside 0 to 1" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("some.doc", b"y,p\n", "neither a text of columns nor Parquet"),
        ("some.parquet", b"PAR1 and then nothing", "cannot be read"),
        ("some.csv.gz", gzip.compress(b"y,p\n0,0.5\n", mtime=0)[:-9], "cannot be read"),
        ("some.csv", "y,p\n".encode("utf-16"), "not UTF-8"),
        ("some.csv", b"y;p\n0;0,5\n", r"p \(0,5\) is not a number"),
        ("some.csv", b"y,p\n", "has 0 rows"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_predictions(tmp_path / name)


@pytest.mark.parametrize("name", ["", "nowhere.csv", "sp500"])
def test_folders_and_names_without_a_file_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"is a folder|no such file"):
        load_predictions(tmp_path / name if not name else type(tmp_path)(name))


def test_calibrators_are_fitted_on_the_earlier_half_and_judged_on_the_later(read):
    predictions = read(frame_of("prior_shift"))
    found = audit(predictions)
    assert (found.n_fitted, found.n_judged) == (N // 2, N // 2)
    early, late = slice(None, N // 2), slice(N // 2, None)
    a, b = fit_affine(predictions.logits[early], predictions.y[early])
    losses = log_losses(a + b * predictions.logits[late], predictions.y[late])
    plain = log_losses(predictions.logits[late], predictions.y[late])
    platt = found.calibration["platt"]
    assert platt.log_loss == pytest.approx(losses.mean())
    assert platt.saved.value == pytest.approx((plain - losses).mean())
    assert platt.saved.low < platt.saved.value < platt.saved.high
    assert found.calibration["none"].saved is None
    assert tuple(found.calibration) == KINDS


def test_rows_of_one_day_stay_in_one_half(read):
    frame = pd.concat([frame_of(n=101, seed=seed).assign(ticker=seed) for seed in range(3)])
    found = audit(read(frame))
    assert sorted((found.n_fitted, found.n_judged)) == [150, 153]


def test_a_shifted_prior_is_repaired_by_an_affine_map_and_not_by_a_temperature(read):
    frame = frame_of()
    found = audit(read(frame.assign(p=sigmoid(logit(frame["p"].to_numpy()) + 1.4))))
    losses = {kind: judged.log_loss for kind, judged in found.calibration.items()}
    assert found.verdict == "prior_shift"
    assert losses["platt"] < losses["temperature"] - 0.05
    assert "temperature cannot repair a shifted prior" in found.repair
    for kind in ("none", "temperature", "platt"):
        assert f"{losses[kind]:.4f}" in found.repair


@pytest.mark.parametrize(
    ("cause", "verdict"),
    [
        ("healthy", "healthy"),
        ("overconfident", "miscalibrated"),
        ("underconfident", "miscalibrated"),
        ("double_sigmoid", "double_sigmoid"),
        ("undertrained", "undertrained"),
        ("saturated", "saturated"),
        ("constant", "constant"),
        ("one_class", "one_class"),
    ],
)
def test_each_verdict_comes_with_its_repair_and_every_figure_that_is_defined(read, cause, verdict):
    found = audit(read(frame_of(cause)))
    assert found.verdict == verdict
    assert found.repair.endswith(".")
    assert all(np.isfinite(one.log_loss) for one in found.calibration.values() if one)
    unfitted = [kind for kind, judged in found.calibration.items() if judged is None]
    assert unfitted == (list(KINDS[1:]) if cause == "one_class" else [])


def test_an_earlier_half_of_one_class_fits_nothing_and_that_is_said(read):
    frame = frame_of()
    frame.loc[: N // 2, "y"] = 0
    found = audit(read(frame))
    assert found.calibration["platt"] is None
    assert any("The earlier half has 0 rows" in note for note in found.notes)


def test_rows_that_cannot_tell_are_not_called_healthy_without_a_word(read):
    found = audit(read(frame_of(n=80, seed=3)))
    assert found.verdict == "healthy"
    assert any("would hardly show" in note for note in found.notes)
    assert not audit(read(frame_of(n=4000))).notes


def test_a_given_base_rate_in_training_is_what_skill_and_evidence_refer_to(read):
    predictions = read(frame_of("prior_shift"))
    known, unknown = audit(predictions, 0.37), audit(predictions)
    assert "The base rate in training was 0.370." in known.evidence
    assert not any("in training" in one for one in unknown.evidence)
    assert known.metrics.skill != unknown.metrics.skill


def test_mirrored_falls_give_their_own_figures(read):
    frame = frame_of()
    falls = audit(read(frame.assign(down=1 - frame["y"]))).metrics
    assert falls.auc_down == pytest.approx(1 - falls.auc)
    assert audit(read(frame)).metrics.auc_down is None


def test_scores_that_rank_the_wrong_way_round_are_named_and_not_called_repaired(read):
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 0.9, 2000)
    found = audit(read(pd.DataFrame({"y": (rng.random(2000) > p).astype(int), "p": p})))
    assert "rank the wrong way round" in found.repair
    assert "repairs it" not in found.repair


def test_a_constant_is_audited_without_a_warning(read):
    found = audit(read(pd.DataFrame({"y": [0, 1, 0, 0] * 20, "p": [0.25] * 80})))
    assert found.verdict == "constant"


@pytest.fixture
def with_certain(read):
    """Healthy predictions, the given rows of them, counted from 1, overwritten by certain ones."""

    def build(right=(), wrong=(), **options):
        frame = frame_of(**options)
        for rows, hit in ((right, True), (wrong, False)):
            for row in rows:
                y = int(frame.loc[row - 1, "y"])
                frame.loc[row - 1, "p"] = float(y if hit else 1 - y)
        return read(frame)

    return build


def test_a_few_certain_probabilities_are_named_with_their_rows_and_cost(with_certain):
    predictions = with_certain(right=(3, 60, 999, 1200), wrong=(50, 71, 1500))
    found = audit(predictions)
    losses = log_losses(predictions.logits, predictions.y)
    cost = losses[[49, 70, 1499]].sum() / N
    assert found.evidence[0] == (
        "7 probabilities are exactly 0 or 1 (rows 3, 50, 60, 71, 999, 1200, 1500), 3 of them "
        f"wrong: those alone cost {cost:.4f} of the log loss {losses.mean():.4f}."
    )
    assert found.metrics.log_loss == pytest.approx(losses.mean())
    assert found.n_fitted + found.n_judged + found.n_set_aside == N
    assert found.n_set_aside == 7


@pytest.mark.parametrize("cause", ["healthy", "prior_shift", "overconfident", "double_sigmoid"])
def test_the_verdict_and_the_calibrators_are_those_of_the_other_rows(with_certain, read, cause):
    few = (5, 100, 400, 900, 1300)
    spoilt = audit(with_certain(wrong=few, cause=cause))
    alone = audit(read(frame_of(cause).drop(index=[row - 1 for row in few])))
    assert spoilt.verdict == alone.verdict
    assert spoilt.calibration == alone.calibration
    assert spoilt.evidence[1:] == alone.evidence
    # Where nothing else is wrong, it is not said that nothing needs repair.
    rest = "" if cause == "healthy" else f" {alone.repair}"
    assert spoilt.repair == (
        f"Keep probabilities off 0 and 1: these rows do not bear it out.{rest}"
    )


def test_wrong_certain_probabilities_are_warned_of_in_either_half(with_certain):
    for row in (5, 1300):
        assert audit(with_certain(wrong=(row,))).repair.startswith("Keep probabilities off 0 and 1")


def test_certain_probabilities_that_come_true_are_named_and_not_warned_of(with_certain):
    found = audit(with_certain(right=(7,)))
    assert found.evidence == ("1 probability is exactly 0 or 1 (row 7), none of them wrong.",)
    assert found.repair == "Nothing needs repair."


def test_many_certain_probabilities_are_the_model_itself(read):
    frame = frame_of()
    frame["p"] = (frame["p"] > 0.3).astype(float)
    found = audit(read(frame))
    assert found.n_set_aside == 0
    assert found.verdict == "saturated"
    assert "and 1588 more" in found.evidence[0]


def test_rows_are_those_of_the_file_whatever_the_order_of_its_dates_and_epochs(read):
    first, second = frame_of(seed=1).assign(epoch=1), frame_of(seed=2).assign(epoch=2)
    second.loc[4, "p"] = 1.0 - second.loc[4, "y"]
    both = pd.concat([first, second[::-1]])
    found = audit(read(both))
    assert f"(row {N + N - 4})" in found.evidence[0]


def test_a_later_half_of_one_class_recommends_no_calibrator(read):
    frame = frame_of("prior_shift")
    frame.loc[N // 2 :, "y"] = 0
    found = audit(read(frame))
    assert found.calibration["intercept"].saved is not None
    assert found.repair.endswith("Which calibrator would help, these rows cannot tell.")
