"""What each part of a small model is worth, in a walk forward against gradient boosting.

S&P 500 and NASDAQ together, a20, tomorrow's high, 50,000 parameters, three seeds whose
probabilities are averaged. A training chooses its epochs on the latest part of a fold's past and is
then repeated on all of it, as in an evaluation; boosting chooses trees (and half-life) there. Gains
are in 1e-4 of log loss, and of AUC, with 95% intervals over days. Folds 1 to 3 are for choosing,
4 and 5 for confirming; cal and test are not read. Fitted predictions are kept in a folder, so that
a run that was broken off goes on; variants may be named.

Run: OMP_NUM_THREADS=1 python benchmarks/model_parts.py FOLDER [VARIANT ...]
"""

from __future__ import annotations

import sys
import time
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from phase6c.config import DataConfig, TrialConfig, Values
from phase6c.data.bars import load_bars
from phase6c.data.preparation import prepare
from phase6c.data.splits import evaluation_steps
from phase6c.data.walk import Walk
from phase6c.data.windows import SearchData
from phase6c.evaluation.baselines.fitting import fit_simple, simple_logits
from phase6c.nn.model import count_parameters
from phase6c.nn.trainer import Trainer
from phase6c.nn.trial_run import run_trial
from phase6c.space.budget import Budget
from phase6c.space.shapes import fitting_width
from phase6c.statistics.bootstrap import resampled
from phase6c.statistics.days import Days
from phase6c.statistics.logits import ensemble, log_losses
from phase6c.statistics.scores import Score, auc_score, mean_score

SEEDS, DRAWS = (0, 1, 2), 2000
PERIODS = {"folds 1-3": slice(0, 3), "folds 4-5": slice(3, 5), "all": slice(0, 5)}
# Narrow steps, so that models of many members meet the budget too.
BUDGET = Budget(name="tiny", n_params=50_000, tolerance=0.2, width_step=2)
BASE: Values = {
    "n_layers": 1,
    "n_heads": 2,
    "d_ff_ratio": 2,
    "context_days": 4,
    "patch_days": 1,
    "pooling": "last",
    "shortcut": True,
    "dropout": 0.1,
    "learning_rate": 1e-3,
    "weight_decay": 1e-2,
    "batch_size": 256,
    "objective": "log_loss",
}
ALL: Values = {"logs": True, "bins": 6, "auxiliary": "range", "half_life_days": 1500}
ALONE: Values = {"context_days": 1}
VARIANTS: dict[str, Values] = {
    "base": {},
    **{name: {name: value} for name, value in ALL.items()},
    "context 1": ALONE,
    "context 8": {"context_days": 8},
    "members 4": {"members": 4},
    "all": ALL,
    "all, context 1": ALL | ALONE,
    **{f"all, context 1, members {n}": ALL | ALONE | {"members": n} for n in (4, 16)},
    **{
        f"all, context 1, without {name}": {key: ALL[key] for key in ALL if key != name} | ALONE
        for name in ALL
    },
    "all, context 1, bins 12": ALL | ALONE | {"bins": 12},
    **{
        f"all, context 1, half-life {days}": ALL | ALONE | {"half_life_days": days}
        for days in (750, 3000)
    },
}


def main(folder: Path, names: list[str]) -> None:
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    walk = walk_of(logs=False)
    outs = [walk.outer(fold).val for fold in walk.folds]
    rivals = {
        name: [
            kept(folder / f"{name}_{fold}.npy", partial(boosted, name, fold)) for fold in walk.folds
        ]
        for name in ("gradient_boosting", "fading_boosting")
    }
    for name in names or VARIANTS:
        begun = time.process_time()
        path = folder / name.replace(", ", "_").replace(" ", "-")
        logits = [
            kept(Path(f"{path}_{fold}.npy"), partial(trained, VARIANTS[name], fold))
            for fold in walk.folds
        ]
        print(f"{name} ({time.process_time() - begun:.0f} CPU s)", flush=True)
        for (rival, rivals_logits), (period, part) in product(rivals.items(), PERIODS.items()):
            y = np.concatenate([out.y for out in outs[part]])
            dates = np.concatenate([out.dates for out in outs[part]])
            words = compared(
                np.concatenate(logits[part], axis=1), np.concatenate(rivals_logits[part]), y, dates
            )
            print(f"    {rival:17} {period:9} {words}", flush=True)


