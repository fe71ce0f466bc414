from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from phase6c.config import ModelConfig, TrialConfig
from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer, count_parameters

CPU = torch.device("cpu")
N_FEATURES = 5
BATCH = 6
BASE_RATE = 0.18
ALL_PARTS: dict[str, object] = {"bins": 3, "auxiliary": "range", "members": 2}
Build = Callable[..., TrialConfig]


def built(config: ModelConfig, seeds: list[int], random_head: bool = True) -> LaneTransformer:
    model = LaneTransformer(config, N_FEATURES, len(seeds))
    model.initialise(seeds, BASE_RATE)
    if random_head:
        state = [head_state(model.lane_state(lane), seed) for lane, seed in enumerate(seeds)]
        for lane, own in enumerate(state):
            model.load_lane(lane, own)
    return model


def head_state(state: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1000 + seed)
    drawn = {
        name: torch.randn(value.shape, generator=generator)
        for name, value in state.items()
        if name.startswith(("head", "shortcut"))
    }
    return state | drawn


def windows_of(n_lanes: int, days: int = 8, seed: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_lanes, BATCH, days, N_FEATURES, generator=generator)


def relative_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(((one - other).norm() / other.norm().clamp(min=1e-12)).detach())


@pytest.mark.parametrize(
    ("n_layers", "width", "ratio", "patch", "shortcut"),
    list(itertools.product([1, 3, 5], [8, 48], [2, 4], [1, 8], [False, True])),
)
def test_count_equals_the_built_model(
    n_layers: int, width: int, ratio: int, patch: int, shortcut: bool
) -> None:
    config = ModelConfig(
        n_layers=n_layers,
        d_model=width,
        n_heads=4,
        d_ff_ratio=ratio,
        context_days=16,
        patch_days=patch,
        shortcut=shortcut,
    )
    model = LaneTransformer(config, 20)
    assert count_parameters(config, 20) == sum(one.numel() for one in model.parameters())


@pytest.mark.parametrize(
    "fields", [{"bins": 6}, {"auxiliary": "range"}, {"members": 4}, ALL_PARTS], ids=str
)
def test_count_includes_every_part(trial: Build, fields: dict[str, object]) -> None:
    config = trial(n_layers=3, **fields).model
    state = built(config, [0]).lane_state(0)
    assert count_parameters(config, N_FEATURES) == sum(one.numel() for one in state.values())
    assert count_parameters(config, N_FEATURES) > count_parameters(trial().model, N_FEATURES)


def test_the_members_of_a_model_are_models_of_their_own_averaged(trial: Build) -> None:
    config = trial(members=3).model
    model, single = built(config, [0, 1]), built(trial().model, [0])
    windows = windows_of(2)
    state = model.lane_state(1)
    logits = []
    for member in range(3):
        single.load_lane(0, {name: weight[member] for name, weight in state.items()})
        logits.append(single(windows[1:])[0].detach())
    assert float((logits[0] - logits[1]).abs().max()) > 0.01
    torch.testing.assert_close(model(windows)[1], torch.stack(logits).mean(0))
    last_days = windows[1, :, -1]
    assert model.shortcut_alone(last_days).shape == (2, BATCH)
    other = built(config, [5])
    other.load_lane(0, state)
    assert torch.equal(other(windows[1:])[0], model(windows)[1])


def test_the_first_member_is_the_only_one_of_a_model_without_others(trial: Build) -> None:
    alone = built(trial().model, [7], random_head=False).lane_state(0)
    first, second, _ = (
        {name: weight[member] for name, weight in state.items()}
        for state in [built(trial(members=3).model, [7], random_head=False).lane_state(0)]
        for member in range(3)
    )
    assert all(torch.equal(first[name], weight) for name, weight in alone.items())
    assert not torch.equal(second["embed.weight"], alone["embed.weight"])


def test_other_parts_leave_the_initial_weights_and_the_first_logits_alone(trial: Build) -> None:
    plain, more = (
        built(trial(**fields).model, [3], random_head=False)
        for fields in ({}, {"auxiliary": "range"})
    )
    state = more.lane_state(0)
    assert all(torch.equal(state[name], weight) for name, weight in plain.lane_state(0).items())
    assert torch.equal(more(windows_of(1)), plain(windows_of(1)))


