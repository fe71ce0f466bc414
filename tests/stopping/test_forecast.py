"""What trials will reach is told from their first epochs, with an honest error, at any scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phase6c.stopping.forecast import CurveModel

N_EPOCHS = 27
EPOCHS = np.arange(1, N_EPOCHS + 1)


def family(seed, noise, n_trials=80):
    """Curves that saturate, each at its own pace, float[trial, epoch]."""
    rng = np.random.default_rng(seed)
    start = 0.52 + 0.005 * rng.standard_normal(n_trials)
    final = 0.60 + 0.02 * rng.standard_normal(n_trials)
    pace = np.exp(rng.uniform(*np.log([1, 12]), n_trials))
    curves = start + (final - start) * (1 - np.exp(-EPOCHS[:, None] / pace))
    return curves.T + noise * rng.standard_normal((n_trials, N_EPOCHS))


def forecast_at(curves, age, n_known=40):
    """Forecasts at `age` of all but the first curves, which are known to their end."""
    begun = [curve[:age] for curve in curves[n_known:]]
    return CurveModel([*curves[:n_known], *begun], N_EPOCHS).forecast(begun)


def reached(curves, n_known=40):
    return curves[n_known:].max(axis=1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0.002, 0.006])
def test_a_third_of_the_epochs_tells_the_final_level(seed, noise):
    curves = family(seed, noise)
    found, final = forecast_at(curves, 9), reached(curves)
    error = np.sqrt(np.mean((found.mean - final) ** 2))
    assert error < 0.003 + 1.7 * noise
    assert error < 0.8 * final.std()
    assert error < 0.7 * np.sqrt(np.mean((found.best - final) ** 2))


@pytest.mark.parametrize("seed", range(3))
def test_a_forecast_of_few_epochs_is_no_worse_than_the_mean_of_all(seed):
    curves = family(seed, 0.006)
    final = reached(curves)
    assert np.sqrt(np.mean((forecast_at(curves, 1).mean - final) ** 2)) < 1.1 * final.std()


@pytest.mark.parametrize("age", [1, 3, 9])
@pytest.mark.parametrize("noise", [0.002, 0.006])
def test_deviations_are_about_as_large_as_the_errors(age, noise):
    z = []
    for seed in range(3):
        curves = family(seed, noise)
        found = forecast_at(curves, age)
        z.append((reached(curves) - found.mean) / found.deviation)
    assert 0.5 < np.std(np.concatenate(z)) < 2


def test_forecasts_become_surer_with_age_and_so_does_their_reliability():
    found = [forecast_at(family(0, 0.004), age) for age in (1, 3, 9, 27)]
    deviations = [one.deviation.mean() for one in found]
    reliabilities = [one.reliability for one in found]
    assert deviations == sorted(deviations, reverse=True)
    assert reliabilities == sorted(reliabilities)
    assert 0 < reliabilities[0] < 0.7
    assert 0.9 < reliabilities[-1] < 1


def test_reliability_is_about_the_correlation_of_forecasts_with_what_is_reached():
    for age in (3, 9):
        pairs = [
            (forecast_at(curves, age), reached(curves))
            for curves in map(family, range(5), [0.004] * 5)
        ]
        correlations = [np.corrcoef(found.expected, final)[0, 1] for found, final in pairs]
        told = np.mean([found.reliability for found, _ in pairs])
        assert told == pytest.approx(np.mean(correlations), abs=0.15)


def test_a_trial_is_expected_to_keep_what_it_has():
    found = forecast_at(family(0, 0.006), 9)
    assert (found.expected >= found.best).all()
    assert found.best == pytest.approx(family(0, 0.006)[40:, :9].max(axis=1))


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(-10, 10), scale=st.floats(0.01, 100), age=st.integers(1, N_EPOCHS))
def test_a_forecast_follows_the_unit_of_the_scores(shift, scale, age):
    curves = family(1, 0.004, n_trials=12)
    before = forecast_at(curves, age, n_known=6)
    after = forecast_at(shift + scale * curves, age, n_known=6)
    assert (after.mean - shift) / scale == pytest.approx(before.mean, abs=1e-4)
    assert after.deviation / scale == pytest.approx(before.deviation, abs=1e-4)
    assert after.reliability == pytest.approx(before.reliability, abs=1e-3)


@pytest.mark.parametrize("n_epochs", [1, 2, N_EPOCHS])
@pytest.mark.parametrize(
    "curves",
    [
        [[0.5]],
        [[0.5], [0.6]],
        [[0.5]] * 5,
        [np.full(N_EPOCHS, 0.5)] * 5,
        [np.full(N_EPOCHS, 0.0)],
        [np.full(N_EPOCHS, 0.5), [0.5, 0.5], [0.5]],
        [np.linspace(0, 1, N_EPOCHS)] * 4,
        [np.linspace(1, 0, N_EPOCHS), np.linspace(0, 1, N_EPOCHS)],
        [[0.5], np.linspace(0.5, 1e6, N_EPOCHS)],
    ],
)
def test_what_tells_nothing_makes_finite_forecasts_all_the_same(curves, n_epochs):
    short = [np.asarray(curve, dtype=float)[:n_epochs] for curve in curves]
    found = CurveModel(short, n_epochs).forecast(short)
    assert np.isfinite([found.best, found.mean, found.deviation, found.expected]).all()
    assert 0 <= found.reliability <= 1


def test_equal_curves_are_forecast_to_stay_where_they_are():
    found = CurveModel([np.full(9, 0.7)] * 3, N_EPOCHS).forecast([np.full(3, 0.7)])
    assert found.mean == pytest.approx(0.7, abs=1e-6)


def test_a_steeper_curve_of_the_same_best_is_forecast_higher():
    curves = family(0, 0.001)
    rising, flat = np.array([0.53, 0.54, 0.55, 0.56]), np.array([0.56, 0.56, 0.56, 0.56])
    found = CurveModel(list(curves), N_EPOCHS).forecast([rising, flat])
    assert found.mean[0] > found.mean[1] + 0.01
