"""AdamW over lanes, and the training step that drives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from phase6c.config import OptimConfig
from phase6c.errors import ConfigError
from phase6c.nn.model import LaneDropout, LaneTransformer

_EPSILON = 1e-8
_OWN_FIELDS = ("learning_rate", "weight_decay")


def training_step(
    model: LaneTransformer,
    optimiser: LaneAdamW,
    windows: Tensor,
    y: Tensor,
    dropout: LaneDropout | None,
) -> Tensor:
    """One forward, backward and update of every lane.

    The loss is the sum over lanes of each lane's mean, so that a lane's gradient does not depend
    on how many lanes there are.

    Args:
        model: Its lanes are trained.
        optimiser: That of the model.
        windows: [lane, batch, day, feature].
        y: float32[lane, batch], 0 or 1.
        dropout: The lanes' masks.

    Returns:
        The mean loss of each lane before the update [lane].
    """
    logits = model(windows, dropout)
    losses = functional.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1)
    optimiser.zero_grad()
    torch.autograd.backward(losses.sum())
    losses = losses.detach()
    optimiser.step(losses)
    return losses


class LaneAdamW:
    """AdamW (arXiv 1711.05101) with each lane's own learning rate, weight decay and clipping.

    The learning rate warms up linearly and is constant then. Gradients are clipped to the norm
    over all of a lane's parameters. Weight decay acts on the weights of linear maps, head and
    shortcut included, not on biases and positions. A lane whose loss or gradient norm is not
    finite keeps its parameters and moments from that step on for good; the others go on.

    Args:
        model: The parameters, with the lane axis first.
        optims: One per lane; they may differ in learning rate and weight decay only.

    Raises:
        ConfigError: The lanes differ in something else, or are not as many as the model's.
    """

    def __init__(self, model: LaneTransformer, optims: Sequence[OptimConfig]) -> None:
        _check_lanes(model, optims)
        self._optims = tuple(optims)
        self._shared = self._optims[0]
        self._groups = (_Group(model.matrices()), _Group(model.vectors()))
        device = model.positions.device
        self.n_steps = 0
        self.diverged_at = torch.zeros(len(optims), dtype=torch.int64, device=device)

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for group in self._groups:
            for parameter in group.parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self, losses: Tensor) -> None:
        """Updates every lane that is alive from the gradients and losses [lane] of one step."""
        self.n_steps += 1
        gradients = [group.gradients() for group in self._groups]
        norms = _lane_norms(gradient for group in gradients for gradient in group)
        failed = ~(torch.isfinite(losses) & torch.isfinite(norms)) & (self.diverged_at == 0)
        self.diverged_at.masked_fill_(failed, self.n_steps)
        masked = (self.diverged_at > 0).float().unbind(0)
        divisors = (norms / self._shared.clip_norm).clamp(min=1).unbind(0)
        step = torch.full((), float(self.n_steps), device=losses.device)
        for group, by_parameter in zip(self._groups, gradients, strict=True):
            by_lane = zip(*(gradient.unbind(0) for gradient in by_parameter), strict=True)
            for lane, own in enumerate(by_lane):
                self._update(group, lane, list(own), step, divisors[lane], masked[lane])

    def _update(
        self,
        group: _Group,
        lane: int,
        gradients: list[Tensor],
        step: Tensor,
        divisor: Tensor,
        masked: Tensor,
    ) -> None:
        optim = self._optims[lane]
        warmup = min(1.0, self.n_steps / max(1, optim.warmup_steps))
        # One pass over memory: clipping and masking ride along as loss scale and overflow flag.
        torch._fused_adamw_(
            group.values[lane],
            gradients,
            group.means[lane],
            group.squares[lane],
            [],
            [step] * len(gradients),
            lr=optim.learning_rate * warmup,
            beta1=optim.beta1,
            beta2=optim.beta2,
            weight_decay=optim.weight_decay if group is self._groups[0] else 0.0,
            eps=_EPSILON,
            amsgrad=False,
            maximize=False,
            grad_scale=divisor,
            found_inf=masked,
        )

    def state_dict(self) -> dict[str, Any]:
        """Moments, number of steps, and the step at which each lane diverged (0: it has not)."""
        return {
            "n_steps": self.n_steps,
            "diverged_at": self.diverged_at,
            "moments": [group.mean + group.square for group in self._groups],
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues where `state_dict` was taken."""
        self.n_steps = state["n_steps"]
        self.diverged_at.copy_(state["diverged_at"])
        for group, moments in zip(self._groups, state["moments"], strict=True):
            for own, saved in zip(group.mean + group.square, moments, strict=True):
                own.copy_(saved)


class _Group:
    """Parameters under one rule of decay with their moments, and views of them lane by lane."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        self.parameters = parameters
        self.mean = [torch.zeros_like(one) for one in parameters]
        self.square = [torch.zeros_like(one) for one in parameters]
        self.values = _by_lane([one.detach() for one in parameters])
        self.means = _by_lane(self.mean)
        self.squares = _by_lane(self.square)

    def gradients(self) -> list[Tensor]:
        found = [one.grad for one in self.parameters if one.grad is not None]
        if len(found) != len(self.parameters):
            raise RuntimeError("Every parameter must have a gradient when the lanes are updated")
        return found


def _by_lane(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    return [list(views) for views in zip(*(one.unbind(0) for one in tensors), strict=True)]


def _lane_norms(gradients: Iterable[Tensor]) -> Tensor:
    """The Euclidean norm over all of each lane's gradients [lane]."""
    norms = [torch.linalg.vector_norm(one.flatten(1), dim=1) for one in gradients]
    total: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    return total


def _check_lanes(model: LaneTransformer, optims: Sequence[OptimConfig]) -> None:
    if len(optims) != model.n_lanes:
        raise ConfigError("Every lane must have its optimiser settings", len(optims))
    others = [
        name
        for name in OptimConfig.model_fields
        if name not in _OWN_FIELDS and len({getattr(one, name) for one in optims}) > 1
    ]
    if others:
        raise ConfigError(
            "Lanes may differ in learning_rate and weight_decay only",
            ", ".join(others),
            "Train trials that differ in more than that one after the other.",
        )
