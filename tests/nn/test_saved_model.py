"""A model in a folder: what it predicts, which bars it refuses, and what damage does to it."""

import json
import os
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from phase6c.data.bars import Bars, load_bars
from phase6c.errors import DataError, FolderError, StorageError
from phase6c.evaluation.baselines.boosting import boosted_trees
from phase6c.nn.checkpoint import weights_bytes
from phase6c.nn.saved_model import load_model
from phase6c.statistics.logits import ensemble, sigmoid
from phase6c.statistics.simple_models import BoostedTrees, LinearModel
from phase6c.study.trial_folder import write_checksums

from ..support.models import CALIBRATOR, make_model

pytestmark = pytest.mark.usefixtures("short_demo_bars")

FILES = ("config.json", "scaler.json", "calibrator.json", "model_3.safetensors")


@pytest.fixture(scope="module")
def sp500() -> Bars:
    return load_bars("sp500")


def rewrite(path, **changes):
    """Other values in a file of a model, as if they had been written with it."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    write_checksums(path.parent, [path.name])


@pytest.fixture(scope="module")
def made(sp500, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return folder, *make_model(folder, sp500)


def test_it_says_of_a_day_what_its_training_said(made, sp500):
    folder, data, trainer = made
    frame = load_model(folder).predict(sp500)
    logits = ensemble(trainer.val_logits())
    expected = pd.Series(sigmoid(CALIBRATOR.apply(logits)), index=pd.DatetimeIndex(data.val.dates))
    found = frame.set_index("date")["p"]
    np.testing.assert_allclose(found[expected.index], expected, atol=1e-6)


def test_a_model_of_all_parts_says_what_its_training_said(sp500, tmp_path):
    parts = {"bins": 6, "auxiliary": "range", "members": 2, "logs": True, "half_life_days": 1500}
    data, trainer = make_model(tmp_path, sp500, **parts)
    logits = ensemble(trainer.val_logits())
    expected = pd.Series(sigmoid(CALIBRATOR.apply(logits)), index=pd.DatetimeIndex(data.val.dates))
    found = load_model(tmp_path).predict(sp500).set_index("date")["p"]
    np.testing.assert_allclose(found[expected.index], expected, atol=1e-6)
    earlier = Bars(sp500.frame.iloc[:-500], sp500.sources, "other")
    part = load_model(tmp_path).predict(earlier).set_index("date")["p"]
    np.testing.assert_allclose(part, found[part.index], atol=1e-6)
    stored = json.loads((tmp_path / "scaler.json").read_text())
    assert "rv_20" in stored["logged"]
    assert [len(edges) for edges in stored["edges"]] == [7] * len(data.feature_names)
    rewrite(tmp_path / "scaler.json", edges=stored["edges"][1:])
    with pytest.raises(StorageError, match="other bins"):
        load_model(tmp_path)


def boosted(data):
    windows = data.features[data.train.end_rows]
    return BoostedTrees.of(boosted_trees(20, 0).fit(windows, data.train.y))


def test_a_blend_says_what_its_training_and_scikit_learn_said(sp500, tmp_path):
    data, trainer = make_model(tmp_path, sp500, partner=boosted)
    windows = data.features[data.train.end_rows]
    trees = boosted_trees(20, 0).fit(windows, data.train.y)
    model = load_model(tmp_path)
    assert "with gradient boosting" in repr(model)
    assert "<td>blended with</td><td>gradient boosting</td>" in model._repr_html_()
    predicted = model.predictions(sp500)
    said = trees.decision_function(data.features[data.val.end_rows])
    rows = np.searchsorted(predicted.dates, data.val.dates)
    np.testing.assert_allclose(predicted.partner[rows], said, rtol=0, atol=1e-12)
    expected = sigmoid(CALIBRATOR.apply((ensemble(trainer.val_logits()) + said) / 2))
    found = model.predict(sp500)["p"].to_numpy()[rows]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_partner_with_a_longer_window_needs_more_bars(sp500, tmp_path):
    def of_ten_days(data):
        n_values = 10 * len(data.feature_names)
        coefficients = tuple(np.linspace(-0.1, 0.1, n_values).tolist())
        return LinearModel(
            context_days=10, n_values=n_values, intercept=-1.0, coefficients=coefficients
        )

    make_model(tmp_path / "alone", sp500)
    make_model(tmp_path / "blend", sp500, partner=of_ten_days)
    alone, blend = load_model(tmp_path / "alone"), load_model(tmp_path / "blend")
    assert blend.days_needed == alone.days_needed + 2
    fewest = sp500.frame.iloc[-blend.days_needed :]
    (p,) = blend.predict(Bars(fewest, sp500.sources, "other"))["p"]
    assert p == pytest.approx(blend.predict(sp500)["p"].iloc[-1], abs=1e-6)


def test_a_damaged_or_foreign_blend_is_refused(sp500, tmp_path):
    make_model(tmp_path, sp500, partner=boosted)
    path = tmp_path / "blend.json"
    whole = json.loads(path.read_text())
    for changes in ({"n_values": 21}, {"roots": whole["model"]["roots"][::-1]}, {"kind": "pickle"}):
        rewrite(path, model=whole["model"] | changes)
        with pytest.raises(StorageError, match=r"blend\.json"):
            load_model(tmp_path)
    rewrite(path, **whole)
    load_model(tmp_path)
    path.unlink()
    with pytest.raises(StorageError, match=r"blend\.json"):
        load_model(tmp_path)


def test_a_model_from_before_blends_is_read(made, sp500, tmp_path):
    other = shutil.copytree(made[0], tmp_path / "model")
    stored = json.loads((other / "config.json").read_text())
    assert stored.pop("blended_with") is None
    (other / "config.json").write_text(json.dumps(stored))
    write_checksums(other, ["config.json"])
    pd.testing.assert_frame_equal(
        load_model(other).predict(sp500), load_model(made[0]).predict(sp500)
    )


def test_a_scaler_from_before_logs_and_bins_is_read(made, sp500, tmp_path):
    other = shutil.copytree(made[0], tmp_path / "model")
    stored = json.loads((other / "scaler.json").read_text())
    (other / "scaler.json").write_text(
        json.dumps({name: stored[name] for name in ("feature_names", "tickers", "mean", "scale")})
    )
    write_checksums(other, ["scaler.json"])
    pd.testing.assert_frame_equal(
        load_model(other).predict(sp500), load_model(made[0]).predict(sp500)
    )


def test_it_says_in_a_line_and_in_a_table_what_it_is(made, sp500):
    model = load_model(made[0])
    n_features = len(model.info.feature_names)
    assert repr(model) == (
        f"Model(high +1% in 1 d, 2 seeds of 1 parameter, {n_features} features, fitted through "
        f"2011-12-30, {CALIBRATOR!r})"
    )
    page = model._repr_html_()
    for name, value in (("predicts", "high +1% in 1 d"), ("bars", "sp500"), ("seeds", "3, 4")):
        assert f"<td>{name}</td><td>{value}</td>" in page
    assert repr(model.predictions(sp500)).startswith("Predictions(")
    assert len(repr(model.info)) < len(repr(model)) <= 160


def test_features_of_other_code_are_warned_of(made, tmp_path, caplog):
    load_model(made[0])
    assert not caplog.text
    other = shutil.copytree(made[0], tmp_path / "model")
    rewrite(other / "config.json", feature_code_digest="0")
    load_model(other)
    assert f"The features of the model in {other} were computed by other code" in caplog.text


def test_it_says_something_of_the_newest_day_and_of_every_day_that_has_enough_before_it(
    made, sp500
):
    model = load_model(made[0])
    frame = model.predict(sp500)
    assert list(frame) == ["date", "ticker", "p"]
    assert frame["date"].iloc[-1] == sp500.frame["date"].iloc[-1]
    assert len(frame) == len(sp500.frame) - model.days_needed + 1
    assert frame["p"].between(0, 1).all()


def test_what_comes_later_changes_no_probability(made, sp500):
    model = load_model(made[0])
    earlier = Bars(sp500.frame.iloc[:-500], sp500.sources, "other")
    whole, part = model.predict(sp500), model.predict(earlier)
    np.testing.assert_allclose(part["p"], whole["p"].iloc[: len(part)], atol=1e-6)


def test_the_fewest_bars_give_one_probability_and_fewer_are_refused(made, sp500):
    model = load_model(made[0])
    fewest = sp500.frame.iloc[-model.days_needed :]
    assert len(model.predict(Bars(fewest, sp500.sources, "other"))) == 1
    with pytest.raises(DataError, match=f"at least {model.days_needed} bars"):
        model.predict(Bars(fewest.iloc[1:], sp500.sources, "other"))


def test_bars_without_a_column_are_refused(made, sp500):
    without = Bars(sp500.frame.drop(columns="volume"), sp500.sources, "other")
    with pytest.raises(DataError, match="no volume"):
        load_model(made[0]).predict(without)


def test_bars_of_another_frequency_are_refused(made, sp500):
    monday = sp500.frame["date"].dt.day_of_week == 0
    weekly = sp500.frame[monday].reset_index(drop=True)
    with pytest.raises(DataError, match="same frequency"):
        load_model(made[0]).predict(Bars(weekly, sp500.sources, "other"))


def test_other_tickers_are_scaled_like_all_or_refused(sp500, made, tmp_path):
    renamed = Bars(sp500.frame.assign(ticker="other"), sp500.sources, "other")
    expected = load_model(made[0]).predict(sp500)["p"]
    np.testing.assert_array_equal(load_model(made[0]).predict(renamed)["p"], expected)
    make_model(tmp_path, sp500, scaling="per_ticker")
    load_model(tmp_path).predict(sp500)
    with pytest.raises(DataError, match="other; known: sp500"):
        load_model(tmp_path).predict(renamed)


def test_a_model_of_the_market_says_what_its_training_said_and_needs_its_tickers(
    made_bars, tmp_path
):
    frames = [made_bars(seed, 900).assign(ticker=f"t{seed}") for seed in range(5)]
    source = tmp_path / "bars.csv"
    pd.concat(frames).to_csv(source, index=False)
    bars = load_bars(source)
    data, trainer = make_model(tmp_path / "model", bars, market="on")
    model = load_model(tmp_path / "model")
    found = model.predict(bars).set_index(["date", "ticker"])["p"]
    days = data.val.dates.astype("datetime64[s]")
    rows = pd.MultiIndex.from_arrays([days, np.array(data.tickers)[data.val.tickers]])
    expected = sigmoid(CALIBRATOR.apply(ensemble(trainer.val_logits())))
    np.testing.assert_allclose(found[rows], expected, atol=1e-6)
    # One of five may be missing.
    assert len(model.predict(bars.without(["t0"])))
    with pytest.raises(DataError, match="needs 4 of the 5 that it was fitted on; found: 3 of them"):
        model.predict(bars.without(["t0", "t1"]))


def test_several_tickers_stand_by_date_then_ticker(made, sp500):
    two = pd.concat([sp500.frame.assign(ticker="b"), sp500.frame.iloc[300:].assign(ticker="a")])
    bars = Bars(two.sort_values(["ticker", "date"], ignore_index=True), ("two",), "other")
    frame = load_model(made[0]).predict(bars)
    assert frame.equals(frame.sort_values(["date", "ticker"], ignore_index=True))
    alone = load_model(made[0]).predict(sp500)
    np.testing.assert_allclose(frame.loc[frame["ticker"] == "b", "p"], alone["p"], atol=1e-6)


def test_a_single_model_has_one_file_of_weights(sp500, tmp_path):
    _, trainer = make_model(tmp_path, sp500, seeds=(7,))
    assert (tmp_path / "model.safetensors").exists()
    logits = load_model(tmp_path).predictions(sp500).logits
    assert logits.shape[0] == 1
    assert np.isfinite(logits).all()
    assert trainer.val_logits().shape[0] == 1


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(FolderError, match=r"must hold config\.json"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_damaged_files_are_told_apart_from_foreign_folders(name, damage, sp500, tmp_path):
    make_model(tmp_path, sp500)
    path = tmp_path / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"{}" if name.endswith("json") else weights_bytes({"a": torch.ones(2)}))
    expected = FolderError if (name, damage) == ("config.json", "gone") else StorageError
    with pytest.raises(expected):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("config.json", '"mean"', '"last"'),
        ("config.json", '"fitted_through": "2011', '"fitted_through": "2012'),
        ("calibrator.json", '"slope"', '"slop"'),
    ],
)
def test_a_change_by_hand_is_told(name, before, after, sp500, tmp_path):
    make_model(tmp_path, sp500)
    path = tmp_path / name
    content = path.read_text()
    assert before in content
    path.write_text(content.replace(before, after))
    with pytest.raises(StorageError, match=f"{name}: another SHA-256"):
        load_model(tmp_path)


def test_the_weights_of_another_seed_are_told(sp500, tmp_path):
    make_model(tmp_path, sp500)
    shutil.copyfile(tmp_path / "model_3.safetensors", tmp_path / "model_4.safetensors")
    with pytest.raises(StorageError, match=r"model_4\.safetensors: another SHA-256"):
        load_model(tmp_path)


def test_the_scaler_of_another_model_is_refused(sp500, tmp_path):
    make_model(tmp_path, sp500)
    path = tmp_path / "scaler.json"
    content = json.loads(path.read_text())
    for changes in (
        {"feature_names": content["feature_names"][::-1]},
        {"mean": [content["mean"][0][1:]]},
        {"scale": content["scale"] * 2},
    ):
        rewrite(path, **content | changes)
        with pytest.raises(StorageError, match="other features"):
            load_model(tmp_path)


def test_features_of_another_version_are_refused(sp500, tmp_path):
    make_model(tmp_path, sp500)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    rewrite(path, feature_names=["moon", *content["feature_names"][1:]])
    with pytest.raises(StorageError, match="moon"):
        load_model(tmp_path)


def test_weights_that_are_not_finite_are_refused(sp500, tmp_path):
    _, trainer = make_model(tmp_path, sp500)
    weights = trainer.lanes[0].weights()
    weights["positions"][0, 0] = float("nan")
    (tmp_path / "model_3.safetensors").write_bytes(weights_bytes(weights))
    write_checksums(tmp_path, ["model_3.safetensors"])
    with pytest.raises(StorageError, match="not finite"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_pickle_in_place_of_a_file_is_not_executed(name, sp500, tmp_path):
    make_model(tmp_path / "model", sp500)
    canary = tmp_path / "executed"

    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(canary),)

    (tmp_path / "model" / name).write_bytes(pickle.dumps(Planted()))
    with pytest.raises(StorageError):
        load_model(tmp_path / "model")
    assert not canary.exists()


def test_nothing_in_the_folder_is_code(made):
    folder = made[0]
    kinds = {path.suffix for path in folder.iterdir()}
    assert kinds == {".json", ".safetensors"}
    json.loads((folder / "config.json").read_text())
