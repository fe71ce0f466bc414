"""A trial in its lane: all that belongs to it and to no other lane of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from phase6c.config import TrialConfig, Values
from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer
from phase6c.nn.optim import LaneAdamW
from phase6c.nn.window_order import WindowOrder
from phase6c.records import Measurement, score

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Best:
    """The best epoch of a lane so far.

    Attributes:
        epoch: Number of the epoch; 0 before there is any.
        value: Objective at that epoch.
        weights: Ordinary weights of that epoch in host memory.
    """

    epoch: int = 0
    value: float | None = None
    weights: Weights | None = None


class Lane:
    """A trial in its place among the lanes of a model.

    Weights, moments and dropout masks of all lanes lie in shared tensors, since a GPU computes
    them together; a lane knows its place in them. Everything else is its own, so that lanes may
    be at different epochs, and a lane's state fits into any place of any model of its shape.

    Args:
        place: Place on the lane axis.
        trial: Configuration of the trial.
        model, optimiser, dropout: The shared tensors, in which the trial has begun.

    Attributes:
        trial: Configuration of the trial.
        epoch: Number of epochs trained.
        micro_batch_size: Largest number of the trial's windows in the model at once; None for a
            whole batch.
        best: Best epoch so far.
        order: Order in which the windows are seen.
    """

    def __init__(
        self,
        place: int,
        trial: TrialConfig,
        model: LaneTransformer,
        optimiser: LaneAdamW,
        dropout: LaneDropout,
    ) -> None:
        self.trial = trial
        self.epoch = 0
        self.micro_batch_size: int | None = None
        self.best = Best()
        self.order = WindowOrder(trial.seed)
        self._place = place
        self._model = model
        self._optimiser = optimiser
        self._dropout = dropout

    @property
    def n_steps(self) -> int:
        """The number of training steps taken."""
        return self._optimiser.n_steps[self._place]

    def weights(self) -> Weights:
        """The ordinary weights as they are now, in host memory."""
        return self._model.lane_state(self._place)

    def keep_best(self, measurement: Measurement) -> bool:
        """Keeps the weights if the epoch just measured is the best so far, and tells whether."""
        objective = self.trial.train.objective
        if score(measurement.value, objective) <= score(self.best.value, objective):
            return False
        self.best = Best(measurement.epoch, measurement.value, self.weights())
        return True

    def go_to_best(self) -> None:
        """Puts the weights of the best epoch in the place of those that are trained."""
        assert self.best.weights is not None
        self._model.load_lane(self._place, self.best.weights)

    def state_dict(self) -> Values:
        """Everything that the next epoch depends on; `torch.load(weights_only=True)` reads it.

        The tensors are live: the state must be written out or copied before training on. Those of
        model and optimiser have the lane's members on their first axis.
        """
        own = self._model.places(self._place)
        return {
            "epoch": self.epoch,
            "micro_batch_size": self.micro_batch_size,
            "model": {name: weight[own] for name, weight in self._model.state_dict().items()},
            "optimiser": self._optimiser.lane_state(self._place),
            "streams": [stream.get_state() for stream in self._streams()],
            "position": self.order.position,
            "best": [vars(self.best).copy()],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues where `state_dict` of the same trial was taken, bit for bit on a CPU.

        The place may be another one, and the other lanes are left as they are.
        """
        self.epoch = state["epoch"]
        self.micro_batch_size = state["micro_batch_size"]
        # Copied into the shared tensors and not put in their place: the optimiser holds views.
        for name, weight in self._model.state_dict().items():
            weight[self._model.places(self._place)].copy_(state["model"][name])
        self._optimiser.load_lane(self._place, state["optimiser"])
        for stream, saved in zip(self._streams(), state["streams"], strict=True):
            # A generator takes its state from the CPU, wherever its numbers are drawn.
            stream.set_state(saved.cpu())
        self.order.go_to(state["position"])
        (best,) = state["best"]
        self.best = Best(**best)

    def _streams(self) -> list[torch.Generator]:
        return [self.order.stream, *self._dropout.generators[self._model.places(self._place)]]
