"""Training of trials of the same shape side by side, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from phase6c.config import TrialConfig
from phase6c.data.recency import recency_weights
from phase6c.data.rung_rows import rung_block
from phase6c.data.scaling import bin_edges, standardised
from phase6c.data.windows import SearchData
from phase6c.errors import ConfigError
from phase6c.nn.device import pick_device
from phase6c.nn.judged_block import JudgedBlock
from phase6c.nn.lane import Lane
from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer
from phase6c.nn.optim import LaneAdamW
from phase6c.nn.predict import gather_windows, predict_logits
from phase6c.nn.training_step import training_step
from phase6c.records import Health, Measurement, Metrics, objective_value

_OWN_FIELDS = ("dropout", "learning_rate", "weight_decay", "seed")
# The question whether every lane has diverged waits for the device, so it is asked seldom.
_STEPS_PER_CHECK = 16


@dataclass(frozen=True)
class EpochResult:
    """An epoch of a lane.

    Attributes:
        measurement: Metrics on the validation windows of an epoch; without a value if the lane has
            diverged.
        val_logits: Logits of these windows, in their order; void if the lane has diverged.
        improved: Whether this is the lane's best epoch so far.
    """

    measurement: Measurement
    val_logits: Float32[np.ndarray, " window"]
    improved: bool


class Trainer:
    """Trains trials as lanes of a model; a lane does not depend on the other lanes.

    The lanes may be at different epochs: a trial that has ended makes room for another one, which
    begins, or goes on from a state of its own, while the others train on.

    Args:
        trials: Trial of each lane, all of the same shape; they may differ in learning rate, weight
            decay, dropout and seed. A lane's initial weights, dropout masks and order of windows
            come from its seed alone.
        data: Windows from which all lanes learn.
        device: Device of the model; by default the GPU if there is one, else the CPU.

    Attributes:
        lanes: Each trial with all that is its own.

    Raises:
        ConfigError: The trials differ in other fields, or are not about this data.
        DataError: The context is longer than the bars allow.
    """

    def __init__(
        self,
        trials: Sequence[TrialConfig],
        data: SearchData,
        device: torch.device | None = None,
    ) -> None:
        _check_trials(trials, data)
        self._shared = trials[0]
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
        shape = self._shared.model
        if shape.bins:
            edges = bin_edges(data.features, data.train.end_rows, shape.bins)
            self._model.set_bin_edges(torch.from_numpy(edges).to(device))
        self._optimiser = LaneAdamW(self._model, [trial.scaled_optim for trial in trials])
        dropped = [trial.model.dropout for trial in trials]
        self._dropout = LaneDropout(dropped, seeds, device, shape.members)
        self.lanes = [self._lane(place, trial) for place, trial in enumerate(trials)]
        # The whole panel lies on the device, and windows are gathered from it batch by batch:
        # overlapping windows of 32 days would take 32 times its memory.
        self._panel = torch.from_numpy(data.features).to(device)
        self._train_y = torch.from_numpy(data.train.y).to(device)
        val = rung_block(data.val, self._shared.train.val_windows)
        self._val = JudgedBlock(val, data, device)
        weights = recency_weights(data.train.dates, self._shared.train.half_life_days)
        self._weights = torch.from_numpy(weights).to(device)
        self._coming = torch.from_numpy(standardised(data.train.coming)).to(device)
        self._train_rows = torch.from_numpy(data.train.end_rows).to(device)

    @property
    def micro_batch_size(self) -> int | None:
        """The largest number of windows of a lane in the model at once; None for a whole batch.

        Lanes share the passes through the model, so that the smallest number among them counts.
        """
        sizes = (lane.micro_batch_size for lane in self.lanes)
        return min((size for size in sizes if size is not None), default=None)

    def halve_micro_batch(self) -> None:
        """Has half a batch at most in the model at once; nothing half-trained is undone."""
        for lane in self.lanes:
            lane.micro_batch_size = -(-self._shared.train.batch_size // 2)

    def exchange(self, place: int, trial: TrialConfig) -> Lane:
        """Begins another trial in a lane, whose trial before is forgotten; the others stay.

        Args:
            place: Place on the lane axis.
            trial: Configuration of the new trial.

        Returns:
            The new lane, which a state of its trial can be loaded into.

        Raises:
            ConfigError: The trial differs from the others in more than a lane may have of its own.
        """
        _check_trials([self._shared, trial], self._data)
        self._model.initialise_lane(place, trial.seed, self._data.base_rate)
        self._optimiser.begin(place, trial.scaled_optim)
        self._dropout.begin(place, trial.model.dropout, trial.seed)
        self.lanes[place] = self._lane(place, trial)
        return self.lanes[place]

    def train_epoch(self) -> list[EpochResult]:
        """Trains every lane for an epoch, then measures it on its validation windows.

        A lane's duration is the wall time of the epoch, which all lanes share.
        """
        begun = time.perf_counter()
        losses = self.train_only()
        logits = self.val_logits()
        # Asked once, when everything is queued: the answer waits for the device.
        diverged_at = self._optimiser.diverged_at.tolist()
        # The metrics are left out, so that the duration is that of the model alone.
        duration_s = time.perf_counter() - begun
        results = []
        for lane, loss, at_step, own in zip(self.lanes, losses, diverged_at, logits, strict=True):
            divergence = _divergence(lane, at_step, own)
            measurement = self._measure(lane, divergence, loss, own, duration_s, self._val)
            results.append(EpochResult(measurement, own, lane.keep_best(measurement)))
        return results

    def train_only(self) -> list[float]:
        """Trains every lane for an epoch; the mean loss of each lane."""
        for lane in self.lanes:
            lane.epoch += 1
        losses: list[float] = self._train().tolist()
        return losses

    def measure_best(self, place: int, known: Measurement) -> EpochResult:
        """The lane's best epoch, measured on all validation windows; the lane trains no further.

        Args:
            place: Place of the lane, whose weights become those of its best epoch.
            known: Measurement of that epoch on its own validation windows.
        """
        begun = time.perf_counter()
        lane, val = self.lanes[place], JudgedBlock(self._data.val, self._data, self._panel.device)
        lane.go_to_best()
        logits: np.ndarray = self._predict(val.rows)[place].cpu().numpy()
        duration_s = time.perf_counter() - begun
        loss = known.metrics.loss_train
        divergence = _divergence(lane, 0, logits)
        measurement = self._measure(lane, divergence, loss, logits, duration_s, val)
        measurement = measurement.model_copy(update={"epoch": known.epoch})
        return EpochResult(measurement, logits, improved=False)

    def val_logits(self) -> Float32[np.ndarray, "lane window"]:
        """The logits of every lane as it is now for the validation windows of an epoch."""
        logits: np.ndarray = self._predict(self._val.rows).cpu().numpy()
        return logits

    def shortcut_logits(self) -> Float32[np.ndarray, "lane window"] | None:
        """The validation logits of shortcut and bias alone; None without a shortcut."""
        with torch.inference_mode():
            logits = self._model.shortcut_alone(self._panel[self._val.rows])
        return None if logits is None else logits.cpu().numpy()

    def _lane(self, place: int, trial: TrialConfig) -> Lane:
        return Lane(place, trial, self._model, self._optimiser, self._dropout)

    def _train(self) -> Tensor:
        """The windows of an epoch in nearly equal batches; the mean loss of each lane."""
        n_windows = self._shared.train.epoch_windows(len(self._train_rows))
        # Nearly equal, since a last batch of a few windows would be a step of noise.
        n_steps = -(-n_windows // self._shared.train.batch_size)
        # An order of its own for each lane, moved to the device once an epoch and not each step.
        orders = [lane.order.take(n_windows, len(self._train_rows)) for lane in self.lanes]
        order = torch.stack(orders).to(self._panel.device)
        total = torch.zeros(len(self.lanes), device=self._panel.device)
        for step, batch in enumerate(order.tensor_split(n_steps, dim=1)):
            if step % _STEPS_PER_CHECK == 0 and bool((self._optimiser.diverged_at > 0).all()):
                break
            # Weighted by size, since batches differ by a window.
            total += self._train_batch(batch) * batch.shape[1]
        return total / n_windows

    def _train_batch(self, batch: Tensor) -> Tensor:
        rows, y = self._train_rows[batch], self._train_y[batch]
        windows = gather_windows(self._panel, rows, self._shared.model.context_days)
        weighs = self._shared.train.half_life_days != "none"
        regresses = self._shared.model.auxiliary != "none"
        return training_step(
            *(self._model, self._optimiser, windows, y, self._dropout, self.micro_batch_size),
            weights=self._weights[batch] if weighs else None,
            coming=self._coming[batch] if regresses else None,
        )

    def _predict(self, rows: Tensor) -> Tensor:
        """The logits of every lane for the windows that end in these rows [lane, window]."""
        # An evaluation without gradients needs less memory, but it may still be what was short.
        parts = torch.split(rows, self.micro_batch_size or len(rows))
        return torch.cat([predict_logits(self._model, self._panel, part) for part in parts], dim=1)

    def _measure(
        self,
        lane: Lane,
        divergence: str | None,
        loss: float | None,
        logits: np.ndarray,
        duration_s: float,
        val: JudgedBlock,
    ) -> Measurement:
        # No metric of a diverged lane is told: a finite number would pass for a result.
        if divergence:
            metrics, health = Metrics(), Health(verdict="saturated", evidence=(divergence,))
        else:
            metrics, health = val.judge(logits, loss)
        return Measurement(
            epoch=lane.epoch,
            value=objective_value(metrics, lane.trial.train.objective),
            metrics=metrics,
            health=health,
            duration_s=duration_s,
            micro_batch_size=self.micro_batch_size,
        )


def _divergence(lane: Lane, at_step: int, logits: np.ndarray) -> str | None:
    """Where a lane has diverged, in words; None if it has not."""
    rate = f"learning rate {lane.trial.optim.learning_rate:g}"
    if at_step:
        return f"Loss or gradient is not finite at step {at_step} ({rate})."
    if not np.isfinite(logits).all():
        return f"Validation logits are not finite after step {lane.n_steps} ({rate})."
    return None


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
