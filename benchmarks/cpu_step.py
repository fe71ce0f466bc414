"""CPU time of a training step over shapes of a budget, against the generic attention kernel.

The other side is the same model of plain torch modules, which computes all tokens of its last block
and leaves attention to torch's kernel. A budget (tiny, 2m), a number of shapes and a seed may be
named.

Run: OMP_NUM_THREADS=1 python benchmarks/cpu_step.py 2m 12
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import islice

import numpy as np
import torch
from plain_transformer import PlainTransformer
from torch.nn import functional

from phase6c.config import ModelConfig, OptimConfig, Precision
from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer, count_parameters
from phase6c.nn.optim import LaneAdamW
from phase6c.nn.training_step import training_step
from phase6c.space.shapes import model_of

N_FEATURES, BATCH, REPEATS = 100, 64, 15
OPTIM = OptimConfig(learning_rate=1e-4, weight_decay=0.01)

Step = Callable[[], object]


def main(budget: str = "2m", n_shapes: str = "12", seed: str = "0") -> None:
    torch.set_num_threads(1)
    name = budget if budget == "tiny" else f"budget_{budget}"
    space = importlib.import_module(f"search_spaces.{name}").SPACE
    count = partial(count_parameters, n_features=N_FEATURES)
    ratios: dict[tuple[Precision, str], list[float]] = defaultdict(list)
    for values in islice(space.stream(np.random.default_rng(int(seed)), count), int(n_shapes)):
        shape = model_of(values)
        text = f"{shape.d_model} x {shape.n_layers}, {shape.n_tokens} tokens, {shape.n_heads} heads"
        for precision in ("float32", "bfloat16"):
            ours, plain = medians(ours_of(shape, precision), plain_of(shape, precision))
            ratios[precision, shape.pooling].append(plain / ours)
            print(f"{text}, {shape.pooling}, {precision}: {plain:.1f} -> {ours:.1f} CPU ms")
    for kind, own in ratios.items():
        mean = statistics.geometric_mean(own)
        print(*kind, f"plain over ours: {mean:.2f} ({min(own):.2f} to {max(own):.2f}, {len(own)})")


def ours_of(shape: ModelConfig, precision: Precision) -> Step:
    model = LaneTransformer(shape, N_FEATURES, precision=precision)
    model.initialise([0], 0.2)
    optimiser = LaneAdamW(model, [OPTIM])
    dropout = LaneDropout([shape.dropout], [0], torch.device("cpu"))
    windows, y = batch_of(shape)
    return lambda: training_step(model, optimiser, windows, y, dropout)


def plain_of(shape: ModelConfig, precision: Precision) -> Step:
    model = PlainTransformer(shape, N_FEATURES)
    adamw = torch.optim.AdamW(model.parameters(), lr=OPTIM.learning_rate, fused=True)
    windows, y = batch_of(shape)

    def step() -> None:
        adamw.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = model(windows[0])
        loss = functional.binary_cross_entropy_with_logits(logits.float(), y[0])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIM.clip_norm)
        adamw.step()

    return step


def batch_of(shape: ModelConfig) -> tuple[torch.Tensor, torch.Tensor]:
    windows = torch.randn(1, BATCH, shape.context_days, N_FEATURES)
    return windows, (torch.rand(1, BATCH) < 0.2).float()


def medians(*steps: Step) -> list[float]:
    """Median CPU milliseconds of each step, taken in turn; the first two do not count."""
    times: list[list[float]] = [[] for _ in steps]
    for repeat in range(REPEATS + 2):
        # The order changes, since the first finds other things in the processor's caches.
        for step, own in [*zip(steps, times, strict=True)][:: 1 if repeat % 2 else -1]:
            begun = time.process_time()
            step()
            if repeat >= 2:
                own.append(1000 * (time.process_time() - begun))
    return [statistics.median(own) for own in times]


if __name__ == "__main__":
    main(*sys.argv[1:])
