"""From logits to probabilities and back, and affine maps fitted on the logit."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Real

# Against the log-likelihood of all rows: too weak to move a slope that the data determine,
# strong enough to keep that of separable data finite.
SLOPE_PENALTY = 1e-3
MAX_NEWTON_STEPS = 50
# 1 - p is no smaller than this in float64: what is written as 0 or 1 is taken for it.
EPSILON = float(np.finfo(np.float64).eps)
# As in scikit-learn: labels that all agree with the sign of the logit would have 0.
TEMPERATURES = (np.exp(-10.0), np.exp(10.0))


def sigmoid(logits: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Probabilities of logits; no other place of the code base applies the sigmoid.

    The earlier search applied it twice, which pressed all its probabilities into (0.5, 0.73).
    """
    # Who only reads a study has no use for it, and it takes as long to load as all else.
    from scipy.special import expit

    probabilities: np.ndarray = expit(logits)
    return probabilities


def logit(probabilities: Real[np.ndarray, "*shape"]) -> Float64[np.ndarray, "*shape"]:
    """The inverse of the sigmoid, finite: 0 and 1 count as what lies 2.2e-16 beside them."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), EPSILON, 1 - EPSILON)
    logits: np.ndarray = np.log(p) - np.log1p(-p)
    return logits


def log_losses(
    logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]
) -> Float[np.ndarray, " row"]:
    """Log loss of each row in nats, from the logit without rounding: softplus(z) - y z."""
    # By way of probabilities, a confident mistake would cost at most -log(1e-16) or infinity.
    losses: np.ndarray = np.logaddexp(0.0, logits) - y * logits
    return losses


def fit_logistic(
    logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]
) -> tuple[float, float]:
    """Maximum likelihood of y under sigmoid(a + b x logit): Cox's calibration regression (1958).

    Args:
        logits: Finite.
        y: Rises, 0 or 1, with both classes.

    Returns:
        (a, b); b is 0 where the logits do not vary.
    """
    logits = np.asarray(logits, dtype=np.float64)
    centre, spread = logits.mean(), logits.std()
    a, b = base_rate_logit(y), 0.0
    if spread <= 1e-12 * max(1.0, abs(centre)):
        return a, b
    # Standardised logits make the two parameters nearly independent, so that Newton's steps are as
    # good for logits of a width of 0.001 as for saturated ones.
    x = (logits - centre) / spread
    losses = log_losses(a + b * x, y).sum()
    for _ in range(MAX_NEWTON_STEPS):
        step_a, step_b = _newton_step(x, y, a, b)
        scale = 1.0
        # A full step may overshoot where the probabilities saturate: halve it until it helps.
        while scale > 1e-6:
            trial_a, trial_b = a - scale * step_a, b - scale * step_b
            trial = log_losses(trial_a + trial_b * x, y).sum() + SLOPE_PENALTY * trial_b**2 / 2
            if trial <= losses:
                break
            scale /= 2
        else:
            break
        converged = losses - trial < 1e-12 * len(x)
        a, b, losses = trial_a, trial_b, trial
        if converged:
            break
    return float(a - b * centre / spread), float(b / spread)


def _newton_step(x: np.ndarray, y: np.ndarray, a: float, b: float) -> tuple[float, float]:
    """Hessian^-1 gradient of the penalised negative log-likelihood, in two dimensions."""
    p = sigmoid(a + b * x)
    weight = p * (1 - p)
    residual = p - y
    gradient_a, gradient_b = residual.sum(), residual @ x + SLOPE_PENALTY * b
    aa, ab, bb = weight.sum() + 1e-12, weight @ x, weight @ x**2 + SLOPE_PENALTY
    determinant = aa * bb - ab**2
    return (
        float((bb * gradient_a - ab * gradient_b) / determinant),
        float((aa * gradient_b - ab * gradient_a) / determinant),
    )


def fit_affine(
    logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]
) -> tuple[float, float]:
    """`fit_logistic` with b >= 0, so that the ranking is kept or given up, never reversed.

    The likelihood is concave: where its best slope is negative, the best allowed slope is 0, and
    the intercept is that of the base rate.
    """
    a, b = fit_logistic(logits, y)
    return (a, b) if b > 0 else (base_rate_logit(y), 0.0)


def fit_intercept(logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]) -> float:
    """Maximum likelihood of y under sigmoid(a + logit): the mean probability is y's mean.

    Args:
        logits: Finite.
        y: Rises, 0 or 1, with both classes.
    """
    from scipy.optimize import brentq

    rate, target = float(np.mean(y)), base_rate_logit(y)
    # With the largest or smallest logit at the target, no or every probability exceeds the rate.
    low, high = target - float(np.max(logits)) - 1e-9, target - float(np.min(logits)) + 1e-9
    return float(brentq(lambda a: float(sigmoid(a + logits).mean()) - rate, low, high))


def fit_temperature(logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]) -> float:
    """Maximum likelihood of y under sigmoid(logit / T), T > 0 (Guo et al., ICML 2017).

    Args:
        logits: Finite.
        y: Rises, 0 or 1.

    Returns:
        T, between e^-10 and e^10; 1 where every logit is 0.
    """
    from scipy.optimize import brentq

    def slope_of_loss(log_t: float) -> float:
        return float(((y - sigmoid(logits * np.exp(-log_t))) * logits).mean())

    low, high = np.log(TEMPERATURES)
    if not np.any(logits):
        return 1.0
    if slope_of_loss(low) >= 0:
        return float(np.exp(low))
    if slope_of_loss(high) <= 0:
        return float(np.exp(high))
    return float(np.exp(brentq(slope_of_loss, low, high)))


def cross_fitted(
    logits: Float[np.ndarray, " row"], y: Real[np.ndarray, " row"]
) -> Float64[np.ndarray, " row"] | None:
    """Each contiguous half's logits after the affine map that was fitted on the other half.

    Args:
        logits: In order of time.
        y: Rises, 0 or 1.

    Returns:
        None where a half holds a single class.
    """
    halves = np.array_split(np.arange(len(y)), 2)
    if any(len(np.unique(y[half])) < 2 for half in halves):
        return None
    recalibrated = np.empty(len(y))
    for fitted_on, applied_to in (halves, halves[::-1]):
        a, b = fit_affine(logits[fitted_on], y[fitted_on])
        recalibrated[applied_to] = a + b * logits[applied_to]
    return recalibrated


def base_rate_logit(y: Real[np.ndarray, " row"]) -> float:
    """The logit of the share of rises in y, which must have both classes."""
    rate = float(np.mean(y))
    return float(np.log(rate / (1 - rate)))


def ensemble(logits: Float[np.ndarray, "model row"]) -> Float64[np.ndarray, " row"]:
    """The logit of the mean probability of several models.

    Deep ensembles predict the mean of their members' probabilities (Lakshminarayanan et al.,
    2017). The logit of a single model is returned as it is, to the last digit.
    """
    if len(logits) == 1:
        return np.asarray(logits[0], dtype=np.float64)
    return logit(sigmoid(np.asarray(logits, dtype=np.float64)).mean(axis=0))


def halved(
    one: Float64[np.ndarray, "*model row"], other: Float64[np.ndarray, " row"]
) -> Float64[np.ndarray, "*model row"]:
    """The half-and-half mean of logits."""
    mean: np.ndarray = (one + other) / 2
    return mean
