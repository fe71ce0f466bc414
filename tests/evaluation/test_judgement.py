"""A model is called better only where it is, and is called better where it is much."""

from dataclasses import fields, replace

import numpy as np
import pytest

from phase6c.evaluation.judgement import judge, strongest
from phase6c.evaluation.outcomes import Draws, Truth
from phase6c.statistics.logits import sigmoid

N_TEST = 700
DRAWS = Draws(horizon_days=1, n=300)


def truth_of(chance: np.ndarray, rng: np.random.Generator) -> Truth:
    n = len(chance)
    return Truth(
        dates=np.datetime64("2016-03-08") + np.arange(n),
        tickers=np.full(n, "made"),
        y=(rng.random(n) < chance).astype(np.int8),
        down=rng.random(n) < chance,
        steps=np.full(n, "test"),
        outcomes=np.full(n, np.nan),
        volatility=np.full(n, np.nan),
    )


def base_rates(truth: Truth, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """As a training and the last year would tell them: close to the rate, and not of these rows."""
    near = -1.5 + 0.1 * rng.normal(size=2)
    names = ("train_base_rate", "trailing_base_rate")
    return {name: np.full(len(truth), one) for name, one in zip(names, near, strict=True)}


def without_skill(seed: int):
    """A base rate that wanders, and a model that knows nothing but thinks it does."""
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(size=N_TEST)) * 0.02
    truth = truth_of(sigmoid(-1.5 + wander), rng)
    model = -1.5 + 0.15 * rng.normal() + rng.choice([0.02, 0.1, 0.3]) * rng.normal(size=N_TEST)
    simple = -1.5 + 0.1 * rng.normal(size=N_TEST)
    return judge(model, base_rates(truth, rng) | {"ridge": simple}, "ridge", truth, DRAWS)


def non_linear(seed: int):
    """Two columns whose product matters, which the linear baseline cannot see."""
    rng = np.random.default_rng(seed)
    linear, one, other = rng.normal(size=(3, N_TEST))
    logits = -1.5 + 0.5 * linear + one * other
    truth = truth_of(sigmoid(logits), rng)
    model = logits + 0.3 * rng.normal(size=N_TEST)
    baselines = base_rates(truth, rng) | {"ridge": -1.3 + 0.4 * linear}
    return judge(model, baselines, "ridge", truth, DRAWS)


@pytest.mark.slow
def test_without_skill_it_is_no_better_than_the_base_rate():
    # Whoever claims skill in 5 % of such blocks passes in 5 % of such tests.
    found = [without_skill(seed) for seed in range(150)]
    assert sum(one.has_skill for one in found) <= 3
    assert all("no better than the base rate" in one.sentence for one in found if not one.has_skill)
    assert not any(one.wins for one in found if not one.has_skill)


@pytest.mark.slow
def test_on_a_non_linear_market_it_beats_the_linear_baseline():
    # Whoever wins in 80 % of such blocks passes in 5 % of such tests.
    found = [non_linear(seed) for seed in range(100)]
    assert sum(one.wins for one in found) >= 87
    assert all(one.sentence.startswith("Yes") for one in found if one.wins)


def test_what_is_worse_or_undecided_is_said_as_such():
    rng = np.random.default_rng(0)
    logits = -1.5 + 2 * rng.normal(size=N_TEST)
    truth = truth_of(sigmoid(logits), rng)
    rates = base_rates(truth, rng)
    worse = judge(
        logits + 1.0 * rng.normal(size=N_TEST), rates | {"gb": logits}, "gb", truth, DRAWS
    )
    assert worse.sentence.startswith("No: the transformer is worse than the best baseline, gb")
    alike = judge(logits + 0.01, rates | {"gb": logits}, "gb", truth, DRAWS)
    assert "is not shown to beat" in alike.sentence
    assert alike.has_skill
    assert not alike.wins


def test_a_recent_base_rate_is_no_skill():
    """The rate has halved since training: whoever knows that much knows nothing of the days."""
    rng = np.random.default_rng(1)
    truth = truth_of(np.full(N_TEST, 0.1), rng)
    rates = {
        "train_base_rate": np.full(N_TEST, -1.0),
        "trailing_base_rate": np.full(N_TEST, -2.2),
    }
    model = np.full(N_TEST, -2.2) + 0.01 * rng.normal(size=N_TEST)
    found = judge(model, rates | {"gb": model}, "gb", truth, DRAWS)
    assert found.over_base_rates[0].is_shown
    assert not found.has_skill


def test_gains_are_paired_and_of_dates(world):
    """Fifty tickers on the same days are hardly more than one."""
    rng = np.random.default_rng(2)
    days = 200
    logits = -1.0 + rng.normal(size=days)
    truth = truth_of(sigmoid(logits), rng)
    columns = [column.name for column in fields(Truth)]
    many = Truth(**{name: np.repeat(getattr(truth, name), 50) for name in columns})
    rates = base_rates(truth, rng)
    baselines = rates | {"gb": rates["train_base_rate"]}
    repeated = {name: np.repeat(found, 50) for name, found in baselines.items()}
    one = judge(logits, baselines, "gb", truth, DRAWS).over_best.log_loss
    fifty = judge(np.repeat(logits, 50), repeated, "gb", many, DRAWS).over_best.log_loss
    assert fifty.value == pytest.approx(one.value)
    assert fifty.high - fifty.low == pytest.approx(one.high - one.low, rel=0.2)


def test_the_baseline_to_beat_is_no_base_rate(world):
    baselines = {
        "train_base_rate": world.logits,
        "trailing_base_rate": world.logits,
        "ridge": world.seeds(1, 0.5)[0],
        "trees": world.seeds(1, 1.0)[0],
    }
    assert strongest(baselines, world.truth) == "ridge"


def test_a_test_block_of_one_class_has_no_auc_to_gain():
    rng = np.random.default_rng(3)
    truth = truth_of(np.full(N_TEST, 0.5), rng)
    truth = replace(truth, y=np.zeros_like(truth.y))
    rates = base_rates(truth, rng)
    found = judge(np.full(N_TEST, -3.0), rates | {"gb": np.full(N_TEST, -2.0)}, "gb", truth, DRAWS)
    assert found.over_best.auc is None
    assert found.over_best.is_shown
    assert not found.has_skill
