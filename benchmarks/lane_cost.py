"""Cost of the lane axis: a single lane against the same model of plain torch modules.

Run: OMP_NUM_THREADS=1 python benchmarks/lane_cost.py
"""

from __future__ import annotations

import itertools
import platform
import statistics
import time
from collections.abc import Callable

import torch
from plain_transformer import PlainTransformer
from torch.nn import functional

from phase6c.config import ModelConfig, OptimConfig
from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer
from phase6c.nn.optim import LaneAdamW
from phase6c.nn.training_step import training_step

N_FEATURES = 20
BATCH = 64
SHAPES = ((96, 2), (192, 4))
OPTIM = OptimConfig(learning_rate=1e-4, weight_decay=0.01)
REPEATS = 60

Work = Callable[[], object]


def main() -> None:
    torch.set_num_threads(1)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread")
    print(f"median of {REPEATS} interleaved steps, batch {BATCH}, 8 tokens, dropout 0.1")
    print(f"{'plain with':36}{'lanes, ms':>12}{'plain, ms':>12}{'ratio':>8}")
    for width, n_layers in SHAPES:
        config = ModelConfig(
            n_layers=n_layers,
            d_model=width,
            n_heads=8,
            d_ff_ratio=4,
            context_days=16,
            patch_days=2,
        )
        for part, fused in itertools.product((steps, updates), (False, True)):
            ours, plain = interleaved(*part(config, fused))
            adamw = "fused AdamW" if fused else "AdamW"
            name = f"d_model {width}, {part.__name__}, {adamw}"
            print(f"{name:36}{ours:12.2f}{plain:12.2f}{ours / plain:8.3f}")


def steps(config: ModelConfig, fused: bool) -> tuple[Work, Work]:
    """A whole training step: forward, backward, clipping and update."""
    model, optimiser = lanes_of(config)
    plain, reference = plain_of(config, fused)
    dropout = LaneDropout([config.dropout], [0], torch.device("cpu"))
    windows = torch.randn(1, BATCH, config.context_days, N_FEATURES)
    y = (torch.rand(1, BATCH) < 0.2).float()

    def plain_step() -> None:
        reference.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(plain(windows[0]), y[0])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(plain.parameters(), OPTIM.clip_norm)
        reference.step()

    return lambda: training_step(model, optimiser, windows, y, dropout), plain_step


def updates(config: ModelConfig, fused: bool) -> tuple[Work, Work]:
    """Clipping and update alone."""
    model, optimiser = lanes_of(config)
    plain, reference = plain_of(config, fused)
    for parameter in (*model.parameters(), *plain.parameters()):
        parameter.grad = torch.randn_like(parameter)

    def plain_update() -> None:
        torch.nn.utils.clip_grad_norm_(plain.parameters(), OPTIM.clip_norm)
        reference.step()

    losses = torch.zeros(1)
    return lambda: optimiser.step(losses), plain_update


def lanes_of(config: ModelConfig) -> tuple[LaneTransformer, LaneAdamW]:
    model = LaneTransformer(config, N_FEATURES)
    model.initialise([0], 0.2)
    return model, LaneAdamW(model, [OPTIM])


def plain_of(config: ModelConfig, fused: bool) -> tuple[PlainTransformer, torch.optim.AdamW]:
    model = PlainTransformer(config, N_FEATURES)
    return model, torch.optim.AdamW(
        model.parameters(),
        lr=OPTIM.learning_rate,
        weight_decay=OPTIM.weight_decay,
        fused=fused,
    )


def interleaved(first: Work, second: Work) -> tuple[float, float]:
    """Median milliseconds of each, measured in turn so that a busy machine hits both alike."""
    # The first five repeats warm caches up and do not count.
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(REPEATS + 5):
        for work, own in zip((first, second), times, strict=True):
            begun = time.perf_counter()
            work()
            if repeat >= 5:
                own.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    main()
