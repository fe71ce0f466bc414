from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from phase6c.config import OptimConfig, TrialConfig
from phase6c.errors import ConfigError
from phase6c.nn.model import LaneTransformer
from phase6c.nn.optim import LaneAdamW
from phase6c.nn.training_step import training_step

N_FEATURES = 5
Build = Callable[..., TrialConfig]


def built(trial: Build, n_lanes: int = 1) -> LaneTransformer:
    model = LaneTransformer(trial().model, N_FEATURES, n_lanes)
    model.initialise(range(n_lanes), 0.3)
    return model


def batch_of(n_lanes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    windows = torch.randn(n_lanes, 8, 8, N_FEATURES, generator=generator)
    return windows, (torch.rand(n_lanes, 8, generator=generator) < 0.3).float()


def random_like(state: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(one.shape, generator=generator) for name, one in state.items()}


def set_gradients(model: LaneTransformer, value: float) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, value)


@pytest.mark.parametrize("clip_norm", [0.05, 1e6])
def test_one_lane_is_torch_adamw_with_clipping(
    trial: Build, plain_transformer: type[nn.Module], clip_norm: float
) -> None:
    config = OptimConfig(learning_rate=3e-3, weight_decay=0.1, warmup_steps=0, clip_norm=clip_norm)
    model = built(trial)
    optimiser = LaneAdamW(model, [config])
    plain = plain_transformer(trial(dropout=0).model, N_FEATURES)
    plain.load_state_dict(model.lane_state(0))
    matrices = [one for name, one in plain.named_parameters() if name.endswith("weight")]
    others = [one for name, one in plain.named_parameters() if not name.endswith("weight")]
    reference = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=3e-3,
        betas=(config.beta1, config.beta2),
    )
    carrier = built(trial)
    for step in range(5):
        gradients = random_like(model.lane_state(0), seed=step)
        carrier.load_lane(0, gradients)
        for parameter, gradient in zip(model.parameters(), carrier.parameters(), strict=True):
            parameter.grad = gradient.detach().clone()
        for name, parameter in plain.named_parameters():
            parameter.grad = gradients[name].clone()
        optimiser.step(torch.zeros(1))
        torch.nn.utils.clip_grad_norm_(plain.parameters(), clip_norm)
        reference.step()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(model.lane_state(0)[name], value, rtol=1e-5, atol=1e-6)


def test_each_lane_has_its_own_rate_and_decay_on_matrices_only(trial: Build) -> None:
    model = built(trial, 2)
    before = [model.lane_state(lane) for lane in range(2)]
    optims = [
        OptimConfig(learning_rate=rate, weight_decay=decay, warmup_steps=0)
        for rate, decay in ((0.1, 1.0), (0.2, 2.0))
    ]
    set_gradients(model, 0.0)
    LaneAdamW(model, optims).step(torch.zeros(2))
    for lane, kept in enumerate((0.9, 0.6)):
        for name, value in model.lane_state(lane).items():
            expected = before[lane][name] * (kept if name.endswith("weight") else 1.0)
            torch.testing.assert_close(value, expected)


def test_rate_warms_up_linearly_and_stays(trial: Build) -> None:
    model = built(trial)
    optimiser = LaneAdamW(model, [OptimConfig(learning_rate=0.1, warmup_steps=4)])
    changes = []
    for _ in range(6):
        before = model.lane_state(0)["head.bias"]
        set_gradients(model, 0.01)
        optimiser.step(torch.zeros(1))
        changes.append(float(before - model.lane_state(0)["head.bias"]))
    assert changes == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1, 0.1], rel=1e-3)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_lane_that_is_not_finite_is_masked_for_good(trial: Build, broken: str) -> None:
    optim = OptimConfig(learning_rate=1e-2)
    model, alone = built(trial, 2), built(trial)
    alone.load_lane(0, model.lane_state(1))
    optimiser, own = LaneAdamW(model, [optim, optim]), LaneAdamW(alone, [optim])
    before = model.lane_state(0)
    for step in range(3):
        set_gradients(model, 0.01)
        set_gradients(alone, 0.01)
        losses = torch.zeros(2)
        if step == 0 and broken == "loss":
            losses[0] = torch.inf
        elif step == 0:
            model.positions.grad[0, 0, 0, 0] = torch.nan
        optimiser.step(losses)
        own.step(losses[1:])
    assert optimiser.diverged_at.tolist() == [1, 0]
    for name, value in model.lane_state(0).items():
        assert torch.equal(value, before[name])
    for name, value in model.lane_state(1).items():
        assert torch.equal(value, alone.lane_state(0)[name])


def test_state_continues_bit_for_bit(trial: Build) -> None:
    optims = [OptimConfig(learning_rate=1e-3), OptimConfig(learning_rate=1e-2)]
    model, other = built(trial, 2), built(trial, 2)
    optimiser, resumed = LaneAdamW(model, optims), LaneAdamW(other, optims)
    for step in range(2):
        training_step(model, optimiser, *batch_of(2, step), None)
    other.load_state_dict(model.state_dict())
    for lane in range(2):
        resumed.load_lane(lane, optimiser.lane_state(lane))
    training_step(model, optimiser, *batch_of(2, 2), None)
    training_step(other, resumed, *batch_of(2, 2), None)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_lanes_share_everything_else(trial: Build) -> None:
    optims = [OptimConfig(learning_rate=1e-3, clip_norm=norm) for norm in (1.0, 2.0)]
    with pytest.raises(ConfigError, match="clip_norm"):
        LaneAdamW(built(trial, 2), optims)


def test_every_lane_has_settings(trial: Build) -> None:
    with pytest.raises(ConfigError, match="found: 1"):
        LaneAdamW(built(trial, 2), [OptimConfig(learning_rate=1e-3)])


def test_step_needs_every_gradient(trial: Build) -> None:
    model = built(trial)
    with pytest.raises(RuntimeError, match="gradient"):
        LaneAdamW(model, [OptimConfig(learning_rate=1e-3)]).step(torch.zeros(1))
