"""A rung tells the same of its trials as a look through all of them, however many they are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phase6c.stopping import rung as rung_module
from phase6c.stopping.forecast import CurveModel
from phase6c.stopping.grace import N_SETTLING, Grace, settle_grace
from phase6c.stopping.pruning_rules import MAX_CURVES, AdaptiveRungs, BestSoFarRungs, Cut
from phase6c.stopping.rung import Rung
from phase6c.stopping.rung_plan import fixed_rungs, ladder, starting_grace

RECORDED = Path(__file__).parents[2] / "benchmarks" / "replay" / "curves.parquet"
FACTOR = 3.0


class PlainRungs:
    """The same rules, with a look through all curves at each question."""

    def __init__(self, n_epochs, milestones, start=None):
        self.n_epochs, self.start = n_epochs, start
        self.curves, self.rungs = {}, {epoch: set() for epoch in milestones}

    def enter(self, number, curve):
        self.curves[number] = curve
        if len(curve) in self.rungs:
            self.rungs[len(curve)].add(number)

    def model(self):
        latest = [self.curves[number] for number in sorted(self.curves)][-MAX_CURVES:]
        return CurveModel(latest, self.n_epochs)

    def forecast(self, number):
        return float(self.model().forecast([self.curves[number]]).expected[0])

    def grace(self):
        come = [self.curves[number] for number in sorted(self.curves)]
        first = [curve for curve in come if len(curve) >= self.start][:N_SETTLING]
        if len(first) < N_SETTLING:
            return Grace(self.start, self.start)
        ends = self.model().forecast(first).expected
        return settle_grace(first, ends, tuple(self.rungs), self.start)

    def judge(self, number):
        epoch = len(self.curves[number])
        others = sorted(self.rungs.get(epoch, set()) - {number})
        if not others:
            return None
        curves = [self.curves[one][:epoch] for one in (*others, number)]
        cut = self.below([curve.max() for curve in curves])
        if cut is None or self.start is None:
            return cut
        grace = self.grace()
        if epoch < grace.epochs:
            return None
        if grace.is_presumed:
            return cut
        return self.below(self.model().forecast(curves).expected)

    def below(self, scores):
        *others, own = scores
        cutoff = float(np.percentile(np.array(others), (1 - 1 / FACTOR) * 100))
        return Cut(float(own), cutoff) if own < cutoff else None


def recorded_curves(seed, n_trials):
    """Curves of trials that were trained, in a drawn order."""
    table = pd.read_parquet(RECORDED, columns=["ticker", "repeat", "epoch", "auc"])
    rows = table[(table["ticker"] == "sp500") & (table["repeat"] == 0)]
    curves = rows.sort_values("epoch", kind="stable")["auc"].to_numpy()
    curves = curves.reshape(rows["epoch"].max(), -1).T
    return np.random.default_rng(seed).permutation(curves)[:n_trials]


def decisions(rungs, curves, seed, n_workers=16):
    """What is decided in a search whose workers are done in a drawn order."""
    rng, epochs, begun, told = np.random.default_rng(seed), {}, 0, []
    while begun < len(curves) or epochs:
        while len(epochs) < n_workers and begun < len(curves):
            epochs[begun] = 0
            begun += 1
        number = int(rng.choice(list(epochs)))
        epochs[number] += 1
        rungs.enter(number, curves[number][: epochs[number]])
        cut = rungs.judge(number)
        told.append((number, epochs[number], cut, cut and rungs.forecast(number)))
        if cut or epochs[number] == len(curves[number]):
            del epochs[number]
    return told


def test_decisions_are_those_of_a_look_through_all_curves_bit_for_bit():
    seed = 0
    curves = recorded_curves(seed, 100)
    n_epochs = curves.shape[1]
    start = starting_grace(n_epochs, FACTOR)
    adaptive = PlainRungs(n_epochs, ladder(n_epochs, FACTOR), start)
    plain = PlainRungs(n_epochs, fixed_rungs(n_epochs, start, FACTOR))
    for expected, rungs in (
        (adaptive, AdaptiveRungs(n_epochs, FACTOR)),
        (plain, BestSoFarRungs(n_epochs, start, FACTOR)),
    ):
        found = decisions(rungs, curves, seed)
        assert found == decisions(expected, curves, seed)
        assert sum(cut is not None for _, _, cut, _ in found) > 20


@given(
    scores=st.lists(st.floats(-10, 1), min_size=2, max_size=40),
    share=st.floats(0, 1),
    position=st.integers(0, 39),
)
def test_the_cutoff_is_numpys_percentile_of_the_others(scores, share, position):
    rung, number = Rung(1), position % len(scores)
    for one, score in enumerate(scores):
        rung.enter(one, np.array([score]))
    others = np.delete(scores, number)
    assert rung.quantile_of_others(number, share) == np.quantile(others, share)


@pytest.mark.parametrize("reverse", [False, True])
def test_of_many_trials_an_even_sample_is_forecast_whatever_their_order(monkeypatch, reverse):
    monkeypatch.setattr(rung_module, "MAX_FORECAST", 100)
    rung = Rung(2)
    for number in sorted(range(3000), reverse=reverse):
        rung.enter(number, np.full(2, number))
        rung.enter(number, np.full(2, -1.0))  # known already
    sampled = rung.curves_of_others(3000)[:, 0]
    assert len(sampled) == 100
    # An even spread takes a number in thirty.
    gaps = np.diff(sampled)
    assert gaps.min() > 0
    assert gaps.max() < 60
    assert len(rung) == 3000