def test_untrained_model_predicts_the_base_rate(trial: Build) -> None:
    model = built(trial(**ALL_PARTS).model, [0, 1], random_head=False)
    p = torch.sigmoid(model(windows_of(2)))
    assert p.shape == (2, BATCH)
    torch.testing.assert_close(p, torch.full_like(p, BASE_RATE), rtol=0, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("shortcut", [False, True])
@pytest.mark.parametrize(("context_days", "patch_days"), [(8, 2), (4, 4), (1, 1)])
def test_a_lane_is_the_model_of_plain_modules(
    trial: Build,
    plain_transformer: type[nn.Module],
    pooling: str,
    shortcut: bool,
    context_days: int,
    patch_days: int,
) -> None:
    shape = {"context_days": context_days, "patch_days": patch_days, "n_layers": 3}
    config = trial(pooling=pooling, shortcut=shortcut, **shape).model
    model = built(config, [0, 1])
    plain = plain_transformer(config, N_FEATURES).eval()
    plain.load_state_dict(model.lane_state(1))
    windows = windows_of(2, context_days)
    logits, expected = model(windows)[1], plain(windows[1])
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    logits.sum().backward()
    expected.sum().backward()
    gradients = {name: one.grad for name, one in model.named_parameters()}
    for name, parameter in plain.named_parameters():
        own = gradients[name][1]
        own = own.mT if name.endswith(".weight") else own.squeeze(0)
        torch.testing.assert_close(own, parameter.grad, rtol=1e-4, atol=1e-4)


def test_lane_state_goes_back_into_any_lane(trial: Build) -> None:
    config = trial().model
    model, other = built(config, [0]), built(config, [1, 2, 3])
    other.load_lane(2, model.lane_state(0))
    windows = windows_of(1)
    torch.testing.assert_close(other(windows.expand(3, -1, -1, -1))[2], model(windows)[0])


def test_load_lane_refuses_other_names(trial: Build) -> None:
    model = built(trial().model, [0])
    state = model.lane_state(0)
    del state["head.bias"]
    with pytest.raises(ValueError, match=r"head\.bias"):
        model.load_lane(0, state)


def test_initial_weights_depend_on_the_own_seed_only(trial: Build) -> None:
    config = trial().model
    among_others, alone = built(config, [5, 7, 9]), built(config, [7])
    other_seed = among_others.lane_state(0)
    for name, value in alone.lane_state(0).items():
        assert torch.equal(value, among_others.lane_state(1)[name])
    assert not torch.equal(other_seed["embed.weight"], alone.lane_state(0)["embed.weight"])


def test_loss_and_gradients_of_lanes_equal_the_single_ones(trial: Build) -> None:
    config, seeds, rates = trial(n_layers=3).model, [4, 5, 6], [0.0, 0.3, 0.1]
    windows, y = windows_of(3), (torch.arange(3 * BATCH).view(3, BATCH) % 3 == 0).float()
    model = built(config, seeds)
    losses = lane_losses(model, windows, y, LaneDropout(rates, seeds, CPU))
    losses.sum().backward()
    for lane, seed in enumerate(seeds):
        single = built(config, [seed])
        one = slice(lane, lane + 1)
        loss = lane_losses(single, windows[one], y[one], LaneDropout(rates[one], [seed], CPU))
        loss.sum().backward()
        assert relative_difference(losses[lane], loss[0]) < 1e-5
        for together, alone in zip(model.parameters(), single.parameters(), strict=True):
            assert relative_difference(together.grad[lane], alone.grad[0]) < 1e-5


def lane_losses(
    model: LaneTransformer, windows: torch.Tensor, y: torch.Tensor, dropout: LaneDropout
) -> torch.Tensor:
    logits = model(windows, dropout)
    return functional.binary_cross_entropy_with_logits(logits, y, reduction="none").mean(1)


@pytest.mark.parametrize("width", [3, 8])
def test_dropout_stream_of_a_lane_does_not_depend_on_the_others(width: int) -> None:
    alone = LaneDropout([0.2], [11], CPU)
    among_others = LaneDropout([0.5, 0.2, 0.0], [10, 11, 12], CPU)
    for _ in range(3):
        for own, shared in zip(
            alone.draw(3, 5, width), among_others.draw(3, 5, width), strict=True
        ):
            assert torch.equal(own[0], shared[1])
            assert torch.equal(shared[2], torch.ones(5, width))


def test_dropout_keeps_the_mean() -> None:
    (mask,) = LaneDropout([0.3], [0], CPU).draw(1, 400, 400)
    assert float((mask == 0).float().mean()) == pytest.approx(0.3, abs=0.005)
    assert float(mask.mean()) == pytest.approx(1.0, abs=0.01)


def test_no_dropout_draws_no_masks() -> None:
    assert LaneDropout([0.0, 0.0], [0, 1], CPU).draw(2, 3, 4) == [None, None]


def test_bfloat16_keeps_float32_logits_close(trial: Build) -> None:
    config = trial().model
    fine = built(config, [0])
    coarse = LaneTransformer(config, N_FEATURES, precision="bfloat16")
    coarse.load_lane(0, fine.lane_state(0))
    windows = windows_of(1)
    logits = coarse(windows)
    assert logits.dtype == torch.float32
    assert 0 < relative_difference(logits, fine(windows)) < 0.02
