"""Trials train side by side as they would alone, and end where they diverge."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from phase6c.config import DataConfig, TrialConfig
from phase6c.data.bars import Bars
from phase6c.data.preparation import prepare_search_data
from phase6c.data.windows import SearchData
from phase6c.errors import ConfigError, DataError
from phase6c.nn.model import LaneTransformer
from phase6c.nn.optim import LaneAdamW
from phase6c.nn.predict import gather_windows, predict_logits
from phase6c.nn.trainer import EpochResult, Trainer
from phase6c.nn.training_step import training_step
from phase6c.nn.trial_run import run_trial

Build = Callable[..., TrialConfig]
# The decay multiplies every weight by -9 at each step, which no number format survives.
GENERATOR = torch.Generator()
EXPLODING = {"learning_rate": 1.0, "weight_decay": 10.0, "warmup_steps": 0}


def train(trainer: Trainer, epochs: int) -> list[list[EpochResult]]:
    return [trainer.train_epoch() for _ in range(epochs)]


def without_time(result: EpochResult) -> dict[str, object]:
    return result.measurement.model_dump(exclude={"duration_s"})


def test_gathered_windows_end_in_their_row() -> None:
    panel = torch.arange(20.0).view(10, 2)
    windows = gather_windows(panel, torch.tensor([[2, 9]]), 3)
    assert windows.shape == (1, 2, 3, 2)
    assert torch.equal(windows[0, 0], panel[0:3])
    assert torch.equal(windows[0, 1], panel[7:10])


def test_predictions_do_not_depend_on_the_batches(
    planted: SearchData, trial: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LaneTransformer(trial().model, len(planted.feature_names), 2)
    model.initialise([0, 1], 0.3)
    panel, rows = torch.from_numpy(planted.features), torch.from_numpy(planted.val.end_rows)
    whole = predict_logits(model, panel, rows)
    monkeypatch.setattr("phase6c.nn.predict.PREDICTED_AT_ONCE", 7)
    torch.testing.assert_close(predict_logits(model, panel, rows), whole)


def test_planted_signal_is_found(planted: SearchData, trial: Build) -> None:
    result = run_trial(trial(learning_rate=3e-3, epochs=5), planted)
    assert result.best is not None
    assert result.best.metrics.auc is not None
    assert result.best.metrics.auc > 0.75
    assert result.best.value == result.best.metrics.auc
    assert [one.epoch for one in result.measurements] == [1, 2, 3, 4, 5]
    assert result.val_logits is not None
    assert result.val_logits.min() < 0 < result.val_logits.max()


def test_shuffled_labels_score_a_half(shuffled: SearchData, trial: Build) -> None:
    trials = [trial(seed=seed) for seed in range(3)]
    last = train(Trainer(trials, shuffled), 3)[-1]
    y = shuffled.val.y
    n_up, n_other = int(y.sum()), int((1 - y).sum())
    # The variance of the Mann-Whitney statistic when scores and labels are independent.
    standard_error = ((len(y) + 1) / (12 * n_up * n_other)) ** 0.5
    for result in last:
        assert result.measurement.metrics.auc == pytest.approx(0.5, abs=3 * standard_error)


def test_lanes_train_as_they_would_alone(planted: SearchData, trial: Build) -> None:
    trials = [
        trial(seed=4),
        trial(seed=5, dropout=0.0, learning_rate=3e-4, weight_decay=0.0),
        trial(seed=6, dropout=0.5, learning_rate=2e-3),
    ]
    together = train(Trainer(trials, planted), 2)  # 58 steps
    for lane, own in enumerate(trials):
        alone = train(Trainer([own], planted), 2)
        np.testing.assert_allclose(
            together[-1][lane].val_logits, alone[-1][0].val_logits, rtol=0, atol=1e-3
        )
        losses = [
            run[-1][number].measurement.metrics.loss_train
            for run, number in ((together, lane), (alone, 0))
        ]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def test_every_window_is_seen_once_an_epoch(
    planted: SearchData, trial: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, batches = Trainer([trial(seed=1), trial(seed=2)], planted), []

    def record(batch: torch.Tensor) -> torch.Tensor:
        batches.append(batch)
        return torch.zeros(2)

    monkeypatch.setattr(trainer, "_train_batch", record)
    trainer.train_epoch()
    sizes = {batch.shape[1] for batch in batches}
    order = torch.cat(batches, dim=1)
    assert max(sizes) <= 32
    assert max(sizes) - min(sizes) <= 1
    assert torch.equal(order.sort(dim=1).values[0], torch.arange(len(planted.train)))
    assert not torch.equal(order[0], order[1])


@pytest.mark.parametrize("windows_per_epoch", [None, 250])
def test_resumed_training_is_the_same_bit_for_bit(
    planted: SearchData, trial: Build, tmp_path: Path, windows_per_epoch: int | None
) -> None:
    trials = [
        trial(seed=1, windows_per_epoch=windows_per_epoch),
        trial(seed=2, windows_per_epoch=windows_per_epoch, dropout=0.3, learning_rate=5e-3),
    ]
    whole = Trainer(trials, planted)
    expected = train(whole, 4)
    first = Trainer(trials, planted)
    train(first, 2)
    torch.save([lane.state_dict() for lane in first.lanes], tmp_path / "state")
    resumed = Trainer(trials, planted)
    states = torch.load(tmp_path / "state", weights_only=True)
    for own, state in zip(resumed.lanes, states, strict=True):
        own.load_state_dict(state)
    assert [own.epoch for own in resumed.lanes] == [2, 2]
    for before, after in zip(expected[2:], train(resumed, 2), strict=True):
        for one, other in zip(before, after, strict=True):
            assert without_time(one) == without_time(other)
            assert one.improved == other.improved
            assert np.array_equal(one.val_logits, other.val_logits)
    for lane in range(2):
        kept, again = (trainer.lanes[lane].best.weights for trainer in (whole, resumed))
        assert kept is not None
        assert again is not None
        assert all(torch.equal(value, again[name]) for name, value in kept.items())


def test_an_epoch_has_so_many_windows_in_batches_of_nearly_equal_size(planted, trial, monkeypatch):
    trainer = Trainer([trial(windows_per_epoch=250, batch_size=64)], planted)
    sizes = []
    monkeypatch.setattr(
        trainer,
        "_train_batch",
        lambda batch: sizes.append(batch.shape[1]) or torch.zeros(len(batch)),
    )
    trainer.train_only()
    assert sum(sizes) == 250
    assert len(sizes) == 4


def test_a_factor_of_the_learning_rate_is_another_learning_rate(planted, trial):
    (one,) = train(Trainer([trial(learning_rate=1e-3, learning_rate_factor=4)], planted), 1)[0]
    (other,) = train(Trainer([trial(learning_rate=4e-3)], planted), 1)[0]
    assert np.array_equal(one.val_logits, other.val_logits)


def test_an_epoch_of_a_panel_is_measured_within_its_days_and_tickers(
    panel_bars: Bars, planted: SearchData, trial: Build
) -> None:
    config = DataConfig(tier="a20")
    data = prepare_search_data(panel_bars, config)
    one = trial(objective="rank_ic", epochs=1).model_copy(update={"data": config})
    (measured,) = run_trial(one, data).measurements
    assert measured.value == measured.metrics.rank_ic is not None
    assert measured.metrics.auc_within_day is not None
    assert measured.metrics.auc_per_ticker is not None
    (alone,) = run_trial(trial(epochs=1), planted).measurements
    assert alone.metrics.rank_ic is alone.metrics.auc_within_day is None


@pytest.mark.parametrize("objective", ["auc", "log_loss", "refinement"])
def test_best_weights_are_those_of_the_best_epoch(
    planted: SearchData, trial: Build, objective: str
) -> None:
    result = run_trial(trial(learning_rate=1e-2, objective=objective), planted)
    values = [one.value for one in result.measurements]
    chosen = max(values) if objective == "auc" else min(values)
    assert result.best is not None
    assert result.best.value == chosen
    assert result.weights is not None
    model = LaneTransformer(trial().model, len(planted.feature_names))
    model.load_lane(0, result.weights)
    panel, rows = torch.from_numpy(planted.features), torch.from_numpy(planted.val.end_rows)
    assert np.array_equal(predict_logits(model, panel, rows)[0].numpy(), result.val_logits)


def test_diverged_trial_ends_without_a_value(planted: SearchData, trial: Build) -> None:
    result = run_trial(trial(**EXPLODING, batch_size=4), planted)
    (only,) = result.measurements
    assert only.diverged
    assert only.health.verdict == "saturated"
    assert "not finite at step" in only.health.evidence[0]
    assert "learning rate 1" in only.health.evidence[0]
    assert result.best is None
    assert result.weights is None
    assert result.val_logits is None


@pytest.mark.slow
def test_diverged_lane_leaves_the_other_alone(planted: SearchData, trial: Build) -> None:
    exploding = trial(**EXPLODING, batch_size=4)
    sound = trial(seed=1, warmup_steps=0, batch_size=4)
    both = train(Trainer([exploding, sound], planted), 2)
    alone = train(Trainer([sound], planted), 2)
    for (broken, other), (own,) in zip(both, alone, strict=True):
        assert broken.measurement.diverged
        assert not broken.improved
        np.testing.assert_allclose(other.val_logits, own.val_logits, rtol=0, atol=1e-3)
    assert both[0][0].measurement.health == both[1][0].measurement.health


def test_logits_that_are_not_finite_are_a_divergence(
    planted: SearchData, trial: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = torch.full((1, len(planted.val)), torch.inf)
    monkeypatch.setattr("phase6c.nn.trainer.predict_logits", lambda *_: broken)
    (result,) = Trainer([trial()], planted).train_epoch()
    assert result.measurement.diverged
    assert "Validation logits are not finite" in result.measurement.health.evidence[0]


def poison_loss(trainer: Trainer) -> None:
    with torch.no_grad():
        trainer._model.head.weight.fill_(torch.nan)


def poison_gradient(trainer: Trainer) -> None:
    trainer._model.head.weight.register_hook(lambda gradient: gradient + torch.inf)


def poison_evaluation(trainer: Trainer) -> None:
    """The last step leaves weights that no step has seen yet."""
    train_lanes = trainer._train

    def overflow() -> torch.Tensor:
        losses = train_lanes()
        with torch.no_grad():
            trainer._model.head.weight.mul_(torch.inf)
        return losses

    trainer._train = overflow


@pytest.mark.parametrize("epoch", [1, 2, 4])
@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (poison_loss, "Loss or gradient is not finite at step {first} "),
        (poison_gradient, "Loss or gradient is not finite at step {first} "),
        (poison_evaluation, "Validation logits are not finite after step {last} "),
    ],
)
def test_divergence_is_told_in_its_epoch_and_keeps_what_was_before(
    planted: SearchData, trial: Build, poison: Callable[[Trainer], None], reason: str, epoch: int
) -> None:
    trainer = Trainer([trial(learning_rate=3e-3)], planted)
    before = train(trainer, epoch - 1)
    assert not any(result.measurement.diverged for (result,) in before)
    kept = trainer.lanes[0].best
    poison(trainer)
    (result,) = trainer.train_epoch()
    assert result.measurement.diverged
    assert not result.improved
    steps = {"first": 29 * (epoch - 1) + 1, "last": 29 * epoch}
    assert reason.format(**steps) in result.measurement.health.evidence[0]
    assert trainer.lanes[0].best is kept
    json.dumps(result.measurement.model_dump(mode="json"), allow_nan=False)


def test_huge_logits_are_measured_in_finite_numbers(planted: SearchData, trial: Build) -> None:
    trainer = Trainer([trial(learning_rate=1e-6)], planted)
    with torch.no_grad():
        trainer._model.head.weight[:, 0].fill_(1e18)
    (result,) = trainer.train_epoch()
    assert np.isfinite(result.val_logits).all()
    assert np.abs(result.val_logits).max() > 1e12
    assert not result.measurement.diverged
    assert result.measurement.health.verdict == "saturated"
    json.dumps(result.measurement.model_dump(mode="json"), allow_nan=False)


def test_trials_of_other_shapes_are_refused(planted: SearchData, trial: Build) -> None:
    with pytest.raises(ConfigError, match="d_model, batch_size"):
        Trainer([trial(), trial(d_model=32, batch_size=8)], planted)


def test_a_trainer_has_a_trial(planted: SearchData) -> None:
    with pytest.raises(ConfigError, match="at least one"):
        Trainer([], planted)


def test_a_trial_is_about_its_data(planted: SearchData, trial: Build) -> None:
    other = trial().model_copy(update={"data": DataConfig(horizon_days=3)})
    with pytest.raises(ConfigError, match="data"):
        Trainer([other], planted)


def test_a_context_beyond_the_bars_is_refused(planted: SearchData, trial: Build) -> None:
    with pytest.raises(DataError, match="at most 8 days"):
        Trainer([trial(context_days=16)], planted)


def test_trial_ends_after_its_patience_without_a_better_epoch(
    shuffled: SearchData, trial: Build
) -> None:
    config = trial(learning_rate=1e-2, epochs=20, patience_epochs=2)
    result = run_trial(config, shuffled)
    assert result.best is not None
    assert len(result.measurements) == result.best.epoch + 2 < 20


def test_fading_weights_make_the_newer_half_count_more(planted: SearchData, trial: Build) -> None:
    """In the older half of the training the label follows the first feature upside down."""
    older = np.arange(len(planted.train)) < len(planted.train) // 2
    y = np.where(older, 1 - planted.train.y, planted.train.y).astype(np.float32)
    turned = replace(planted, train=replace(planted.train, y=y))
    fields = {"learning_rate": 3e-3, "epochs": 3, "dropout": 0.0}
    auc = {
        half_life: run_trial(trial(half_life_days=half_life, **fields), turned).best.value
        for half_life in ("none", 100)
    }
    assert auc[100] > 0.75 > auc["none"] + 0.05


def test_equal_weights_are_the_mean_loss(trial: Build) -> None:
    config = trial(dropout=0.0)
    losses = []
    for weights in (None, torch.ones(1, 8)):
        model = LaneTransformer(config.model, 3)
        model.initialise([0], 0.3)
        optimiser = LaneAdamW(model, [config.optim])
        windows = torch.ones(1, 8, config.model.context_days, 3)
        y = (torch.arange(8.0) % 2)[None]
        losses.append(training_step(model, optimiser, windows, y, None, 3, weights))
    assert torch.equal(*losses)


def test_the_auxiliary_head_learns_what_is_known_of_the_coming_days(
    planted: SearchData, trial: Build
) -> None:
    config = trial(auxiliary="range", dropout=0.0, learning_rate=3e-3)
    model = LaneTransformer(config.model, len(planted.feature_names))
    model.initialise([0], 0.3)
    optimiser = LaneAdamW(model, [config.optim])
    block = planted.train
    panel, rows = torch.from_numpy(planted.features), torch.from_numpy(block.end_rows)[None]
    windows = gather_windows(panel, rows, config.model.context_days)
    y = torch.from_numpy(block.y)[None]
    coming = torch.from_numpy(block.coming)[None]
    for _ in range(60):
        training_step(model, optimiser, windows, y, None, coming=coming)
    found = model.heads(windows).coming[:, 0].detach()
    known = ~coming.isnan()
    assert not known.all()
    assert float((found - coming)[known].square().mean()) < 0.7 * float(coming[known].var())


def test_unknown_targets_change_no_gradient(trial: Build) -> None:
    config = trial(auxiliary="range", dropout=0.0)
    states = []
    for unknown in (float("nan"), 0.0):
        model = LaneTransformer(config.model, 3)
        model.initialise([0], 0.3)
        optimiser = LaneAdamW(model, [config.optim])
        windows = torch.randn(
            1, 4, config.model.context_days, 3, generator=GENERATOR.manual_seed(0)
        )
        # Untrained, the auxiliary head says 0: a target of 0 is no error either.
        coming = torch.full((1, 4, 2), unknown)
        training_step(model, optimiser, windows, torch.ones(1, 4), None, coming=coming)
        states.append(model.lane_state(0))
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_what_comes_after_the_training_changes_no_weight(planted: SearchData, trial: Build) -> None:
    """Other features and other outcomes from the validation block on."""
    config = trial(bins=3, auxiliary="range", half_life_days=100, members=2)
    features = planted.features.copy()
    features[planted.val.end_rows] = 7.0
    val = replace(planted.val, coming=planted.val.coming + 5, y=1 - planted.val.y)
    other = replace(planted, features=features, val=val)
    weights = []
    for data in (planted, other):
        trainer = Trainer([config], data)
        trainer.train_only()
        weights.append(trainer.lanes[0].weights())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
