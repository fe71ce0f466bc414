"""Records learning curves of a whole grid of tiny transformers, for searches to be replayed over.

Repeat with: .venv/bin/python benchmarks/replay/record.py
It takes about three hours of a single core; a second run goes on from the recorded chunks.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

# numpy and torch read this when they are imported, and so do the processes started below.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from phase6c.config import DataConfig, TrainConfig, TrialConfig
from phase6c.space.axes import Axis, Choice, Grid
from phase6c.space.space import Space
from search_spaces import tiny

HERE = Path(__file__).parent
TABLE = HERE / "curves.parquet"
CHUNKS = HERE / "chunks"

EPOCHS = 27
TICKERS = ("sp500", "nasdaq")
SHAPE_AXES: dict[str, Axis] = {
    "n_layers": Grid.of(1, 3),
    "patch_days": Grid.of(2, 8),
    "pooling": Choice.of("mean", "last"),
    "shortcut": Choice.of(True, False),
}
TRAINING_AXES: dict[str, Axis] = {
    "learning_rate": Grid.of(1e-5, 5e-5, 2e-4, 5e-4, 1e-3, 2e-3),
    "dropout": Grid.of(0.0, 0.2, 0.5),
    "weight_decay": Grid.of(0.0, 1e-1),
}
SPACE = Space(
    name="replay",
    axes=SHAPE_AXES | TRAINING_AXES,
    budget=tiny.BUDGET,
    fixed={"n_heads": 4, "d_ff_ratio": 2, "context_days": 16},
)
# Number of shapes that are trained a second time with other seeds, to tell luck from merit.
N_REPEATED_SHAPES = 4

Chunk = tuple[str, int, int]


def points(axes: dict[str, Axis]) -> list[dict[str, Any]]:
    """Every point of a grid."""
    values = itertools.product(*(axis.points or () for axis in axes.values()))
    return [dict(zip(axes, point, strict=True)) for point in values]


def chunks() -> Iterator[Chunk]:
    """(ticker, repeat, shape) of each chunk, which is trained side by side and kept in a file."""
    shapes = range(len(points(SHAPE_AXES)))
    for repeat, numbers in ((0, shapes), (1, shapes[:: len(shapes) // N_REPEATED_SHAPES])):
        for number, ticker in itertools.product(numbers, TICKERS):
            yield ticker, repeat, number


def record(chunk: Chunk) -> str:
    """Trains all settings of a shape as lanes of a single model and writes their curves."""
    import torch

    from phase6c.data.bars import load_bars
    from phase6c.data.preparation import prepare_search_data
    from phase6c.nn.model import count_parameters
    from phase6c.nn.trainer import Trainer

    torch.set_num_threads(1)
    ticker, repeat, shape_number = chunk
    data = prepare_search_data(load_bars(ticker), DataConfig())
    count = partial(count_parameters, n_features=len(data.feature_names))
    shape = points(SHAPE_AXES)[shape_number]
    train = TrainConfig(epochs=EPOCHS, patience_epochs=EPOCHS).model_dump()
    values, trials = [], []
    for number, setting in enumerate(points(TRAINING_AXES)):
        complete = SPACE.complete({**shape, **setting}, count)
        assert complete is not None, shape
        sequence = np.random.SeedSequence([repeat, shape_number, number])
        seed = int(sequence.generate_state(1)[0])
        fields = {**data.config.model_dump(), **train, **complete, "seed": seed}
        trials.append(TrialConfig.from_flat(fields))
        values.append({name: complete[name] for name in SPACE.axes})
    trainer = Trainer(trials, data)
    rows = []
    for epoch in range(1, EPOCHS + 1):
        for known, trial, result in zip(values, trials, trainer.train_epoch(), strict=True):
            metrics = result.measurement.metrics
            rows.append(
                {
                    "ticker": ticker,
                    "repeat": repeat,
                    **known,
                    "n_params": count(trial.model),
                    "epoch": epoch,
                    "auc": metrics.auc,
                    "log_loss": metrics.log_loss,
                    "refinement": metrics.refinement,
                    "duration_s": result.measurement.duration_s / len(trials),
                }
            )
    pd.DataFrame(rows).to_parquet(path_of(chunk), index=False)
    return path_of(chunk).stem


def path_of(chunk: Chunk) -> Path:
    ticker, repeat, shape_number = chunk
    return CHUNKS / f"{ticker}_{repeat}_{shape_number:02d}.parquet"


def main(workers: int) -> None:
    CHUNKS.mkdir(exist_ok=True)
    missing = [chunk for chunk in chunks() if not path_of(chunk).exists()]
    with ProcessPoolExecutor(workers) as pool:
        for done, name in enumerate(pool.map(record, missing), start=1):
            print(f"{name}: {done} of {len(missing)}", flush=True)
    tables = [pd.read_parquet(path_of(chunk)) for chunk in chunks()]
    pd.concat(tables, ignore_index=True).to_parquet(TABLE, index=False, compression="zstd")
    print(f"{TABLE}: {sum(map(len, tables)):,} epochs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
