"""Training of one or more trials of one shape side by side, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from phase6c.config import TrialConfig, Values
from phase6c.data.windows import SearchData
from phase6c.errors import ConfigError
from phase6c.nn.device import pick_device
from phase6c.nn.memory import step_in_parts
from phase6c.nn.model import LaneDropout, LaneTransformer, lane_generator
from phase6c.nn.optim import LaneAdamW, training_step
from phase6c.nn.predict import gather_windows, predict_logits
from phase6c.records import Health, Measurement, Metrics, is_complete, objective_value, score
from phase6c.statistics.health import diagnose
from phase6c.statistics.metrics import measure

Weights = dict[str, Tensor]

_OWN_FIELDS = ("dropout", "learning_rate", "weight_decay", "seed")
# Asking whether every lane has diverged waits for the device, so it is not asked each step.
_STEPS_PER_CHECK = 16


@dataclass(frozen=True)
class EpochResult:
    """One epoch of one lane.

    Attributes:
        measurement: Metrics on the validation block; without a value if the lane has diverged.
        val_logits: float32[window], in the order of the validation block; void if diverged.
        improved: Whether this is the lane's best epoch so far.
    """

    measurement: Measurement
    val_logits: np.ndarray
    improved: bool


@dataclass(frozen=True)
class TrialResult:
    """One trial, trained to its end; without a best epoch if no epoch reached a value.

    Attributes:
        measurements: One per epoch.
        best: The measurement of the best epoch.
        weights: Ordinary weights of that epoch, as `LaneTransformer.lane_state` returns them.
        val_logits: float32[window] of that epoch.
    """

    measurements: tuple[Measurement, ...]
    best: Measurement | None
    weights: Weights | None
    val_logits: np.ndarray | None

    def __repr__(self) -> str:
        return f"TrialResult({len(self.measurements)} epochs, best {self.best!r})"


class Trainer:
    """Trains the trials as lanes of one model; a lane does not depend on the other lanes.

    Args:
        trials: One per lane, of one shape; they may differ in learning rate, weight decay,
            dropout and seed. A lane's initial weights, dropout masks and order of windows come
            from its seed alone.
        data: What all of them learn from.
        device: The GPU if there is one, else the CPU.

    Attributes:
        micro_batch_size: How many windows are in the model at once; None for a whole batch.

    Raises:
        ConfigError: The trials differ in something else, or are not about this data.
        DataError: The context is longer than the bars allow.
    """

    def __init__(
        self,
        trials: Sequence[TrialConfig],
        data: SearchData,
        device: torch.device | None = None,
    ) -> None:
        _check_trials(trials, data)
        self._trials = tuple(trials)
        self._shared = self._trials[0]
        self._data = data
        device = device or pick_device()
        seeds = [trial.seed for trial in trials]
        with device:
            self._model = LaneTransformer(
                self._shared.model,
                len(data.feature_names),
                len(trials),
                self._shared.train.precision,
            )
        self._model.initialise(seeds, data.base_rate)
        self._optimiser = LaneAdamW(self._model, [trial.optim for trial in trials])
        self._dropout = LaneDropout([trial.model.dropout for trial in trials], seeds, device)
        self._orders = [lane_generator(seed, "order") for seed in seeds]
        self._panel = torch.from_numpy(data.features).to(device)
        self._train_y = torch.from_numpy(data.train.y).to(device)
        self._train_rows, self._val_rows = (
            torch.from_numpy(block.end_rows).to(device) for block in (data.train, data.val)
        )
        self._epoch = 0
        self.micro_batch_size: int | None = None
        self._best = [_Best() for _ in trials]

    @property
    def epoch(self) -> int:
        """The number of epochs trained."""
        return self._epoch

    def halve_micro_batch(self) -> None:
        """Has half a batch at most in the model at once; it undoes nothing half-trained."""
        self.micro_batch_size = -(-self._shared.train.batch_size // 2)

    def train_epoch(self) -> list[EpochResult]:
        """Trains every lane on each window once, then measures it on the validation block.

        A lane's duration is the wall time of the epoch, which all lanes share.
        """
        begun = time.perf_counter()
        losses = self.train_only()
        logits = self.val_logits()
        diverged_at = self._optimiser.diverged_at.tolist()
        duration_s = time.perf_counter() - begun
        results = []
        for lane, (loss, at_step) in enumerate(zip(losses, diverged_at, strict=True)):
            divergence = self._divergence(lane, at_step, logits[lane])
            measurement = self._measure(divergence, loss, logits[lane], duration_s)
            improved = self._keep_best(lane, measurement)
            results.append(EpochResult(measurement, logits[lane], improved))
        return results

    def train_only(self) -> list[float]:
        """Trains every lane on each window once; the mean loss of each."""
        self._epoch += 1
        losses: list[float] = self._train().tolist()
        return losses

    def val_logits(self) -> np.ndarray:
        """Every lane's logits as it is now, float32[lane, window], on the validation block."""
        logits: np.ndarray = self._predict().cpu().numpy()
        return logits

    def shortcut_logits(self) -> np.ndarray | None:
        """What shortcut and bias alone say, float32[lane, window]; None without a shortcut."""
        with torch.inference_mode():
            logits = self._model.shortcut_alone(self._panel[self._val_rows])
        return None if logits is None else logits.cpu().numpy()

    def weights(self, lane: int) -> Weights:
        """Ordinary weights of a lane as it is now, in host memory."""
        return self._model.lane_state(lane)

    def best_weights(self, lane: int) -> Weights | None:
        """Ordinary weights of the lane's best epoch in host memory; None before there is one."""
        return self._best[lane].weights

    def state_dict(self) -> Values:
        """Everything that the next epoch depends on; `torch.load(weights_only=True)` reads it.

        It holds the live tensors: write it out before training on.
        """
        return {
            "epoch": self._epoch,
            "micro_batch_size": self.micro_batch_size,
            "model": self._model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "streams": [one.get_state() for one in self._streams()],
            "best": [vars(best).copy() for best in self._best],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues where `state_dict` of the same trials was taken, bit for bit on one CPU."""
        self._epoch = state["epoch"]
        self.micro_batch_size = state["micro_batch_size"]
        self._model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        for stream, saved in zip(self._streams(), state["streams"], strict=True):
            stream.set_state(saved.cpu())
        self._best = [_Best(**best) for best in state["best"]]

    def _streams(self) -> list[torch.Generator]:
        return self._orders + self._dropout.generators

    def _train(self) -> Tensor:
        """One pass over the windows in nearly equal batches; the mean loss of each lane."""
        n_windows = len(self._train_rows)
        n_steps = -(-n_windows // self._shared.train.batch_size)
        orders = [torch.randperm(n_windows, generator=one) for one in self._orders]
        order = torch.stack(orders).to(self._panel.device)
        total = torch.zeros(len(self._trials), device=self._panel.device)
        for step, batch in enumerate(order.tensor_split(n_steps, dim=1)):
            if step % _STEPS_PER_CHECK == 0 and bool((self._optimiser.diverged_at > 0).all()):
                break
            total += self._train_batch(batch) * batch.shape[1]
        return total / n_windows

    def _train_batch(self, batch: Tensor) -> Tensor:
        rows, y = self._train_rows[batch], self._train_y[batch]
        windows = gather_windows(self._panel, rows, self._shared.model.context_days)
        step = (self._model, self._optimiser, windows, y, self._dropout)
        half = self.micro_batch_size
        return training_step(*step) if half is None else step_in_parts(*step, half)

    def _predict(self) -> Tensor:
        """Every lane's logits on the validation block [lane, window]."""
        parts = torch.split(self._val_rows, self.micro_batch_size or len(self._val_rows))
        return torch.cat([predict_logits(self._model, self._panel, part) for part in parts], dim=1)

    def _divergence(self, lane: int, at_step: int, logits: np.ndarray) -> str | None:
        rate = f"learning rate {self._trials[lane].optim.learning_rate:g}"
        if at_step:
            return f"Loss or gradient is not finite at step {at_step} ({rate})."
        if not np.isfinite(logits).all():
            steps = self._optimiser.n_steps
            return f"Validation logits are not finite after step {steps} ({rate})."
        return None

    def _measure(
        self, divergence: str | None, loss: float, logits: np.ndarray, duration_s: float
    ) -> Measurement:
        block, base_rate = self._data.val, self._data.base_rate
        if divergence:
            metrics, health = Metrics(), Health(verdict="saturated", evidence=(divergence,))
        else:
            metrics = measure(logits, block.y, block.down, base_rate, loss)
            health = diagnose(logits, block.y, base_rate)
        return Measurement(
            epoch=self._epoch,
            value=objective_value(metrics, self._shared.train.objective),
            metrics=metrics,
            health=health,
            duration_s=duration_s,
            micro_batch_size=self.micro_batch_size,
        )

    def _keep_best(self, lane: int, measurement: Measurement) -> bool:
        objective = self._shared.train.objective
        known = self._best[lane].value
        if score(measurement.value, objective) <= score(known, objective):
            return False
        self._best[lane] = _Best(measurement.epoch, measurement.value, self._model.lane_state(lane))
        return True


@dataclass
class _Best:
    """A lane's best epoch so far."""

    epoch: int = 0
    value: float | None = None
    weights: Weights | None = None


def run_trial(
    config: TrialConfig,
    data: SearchData,
    device: torch.device | None = None,
) -> TrialResult:
    """Trains one trial to its end, or until it diverges.

    Args:
        config: The trial.
        data: Its train and val blocks.
        device: The GPU if there is one, else the CPU.

    Raises:
        ConfigError: The trial is not about this data.
        DataError: The context is longer than the bars allow.
    """
    trainer = Trainer([config], data, device)
    results: list[EpochResult] = []
    measurements: list[Measurement] = []
    for _ in range(config.train.epochs):
        results += trainer.train_epoch()
        measurements = [result.measurement for result in results]
        if measurements[-1].diverged or is_complete(measurements, config.train):
            break
    best = [result for result in results if result.improved][-1:]
    return TrialResult(
        measurements=tuple(measurements),
        best=best[0].measurement if best else None,
        weights=trainer.best_weights(0),
        val_logits=best[0].val_logits if best else None,
    )


def _check_trials(trials: Sequence[TrialConfig], data: SearchData) -> None:
    if not trials:
        raise ConfigError("A trainer must have at least one trial")
    rows = [trial.flat() for trial in trials]
    others = [
        name
        for name, value in rows[0].items()
        if name not in _OWN_FIELDS and any(row[name] != value for row in rows)
    ]
    if others:
        raise ConfigError(
            f"Trials trained side by side may differ in {', '.join(_OWN_FIELDS)} only",
            ", ".join(others),
            "Train trials of another shape one after the other.",
        )
    if trials[0].data != data.config:
        raise ConfigError(
            "A trial must be about the data it is trained on",
            trials[0].data.model_dump(),
            "Prepare the data with the trial's own data configuration.",
        )
    data.check_context(trials[0].model.context_days)
