"""Configurations are frozen, the same nested and flat, and say all that is wrong with them."""

import hashlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phase6c.config import (
    DataConfig,
    TrainConfig,
    TrialConfig,
    check_names,
    digest_of,
    field_sections,
    parse,
)
from phase6c.errors import ConfigError

FLAT = {
    "n_layers": 2,
    "d_model": 32,
    "n_heads": 4,
    "d_ff_ratio": 2,
    "context_days": 16,
    "patch_days": 4,
    "learning_rate": 1e-3,
    "horizon_days": 5,
    "batch_size": 32,
    "seed": 7,
}


@given(
    rate=st.floats(1e-9, 1),
    dropout=st.floats(0, 0.9),
    heads=st.sampled_from([1, 2, 4, 8]),
    label=st.sampled_from(["high", "close", "vol"]),
)
def test_flat_nested_and_json_say_the_same(rate, dropout, heads, label):
    chosen = {"learning_rate": rate, "dropout": dropout, "n_heads": heads, "label": label}
    config = TrialConfig.from_flat(FLAT | chosen)
    assert config.flat().items() >= (FLAT | chosen).items()
    assert TrialConfig.from_flat(config.flat()) == config
    assert TrialConfig.model_validate_json(config.model_dump_json()) == config


def test_no_flat_name_means_two_fields():
    nested = TrialConfig.from_flat(FLAT).model_dump()
    fields = [len(part) if isinstance(part, dict) else 1 for part in nested.values()]
    assert len(field_sections()) == sum(fields)


def test_an_unknown_name_is_answered_with_its_nearest():
    with pytest.raises(ConfigError, match=r"found: learning_rat\. Did you mean learning_rate\?"):
        TrialConfig.from_flat(FLAT | {"learning_rat": 1e-3})


def test_an_unknown_name_without_a_likeness_is_answered_with_all():
    with pytest.raises(ConfigError, match=r"found: zzz\. Known: .*dropout.*weight_decay"):
        TrialConfig.from_flat(FLAT | {"zzz": 1})


def test_all_that_is_wrong_comes_in_one_message():
    wrong = {"learning_rate": 5.0, "horizon_days": 0, "batch_size": "many", "seed": -1}
    with pytest.raises(ConfigError) as caught:
        TrialConfig.from_flat(FLAT | wrong)
    message = str(caught.value)
    for name in ("optim.learning_rate", "data.horizon_days", "train.batch_size", "seed"):
        assert name in message
    assert "found 5.0" in message
    assert "found 'many'" in message


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"patch_days": 3}, "patch_days must divide context_days, found 3 and 16"),
        ({"n_heads": 5}, "n_heads must divide d_model, found 5 and 32"),
        ({"train_fraction": 0.8, "val_fraction": 0.2}, "every block, test included"),
        ({"dropout": math.nan}, "model.dropout"),
    ],
)
def test_values_that_do_not_fit_are_refused(wrong, rule):
    with pytest.raises(ConfigError, match=rule):
        TrialConfig.from_flat(FLAT | wrong)


def test_a_configuration_cannot_be_changed():
    config = TrialConfig.from_flat(FLAT)
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1


def test_the_digest_is_of_canonical_json():
    expected = hashlib.sha256(b'{"a":[1.5,"x"],"b":1}').hexdigest()
    assert digest_of({"b": 1, "a": [1.5, "x"]}) == expected == digest_of({"a": [1.5, "x"], "b": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        digest_of({"a": math.nan})


def test_the_digest_tells_configurations_apart_and_forgets_their_order():
    config = TrialConfig.from_flat(FLAT)
    backwards = TrialConfig.from_flat(dict(reversed(FLAT.items())))
    assert backwards.digest() == config.digest()
    assert TrialConfig.from_flat(FLAT | {"seed": 8}).digest() != config.digest()


@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_the_threshold_grows_with_the_root_of_the_horizon(horizon):
    assert DataConfig(horizon_days=horizon).rise == 0.01 * math.sqrt(horizon)
    assert DataConfig(horizon_days=horizon, threshold=0.03).rise == 0.03


def test_what_the_blocks_leave_is_the_test_block():
    assert DataConfig().test_fraction == pytest.approx(0.15)


def test_tokens_are_the_patches_of_a_window():
    assert TrialConfig.from_flat(FLAT).model.n_tokens == 4


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"teir": "a20"}, r"teir: there is no such field \(did you mean tier\?\)"),
        ({"xyz": 1}, "xyz: there is no such field; |xyz: there is no such field. Correct"),
    ],
)
def test_an_unknown_field_is_told_with_the_nearest(data, said):
    with pytest.raises(ConfigError, match=said):
        parse(DataConfig, data)
    with pytest.raises(ConfigError, match=f"data.{said}"):
        parse(TrialConfig, {"data": data, "model": {}, "optim": {}})


def test_a_name_that_is_no_text_is_refused_like_any_other():
    with pytest.raises(ConfigError, match=r"known one; found: 3\. Known: a, b\."):
        check_names([3], ["b", "a"], "letter")


def test_what_is_wrong_with_a_whole_record_is_told_without_a_place():
    with pytest.raises(ConfigError, match=r"found: every block, test included"):
        parse(DataConfig, {"train_fraction": 0.9})
    with pytest.raises(ConfigError, match=r"found: it must be a dictionary"):
        parse(DataConfig, 3)


def test_training_is_fitted_to_a_large_panel_and_not_to_a_small_one():
    assert TrainConfig(epochs=3).fitted_to(50_000, 50_000) == TrainConfig(epochs=3)
    large = TrainConfig(epochs=3).fitted_to(500_000, 9_000)
    assert (large.windows_per_epoch, large.batch_size) == (50_000, 256)
    assert large.learning_rate_factor == 2
    assert large.epoch_windows(500_000) == 50_000
    assert large.epoch_windows(900) == 900


@pytest.mark.parametrize(
    ("asked", "n_val", "fitted"),
    [(None, 75_000, None), (None, 75_001, 50_000), (900, 1_000, 900), (900, 900, None)],
)
def test_a_large_validation_block_is_measured_in_part(asked, n_val, fitted):
    given = {} if asked is None else {"val_windows": asked}
    train = TrainConfig(**given).fitted_to(600, n_val)
    assert train.val_windows == fitted
    assert train.rung_windows(n_val) == (fitted or n_val)
    assert train.fitted_to(600, n_val) == train


def test_what_was_asked_for_is_not_fitted():
    asked = TrainConfig(batch_size=64, windows_per_epoch=1000)
    assert asked.fitted_to(500_000, 9_000) == asked
    kept = TrainConfig(batch_size=64).fitted_to(500_000, 9_000)
    assert (kept.batch_size, kept.learning_rate_factor, kept.windows_per_epoch) == (64, 1, 50_000)
