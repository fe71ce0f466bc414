"""The share of a trial's time that goes to its checkpoints and weights, each epoch and by cost.

Steps are real, or stubbed: then an epoch waits as long as a fast GPU would train, and all that is
written is real. Repeat with: .venv/bin/python benchmarks/checkpoint_share.py [20m|200m] [EPOCH_S]
[N_EPOCHS]; an EPOCH_S of 0 trains for real, on 128 windows an epoch. 200m takes 10 GB of memory.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import phase6c
from phase6c.config import DataConfig, TrainConfig, TrialConfig, Values
from phase6c.data.preparation import prepare_search_data
from phase6c.data.windows import SearchData
from phase6c.nn import checkpoint_schedule
from phase6c.nn.model import count_parameters
from phase6c.nn.trainer import Trainer
from phase6c.nn.trial_run import TrialRun, TrialTask
from phase6c.stopping.rung_plan import ladder

SHAPES: dict[str, Values] = {
    "20m": {"n_layers": 8, "d_model": 448, "n_heads": 8},
    "200m": {"n_layers": 16, "d_model": 1024, "n_heads": 8},
}
COMMON: Values = {"d_ff_ratio": 4, "context_days": 16, "patch_days": 4, "learning_rate": 1e-4}
# Checkpoints each epoch, as they used to be, are measured on so few: they cost the same each time.
N_EACH_EPOCH = 3
# No trial of the search so far is better than any; or all that keep weights are better than this.
KEPT_SCORES = {"may be kept": -math.inf, "cannot be kept": math.inf}


@contextmanager
def stubbed(epoch_s: float) -> Iterator[None]:
    """While open, an epoch takes so many seconds and trains nothing; 0 trains for real."""
    if not epoch_s:
        yield
        return

    def train(trainer: Trainer) -> torch.Tensor:
        time.sleep(epoch_s)
        return torch.zeros(len(trainer.lanes))

    # The logits of a large model are not waited for either.
    def predict(trainer: Trainer, rows: torch.Tensor) -> torch.Tensor:
        return torch.randn(len(trainer.lanes), len(rows))

    with patch.object(Trainer, "_train", train), patch.object(Trainer, "_predict", predict):
        yield


def run(task: TrialTask, data: SearchData, n_epochs: int) -> str:
    """Trains a trial; what was written and what it took."""
    spent = {"keep_state": 0.0, "_store_best": 0.0}
    counts = dict.fromkeys(spent, 0)

    def timed(name: str) -> AbstractContextManager[Any]:
        function = getattr(TrialRun, name)

        def wrapper(run: TrialRun) -> None:
            begun, before = time.perf_counter(), sum(spent.values())
            function(run)
            # The weights within a checkpoint are counted once.
            own = time.perf_counter() - begun - (sum(spent.values()) - before)
            spent[name] += own
            counts[name] += own > 1e-3

        return patch.object(TrialRun, name, wrapper)

    with timed("keep_state"), timed("_store_best"):
        trial = TrialRun(task, data)
        begun = time.perf_counter()
        for epoch in range(1, n_epochs + 1):
            trial.measure(epoch)
        total = time.perf_counter() - begun
        trial.close()
    written = sum(spent.values())
    return (
        f"{n_epochs} epochs in {total:.1f} s, {counts['keep_state']} checkpoints and "
        f"{counts['_store_best']} files of weights in {written:.1f} s: {written / total:.1%}"
    )


def main() -> None:
    """Prints the share with a checkpoint each epoch, then by cost."""
    name = sys.argv[1] if len(sys.argv) > 1 else "20m"
    epoch_s = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    n_epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 27
    torch.set_num_threads(1)
    data = prepare_search_data(phase6c.load_bars("sp500"), DataConfig(tier="a20"))
    train = TrainConfig(epochs=n_epochs, patience_epochs=n_epochs, windows_per_epoch=128)
    flat = {**data.config.model_dump(), **train.model_dump(), **COMMON, **SHAPES[name]}
    config = TrialConfig.from_flat(flat)
    n_params = count_parameters(config.model, len(data.feature_names))
    print(f"{n_params:,} parameters, {f'{epoch_s} s an epoch' if epoch_s else 'real steps'}")
    rungs, content = ladder(n_epochs, 3), config.model_dump(mode="json")
    with stubbed(epoch_s), tempfile.TemporaryDirectory() as folder:
        with patch.object(checkpoint_schedule, "MAX_SHARE", math.inf):
            before = TrialTask(Path(folder) / "before", content, {})
            print("each epoch:", run(before, data, min(n_epochs, N_EACH_EPOCH)), flush=True)
        for title, kept_score in KEPT_SCORES.items():
            task = TrialTask(Path(folder) / title, content, {}, None, rungs, kept_score)
            print(f"by cost, {title}:", run(task, data, n_epochs), flush=True)


if __name__ == "__main__":
    main()
