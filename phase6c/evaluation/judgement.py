"""Whether a model has earned its place: against the base rates, and against the best baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64

from phase6c.config import Record
from phase6c.document.section import estimated
from phase6c.evaluation.baselines.base_rates import BASE_RATES
from phase6c.evaluation.outcomes import Draws, Truth
from phase6c.statistics.bootstrap import Estimate, optimal_block_days
from phase6c.statistics.logits import log_losses, logit
from phase6c.statistics.scores import Score, auc_score, mean_score, stacked
from phase6c.statistics.seeds import for_other_seeds
from phase6c.wording import words

# The share of rises in the very rows that are judged.
HINDSIGHT = "hindsight_base_rate"

TRANSFORMER = "the transformer"


class Gain(Record):
    """The gain of a model over a rival on the same rows.

    Attributes:
        over: Name of the rival.
        log_loss: Log loss of the rival less the model's, in nats; above 0 the model is better.
        auc: AUC of the model less the rival's; null where it is undefined or the rival is a
            constant.
    """

    over: str
    log_loss: Estimate
    auc: Estimate | None

    @property
    def is_shown(self) -> bool:
        """Whether the interval of the log loss lies wholly on the better side."""
        return self.log_loss.low > 0

    @property
    def is_loss(self) -> bool:
        """Whether the interval of the log loss lies wholly on the worse side."""
        return self.log_loss.high < 0


class Judgement(Record):
    """The verdict that the figures bear out.

    Attributes:
        over_base_rates: Gain over each base rate, that of hindsight last.
        over_best: Gain over the best baseline.
        has_skill: Whether the model is better than every base rate.
        wins: Whether it is better than the best baseline too.
        sentence: Verdict in a sentence for the card.
    """

    over_base_rates: tuple[Gain, ...]
    over_best: Gain
    has_skill: bool
    wins: bool
    sentence: str


def strongest(baselines: Mapping[str, Float64[np.ndarray, " row"]], truth: Truth) -> str | None:
    """The name of the baseline with the least log loss; None where there are base rates alone.

    Args:
        baselines: Logits by name.
        truth: Labels of the same rows.
    """
    losses = {
        name: float(log_losses(logits, truth.y).mean())
        for name, logits in baselines.items()
        if name not in BASE_RATES
    }
    return min(losses, key=losses.__getitem__, default=None)


def judge(
    logits: Float64[np.ndarray, " row"],
    baselines: Mapping[str, Float64[np.ndarray, " row"]],
    best: str,
    truth: Truth,
    draws: Draws,
    what: str = TRANSFORMER,
    without_a_seed: Sequence[Float64[np.ndarray, " row"]] = (),
) -> Judgement:
    """Judges a model on rows that nobody chose by.

    It has skill where it is better than every base rate: that of the training, that of the year
    before, of a panel also each ticker's own, and that of these rows themselves, which nobody could
    have known. Without the latter, a
    level that happens to lie on the right side would pass for skill where the rate has drifted. It
    wins where it is better than the best baseline too.

    Better means that a 95% interval of the paired difference of log losses, from the stationary
    bootstrap over dates, lies wholly above zero; of an ensemble it counts in the doubt about other
    seeds.

    Args:
        logits: Calibrated logits of the model.
        baselines: Calibrated logits by name; the base rates among them.
        best: Name of the baseline to beat, chosen elsewhere.
        truth: Labels of the same rows.
        draws: Resampling of the intervals.
        what: Name of the model in the sentence.
        without_a_seed: Calibrated logits of the model without one of its seeds, for each seed of an
            ensemble.
    """
    rates = {name: baselines[name] for name in BASE_RATES if name in baselines}
    rates[HINDSIGHT] = logit(np.full(len(truth), truth.y.mean()))
    base_rates = tuple(
        gain(logits, rate, name, truth, draws, without_a_seed) for name, rate in rates.items()
    )
    over_best = gain(logits, baselines[best], best, truth, draws, without_a_seed)
    has_skill = all(gained.is_shown for gained in base_rates)
    # Both are asked for: where the rate has drifted, a poor baseline may lose to a constant.
    wins = has_skill and over_best.is_shown
    return Judgement(
        over_base_rates=base_rates,
        over_best=over_best,
        has_skill=has_skill,
        wins=wins,
        sentence=_sentence(what, base_rates, over_best, wins),
    )


def gain(
    logits: Float64[np.ndarray, " row"],
    other: Float64[np.ndarray, " row"],
    name: str,
    truth: Truth,
    draws: Draws,
    without_a_seed: Sequence[Float64[np.ndarray, " row"]] = (),
) -> Gain:
    """The paired differences of a model and another on the same rows.

    Args:
        logits, other: Both calibrated.
        name: Name of the other.
        truth, draws, without_a_seed: See `judge`.
    """
    differences = log_losses(other, truth.y) - log_losses(logits, truth.y)
    score = _gains(logits, other, truth)
    # The differences of two models depend on each other less than their losses do, or more where a
    # rate has drifted: their own block length is estimated.
    block_days = optimal_block_days(differences, truth.days)
    found = draws.estimates(score, truth.days, block_days)
    if without_a_seed:
        once = np.ones((truth.days.n, 1))
        rest = np.hstack([_gains(one, other, truth)(once) for one in without_a_seed])
        found = [one and for_other_seeds(one, own) for one, own in zip(found, rest, strict=True)]
    log_loss, *auc = found
    assert log_loss is not None
    return Gain(over=name, log_loss=log_loss, auc=auc[0] if auc else None)


def _gains(
    logits: Float64[np.ndarray, " row"], other: Float64[np.ndarray, " row"], truth: Truth
) -> Score:
    """The gain in log loss, and that in AUC where it is defined and the other is no constant."""
    differences = log_losses(other, truth.y) - log_losses(logits, truth.y)
    scores: list[Score] = [mean_score(differences, truth.days)]
    if len(np.unique(truth.y)) == 2 and np.ptp(other) > 0:
        own, others = (auc_score(one, truth.y, truth.days) for one in (logits, other))
        scores.append(lambda weights: own(weights) - others(weights))
    return stacked(scores)


def _sentence(what: str, base_rates: tuple[Gain, ...], over_best: Gain, wins: bool) -> str:
    if not all(gained.is_shown for gained in base_rates):
        least = min(base_rates, key=lambda gained: gained.log_loss.low)
        return (
            f"No: as far as these rows show, {what} is no better than the base rate: "
            f"against the {words(least.over)}, {difference(least.log_loss)}."
        )
    against = f"the best baseline, {words(over_best.over)}: {difference(over_best.log_loss)}"
    if wins:
        return f"Yes: {what} beats {against}."
    if over_best.is_loss:
        return f"No: {what} is worse than {against}."
    return f"No: {what} is not shown to beat {against}."


def difference(gained: Estimate) -> str:
    """A gain in words, so that no sign has to be remembered."""
    if gained.value >= 0:
        return f"its log loss is lower by {estimated(gained)}"
    lost = Estimate(value=-gained.value, low=-gained.high, high=-gained.low)
    return f"its log loss is higher by {estimated(lost)}"
