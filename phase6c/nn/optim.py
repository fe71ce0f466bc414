"""AdamW over lanes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from phase6c.config import OptimConfig, Values
from phase6c.errors import ConfigError
from phase6c.nn.model import LaneTransformer

_EPSILON = 1e-8
_OWN_FIELDS = ("learning_rate", "weight_decay")


class LaneAdamW:
    """AdamW (arXiv 1711.05101) with a learning rate, weight decay and clipping for each lane.

    The learning rate warms up linearly over the lane's own steps and is constant then. Gradients
    are clipped to the norm over all parameters of a lane. Weight decay acts on the weights of
    linear maps, head and shortcut included, not on biases and positions. All of this is done for
    each member of a lane by itself. A member whose loss or gradient norm is not finite keeps its
    parameters and moments from that step on for good; the other places go on.

    Args:
        model: Model whose parameters are updated; their first axis is the lane.
        optims: Settings of each lane, which may differ in learning rate and weight decay only.

    Attributes:
        n_steps: Number of steps of each lane.

    Raises:
        ConfigError: The lanes differ in another setting, or are not as many as the model's.
    """

    def __init__(self, model: LaneTransformer, optims: Sequence[OptimConfig]) -> None:
        if len(optims) != model.n_lanes:
            raise ConfigError("Every lane must have its optimiser settings", len(optims))
        _check_shared(optims)
        self._optims = list(optims)
        self._members, self._places = model.config.members, model.places
        self._groups = (_Group(model.matrices()), _Group(model.vectors()))
        device = model.positions.device
        self.n_steps = [0] * model.n_lanes
        # The same numbers where the kernel reads them: a copy at every step would make it wait.
        self._steps = torch.zeros(len(model.positions), device=device)
        self._failed_at = torch.zeros(len(model.positions), dtype=torch.int64, device=device)

    @property
    def diverged_at(self) -> Int64[Tensor, " lane"]:
        """The last step at which a member of each lane diverged; 0 while none has."""
        return self._failed_at.view(-1, self._members).amax(1)

    def begin(self, lane: int, optim: OptimConfig) -> None:
        """Gives a lane other settings and no memory of earlier steps.

        Raises:
            ConfigError: The settings differ in more than a lane may have of its own.
        """
        _check_shared([self._optims[0], optim])
        self._optims[lane] = optim
        self._set_progress(lane, 0, 0)
        for moment in self._moments():
            moment[self._places(lane)].zero_()

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for group in self._groups:
            for parameter in group.parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self, losses: Float[Tensor, " place"]) -> None:
        """Updates every place that has not diverged from the gradients and losses of a step."""
        self.n_steps = [n + 1 for n in self.n_steps]
        self._steps += 1
        gradients = [group.gradients() for group in self._groups]
        norms = _place_norms(gradient for group in gradients for gradient in group)
        failed = ~(torch.isfinite(losses) & torch.isfinite(norms)) & (self._failed_at == 0)
        # No `if` and no indexing by a mask anywhere here: both would wait for the GPU.
        steps = self._steps.to(torch.int64)
        self._failed_at.copy_(torch.where(failed, steps, self._failed_at))
        # A place that has diverged stays masked, even if a later loss of it is finite again.
        masked = (self._failed_at > 0).float().unbind(0)
        # Clipping only ever shrinks. The norm of a masked place may be NaN, but it is not written.
        divisors = (norms / self._optims[0].clip_norm).clamp(min=1).unbind(0)
        for group, by_parameter in zip(self._groups, gradients, strict=True):
            by_place = zip(*(gradient.unbind(0) for gradient in by_parameter), strict=True)
            for place, own in enumerate(by_place):
                self._update(group, place, list(own), divisors[place], masked[place])

    def _update(
        self, group: _Group, place: int, gradients: list[Tensor], divisor: Tensor, masked: Tensor
    ) -> None:
        lane = place // self._members
        optim = self._optims[lane]
        warmup = min(1.0, self.n_steps[lane] / max(1, optim.warmup_steps))
        # The kernel behind `torch.optim.AdamW(fused=True)`, which knows a single learning rate a
        # call, hence a call for each place. Clipping and masking ride along in the same pass over
        # memory: the kernel divides gradients by `grad_scale`, meant for a loss that was scaled
        # up, and skips all writes where `found_inf`, meant for its overflow, is not zero.
        torch._fused_adamw_(
            group.values[place],
            gradients,
            group.means[place],
            group.squares[place],
            [],
            [self._steps[place]] * len(gradients),
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

    def lane_state(self, lane: int) -> Values:
        """The moments, the number of steps and the divergence of a lane; the tensors are live."""
        own = self._places(lane)
        return {
            "n_steps": self.n_steps[lane],
            "diverged_at": self._failed_at[own],
            "moments": [[moment[own] for moment in group.moments] for group in self._groups],
        }

    @torch.no_grad()
    def load_lane(self, lane: int, state: Mapping[str, Any]) -> None:
        """Continues in a lane where `lane_state` was taken, from whichever lane."""
        self._set_progress(lane, state["n_steps"], state["diverged_at"])
        saved = (moment for group in state["moments"] for moment in group)
        for own, other in zip(self._moments(), saved, strict=True):
            own[self._places(lane)].copy_(other)

    def _set_progress(self, lane: int, n_steps: int, failed_at: int | Tensor) -> None:
        self.n_steps[lane] = n_steps
        self._steps[self._places(lane)] = n_steps
        self._failed_at[self._places(lane)] = failed_at

    def _moments(self) -> list[Tensor]:
        return [moment for group in self._groups for moment in group.moments]


class _Group:
    """Parameters under the same rule of decay with their moments, and views of each place."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        self.parameters = parameters
        means, squares = ([torch.zeros_like(weight) for weight in parameters] for _ in range(2))
        self.moments = means + squares
        # Views made once and not at each step; they share memory with the parameters for good.
        self.values = _by_place([weight.detach() for weight in parameters])
        self.means = _by_place(means)
        self.squares = _by_place(squares)

    def gradients(self) -> list[Tensor]:
        there = [weight.grad for weight in self.parameters if weight.grad is not None]
        if len(there) != len(self.parameters):
            raise RuntimeError("Every parameter must have a gradient when the lanes are updated")
        return there


def _by_place(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    return [list(views) for views in zip(*(one.unbind(0) for one in tensors), strict=True)]


def _place_norms(gradients: Iterable[Tensor]) -> Tensor:
    """The Euclidean norm over all gradients of each place [place].

    A norm of norms, as in `torch.nn.utils.clip_grad_norm_`, copies no gradient. The squares are
    summed in float32: a norm above 1.8e19 is infinite and counts as a divergence.
    """
    norms = [torch.linalg.vector_norm(gradient.flatten(1), dim=1) for gradient in gradients]
    total: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    return total


def _check_shared(optims: Sequence[OptimConfig]) -> None:
    others = [
        name
        for name in OptimConfig.model_fields
        if name not in _OWN_FIELDS and len({getattr(optim, name) for optim in optims}) > 1
    ]
    if others:
        raise ConfigError(
            "Lanes may differ in learning_rate and weight_decay only",
            ", ".join(others),
            "Train trials that differ in more than that one after the other.",
        )
