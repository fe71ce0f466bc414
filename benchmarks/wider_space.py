"""Whether a search finds better models where its space has short contexts, bins and the rest.

S&P 500 and NASDAQ together, a20, tomorrow's high, 50,000 parameters; the narrow space is that of
earlier versions. A real search of each space and seed chooses on the validation block. Its best
configuration is trained anew under three seeds for the five folds before the cal block, some of
which hold rows that the search chose by, and for cal, which no search has seen; epochs are chosen
in each fold's past. Gains are in 1e-4 of log loss, over gradient boosting and of the wide space
over the narrow one, alone and half-and-half with boosting, with 95% intervals over days.
Studies and predictions are kept in a folder, so that a run that was broken off goes on.

Run: OMP_NUM_THREADS=1 python benchmarks/wider_space.py FOLDER [N_SEARCHES]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from model_parts import SEEDS, boosted, gain, interval, kept, trained_anew, walk_of

import phase6c
from phase6c.config import Values
from phase6c.data.splits import CAL
from phase6c.space.axes import Grid
from phase6c.statistics.logits import ensemble
from search_spaces import tiny

N_TRIALS = 40
PINNED = tiny.SPACE.pin("bins", 0).pin("auxiliary", "none").pin("half_life_days", "none")
SPACES = {
    "narrow": replace(PINNED, axes={**PINNED.axes, "context_days": Grid.of(8, 16, 32)}),
    "wide": tiny.SPACE,
}


def main(folder: Path, n_searches: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    walk = walk_of(logs=False)
    steps = {name: walk.outer(name).val for name in walk.past}
    rivals = {
        name: kept(folder / f"boosting_{name}.npy", partial(boosted, "gradient_boosting", name))
        for name in steps
    }
    found = {
        space: [best_of(folder, space, seed, walk.past) for seed in range(n_searches)]
        for space in SPACES
    }
    periods = {"folds 1-5": walk.folds, "cal": (CAL,), "both": (*walk.folds, CAL)}
    for (period, names), kind in product(periods.items(), ("alone", "half-and-half")):
        dates = np.concatenate([steps[name].dates for name in names])
        y = np.concatenate([steps[name].y for name in names])
        rival = np.concatenate([rivals[name] for name in names])
        share = 1 if kind == "alone" else 0.5
        gains: dict[str, np.ndarray] = {}
        for space, bests in found.items():
            logits = [np.concatenate([one[name] for name in names]) for one in bests]
            own = [gain(share * one + (1 - share) * rival, rival, y) for one in logits]
            gains[space] = np.mean(own, axis=0)
            single = ", ".join(f"{1e4 * one.mean():+.0f}" for one in own)
            print(f"{period}, {kind}: {space} {interval(gains[space], dates)}; each {single}")
        more = interval(gains["wide"] - gains["narrow"], dates)
        print(f"{period}, {kind}: wide over narrow {more}", flush=True)


def best_of(folder: Path, space: str, seed: int, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The logits of a search's best, an ensemble of seeds, for the rows of each step."""
    study = phase6c.run_study(
        SPACES[space],
        phase6c.load_bars(["sp500", "nasdaq"]),
        data={"tier": "a20"},
        n_trials=N_TRIALS,
        objective="log_loss",
        seed=seed,
        out=folder,
        name=f"{space}_{seed}",
        resume=True,
    )
    assert study.best is not None
    values = study.config_of(study.best).flat()
    path = folder / study.folder.name
    return {
        name: ensemble(kept(Path(f"{path}_{name}.npy"), partial(trained, values, name)))
        for name in names
    }


def trained(values: Values, step: str) -> np.ndarray:
    """The logits of each seed for the rows of a step."""
    walk = walk_of(logs=False)
    inner, outer = walk.inner(step), walk.outer(step)
    return np.array([trained_anew({**values, "seed": seed}, inner, outer) for seed in SEEDS])


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
