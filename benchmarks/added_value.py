"""How often a card says that a transformer adds something, where it does and where it does not.

    .venv/bin/python benchmarks/added_value.py [nothing|ignorant|non_linear] [sets]

Each set has five folds and a cal block of 350 days, and a test block of 700, with the logits of
three simple models and of a transformer. The logits are made up, no model is trained: each knows
a part of the chance, and errs anew in each step. From there on all is the product's: partners,
blends, calibrators, rivals, intervals (500 draws) and answer.

`nothing`: the chance wanders, and nobody knows anything of a day. `ignorant`: the simple models
know what there is to know of a day, the transformer nothing. `non_linear`: the chance hangs on a
column and on a product of two others, of which the simple models know the column, and two of them
a third of the product; the transformer knows all of it.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Literal, get_args

import numpy as np

from phase6c.evaluation.baselines.base_rates import BASE_RATES
from phase6c.evaluation.blends import find_rivals, partner_of, simple_blends
from phase6c.evaluation.choice import choose
from phase6c.evaluation.entries import Entry
from phase6c.evaluation.judgement import gain, judge
from phase6c.evaluation.outcomes import CandidatePredictions, Draws, Truth
from phase6c.evaluation.questions import Answer, ask_added
from phase6c.statistics.logits import halved, sigmoid

Kind = Literal["nothing", "ignorant", "non_linear"]

STEPS = (*(f"fold_{number}" for number in range(1, 6)), "cal", "test", "test")
N_DAYS = 350
BASE = -1.5
SIMPLE = ("ridge_logistic", "gradient_boosting", "linear_window")
TRANSFORMER = "transformer"
DRAWS = Draws(horizon_days=1, n=500)
N_SETS = 500


def made_set(kind: Kind, rng: np.random.Generator) -> tuple[Truth, dict[str, np.ndarray]]:
    """The rows, and the logits by name."""
    n = N_DAYS * len(STEPS)
    linear, one, other = rng.normal(size=(3, n))
    product = one * other
    known: dict[str, np.ndarray] = dict.fromkeys((*SIMPLE, TRANSFORMER), np.zeros(n))
    chance = BASE + np.cumsum(rng.normal(size=n)) * 0.01
    if kind == "ignorant":
        chance = BASE + 0.7 * linear
        known |= dict.fromkeys(SIMPLE, 0.7 * linear)
    elif kind == "non_linear":
        chance = BASE + 0.5 * linear + product
        some = 0.5 * linear + product / 3
        known = dict(zip(SIMPLE, (0.5 * linear, some, some), strict=True))
        known[TRANSFORMER] = 0.5 * linear + product
    logits = {name: BASE + own + _errors(rng) for name, own in known.items()}
    logits |= dict.fromkeys(BASE_RATES[:2], np.full(n, BASE))
    truth = Truth(
        dates=np.datetime64("2005-01-03") + np.arange(n),
        tickers=np.full(n, "made"),
        y=(rng.random(n) < sigmoid(chance)).astype(np.int8),
        down=np.zeros(n, dtype=bool),
        steps=np.repeat(STEPS, N_DAYS),
        outcomes=np.full(n, np.nan),
        volatility=np.full(n, np.nan),
    )
    return truth, logits


def _errors(rng: np.random.Generator) -> np.ndarray:
    """What a model's logits are off by: a level of each step's own, and noise of every day."""
    levels = np.repeat(0.1 * rng.normal(size=len(STEPS)), N_DAYS)
    errors: np.ndarray = levels + rng.choice([0.02, 0.1, 0.3]) * rng.normal(size=len(levels))
    return errors


def answer(truth: Truth, logits: dict[str, np.ndarray]) -> Answer:
    """The card's answer to whether the transformer adds anything."""
    tested = truth.of(["test"])
    past, test = truth.take(~tested), truth.take(tested)
    simple = {name: own for name, own in logits.items() if name != TRANSFORMER}
    before = {name: own[~tested] for name, own in simple.items()}
    after = {name: own[tested] for name, own in simple.items()}
    after |= simple_blends(after)
    rivals = find_rivals(before, past, "auto", {})
    calibrated = {
        name: entry.with_test(after[name]).calibrated_test for name, entry in rivals.entries.items()
    }
    partner = partner_of(before, past)
    ours = logits[TRANSFORMER]
    candidate = CandidatePredictions(TRANSFORMER, ours[None, ~tested], partner=partner.logits)
    kind = choose([candidate], past).kind_of(blended=True)
    blend = Entry(
        name="blend",
        past=halved(ours[~tested], partner.logits),
        truth=past,
        kind=kind,
        test=halved(ours[tested], after[partner.name]),
    ).calibrated_test
    judged = judge(blend, calibrated, rivals.best, test, DRAWS)
    over = gain(blend, calibrated[rivals.best_blend], rivals.best_blend, test, DRAWS)
    return ask_added(over, judged.over_base_rates, partner.name).answer


def main() -> None:
    kinds = [kind for kind in get_args(Kind) if kind in sys.argv] or get_args(Kind)
    n_sets = next((int(given) for given in sys.argv[1:] if given.isdigit()), N_SETS)
    for kind in kinds:
        found = Counter(
            answer(*made_set(kind, np.random.default_rng(one))) for one in range(n_sets)
        )
        told = ", ".join(f"{name} {found[name]}" for name in get_args(Answer))
        print(f"{kind}: of {n_sets} sets {told}", flush=True)


if __name__ == "__main__":
    main()
