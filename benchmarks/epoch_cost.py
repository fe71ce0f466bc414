"""The CPU time of an epoch of a panel: training, validation, metrics, and what is written.

Repeat with: .venv/bin/python benchmarks/epoch_cost.py [FILE_OF_BARS] [N_EPOCHS]; without a file the
bars are made up, 200 tickers of 5,000 days.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from cpu_time import CpuTime
from feature_panel import generated

from phase6c.config import DataConfig, TrainConfig, TrialConfig, Values
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.data.windows import SearchData
from phase6c.nn import trial_run
from phase6c.nn.judged_block import JudgedBlock
from phase6c.nn.trainer import Trainer
from phase6c.nn.trial_run import TrialRun, TrialTask

N_TICKERS, N_EPOCHS = 200, 12
# A shape from the middle of the `tiny` space.
SHAPE: Values = {
    "n_layers": 2,
    "d_model": 40,
    "n_heads": 4,
    "d_ff_ratio": 4,
    "context_days": 16,
    "patch_days": 2,
    "learning_rate": 5e-4,
}
MODEL = ((Trainer, "train_only"), (Trainer, "val_logits"))
# Everything of an epoch that is neither training nor validation, by its place.
OVERHEAD = (
    (JudgedBlock, "judge"),
    (TrialRun, "_write_epochs"),
    (trial_run, "save_weights"),
    (trial_run, "write_checksums"),
    (trial_run, "save_checkpoint"),
)


def search_data(path: str | None) -> SearchData:
    """The windows of a file of bars, or of made-up bars, with 20 features."""
    if path is None:
        bars = generated(N_TICKERS)
    else:
        bars = load_bars(path, bad_rows="drop", accept_events=True)
    return prepare_search_data(bars, DataConfig(tier="a20"))


def main() -> None:
    """Prints the seconds of an epoch by their parts: on the mean, and of the last epoch."""
    path = sys.argv[1] if len(sys.argv) > 1 else None
    n_epochs = int(sys.argv[2]) if len(sys.argv) > 2 else N_EPOCHS
    torch.set_num_threads(1)
    data = search_data(path)
    train = TrainConfig(epochs=n_epochs).fitted_to(len(data.train), len(data.val))
    config = TrialConfig.from_flat({**data.config.model_dump(), **train.model_dump(), **SHAPE})
    print(f"{data!r}; {train!r}")
    timed = CpuTime()
    spent = timed.spent
    for owner, name in (*MODEL, *OVERHEAD):
        timed.add(name, owner, name)
    with tempfile.TemporaryDirectory() as folder:
        run = TrialRun(TrialTask(Path(folder), config.model_dump(mode="json"), {}), data)
        for epoch in range(1, n_epochs + 1):
            before = dict(spent)
            run.measure(epoch)
        kib = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1024
    last = {name: own - before.get(name, 0) for name, own in spent.items()}
    for name, own in spent.items():
        print(f"{name:16s} {own / n_epochs:6.3f} s, in the last epoch {last[name]:6.3f} s")
    for title, total in (("mean", spent), ("last", last)):
        model, overhead = (sum(total[name] for _, name in part) for part in (MODEL, OVERHEAD))
        print(f"{title} epoch: {overhead / model:.1%} beside training and validation")
    print(f"{kib / n_epochs:,.0f} KiB on disk for each epoch")


if __name__ == "__main__":
    main()