def compared(seeds: np.ndarray, rival: np.ndarray, y: np.ndarray, dates: np.ndarray) -> str:
    """The gains of the seeds' ensemble, of a single seed, and of a blend with the rival."""
    own = ensemble(seeds)
    single = np.mean([gain(one, rival, y).mean() for one in seeds])
    blend = (own + rival) / 2
    words = [
        f"log loss {interval(gain(own, rival, y), dates)}",
        f"AUC {auc_interval(own, rival, y, dates)}",
        f"single {1e4 * single:+.0f}",
        f"blend {interval(gain(blend, rival, y), dates)}",
    ]
    return "; ".join(words)


@cache
def walk_of(*, logs: bool) -> Walk:
    config = DataConfig(tier="a20", logs=logs)
    _, history, splits = prepare(load_bars(["sp500", "nasdaq"]), config)
    return Walk.before_test(history, evaluation_steps(history.rows.calendar, splits, config))


def boosted(name: str, fold: str) -> np.ndarray:
    walk = walk_of(logs=False)
    data = walk.outer(fold)
    fits = fit_simple(walk.inner(fold), data, contexts=[1], seed=0)
    return simple_logits(fits, data)[name]


def trained(variant: Values, fold: str) -> np.ndarray:
    """The logits of each seed for the rows of a fold."""
    walk = walk_of(logs=variant.get("logs", False))
    inner, outer = walk.inner(fold), walk.outer(fold)
    values = {**BASE, **variant, "tier": "a20"}
    count = partial(count_parameters, n_features=len(inner.feature_names))
    values["d_model"] = fitting_width(values, BUDGET, count)
    return np.array([trained_anew(values | {"seed": seed}, inner, outer) for seed in SEEDS])


def trained_anew(values: Values, inner: SearchData, outer: SearchData) -> np.ndarray:
    """The logits of a training whose epochs were chosen on the latest part of its past."""
    config = TrialConfig.from_flat(values)
    best = run_trial(config, inner).best
    assert best is not None
    trainer = Trainer([config], outer)
    for _ in range(best.epoch):
        trainer.train_only()
    logits: np.ndarray = trainer.val_logits()[0]
    return logits


def kept(path: Path, make: Any) -> np.ndarray:
    if not path.exists():
        np.save(path, make())
    made: np.ndarray = np.load(path)
    return made


def gain(own: np.ndarray, rival: np.ndarray, y: np.ndarray) -> np.ndarray:
    gains: np.ndarray = log_losses(rival, y) - log_losses(own, y)
    return gains


def interval(values: np.ndarray, dates: np.ndarray) -> str:
    days = Days.of(dates)
    return score_interval(mean_score(values, days), days)


def auc_interval(own: np.ndarray, rival: np.ndarray, y: np.ndarray, dates: np.ndarray) -> str:
    days = Days.of(dates)
    of_own, of_rival = auc_score(own, y, days), auc_score(rival, y, days)
    return score_interval(lambda weights: of_own(weights) - of_rival(weights), days)


def score_interval(score: Score, days: Days) -> str:
    drawn = resampled(score, days, horizon_days=1, draws=DRAWS, seed=0)
    return in_words(float(score(np.ones((days.n, 1)))[0]), drawn)


def in_words(value: float, drawn: np.ndarray) -> str:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{1e4 * value:+.0f} [{1e4 * low:+.0f}, {1e4 * high:+.0f}]"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
