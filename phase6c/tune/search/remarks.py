"""Remarks on a plan and its data that its user should know before it starts."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from phase6c.data.catalogue import FEATURES
from phase6c.data.market import is_market_feature
from phase6c.evaluation.baselines.base_rates import rates_differ
from phase6c.study.study_config import WarmStart
from phase6c.tune.runtime.job import StudyPlan
from phase6c.tune.search.plan import SearchPlan
from phase6c.wording import listed

# With more parameters than this for each training window, a model can learn them by heart.
MAX_PARAMETERS_PER_WINDOW = 5_000
# With fewer windows of the rarer class, an AUC has a standard error of a tenth and more.
MIN_RARER_CLASS = 20
# With a smaller share of the tickers, a block says little about the others.
MIN_TICKER_SHARE = 0.5


def remarks(plan: SearchPlan) -> list[str]:
    """Sentences on the bars, the model, the warm start and the space."""
    lines = data_remarks(plan)
    if plan.config.warm_start is not None:
        lines.append(_taken_over(plan.config.warm_start))
    if plan.space.n_points() < plan.config.n_trials:
        lines.append(
            f"The space holds {plan.space.n_points():.0f} points at most, fewer than "
            f"{plan.config.n_trials} trials; the search ends when they are used up."
        )
    return lines


def data_remarks(plan: StudyPlan) -> list[str]:
    """Sentences on the bars, and on the size of the model for the number of windows."""
    summary = plan.data.summary
    lines = list(summary.notes)
    if summary.tickers_without_rows:
        names = listed(list(summary.tickers_without_rows))
        lines.append(f"No window of train or val is of {names}: too short, too early or too late.")
    lines += [
        f"{block.tickers} of {len(summary.tickers)} tickers have windows in the {name} block."
        for name, block in (("train", summary.train), ("val", summary.val), ("cal", summary.cal))
        if block.tickers < MIN_TICKER_SHARE * len(summary.tickers)
    ]
    rarer = min(summary.val.base_rate, 1 - summary.val.base_rate) * summary.val.rows
    if rarer < MIN_RARER_CLASS:
        lines.append(
            f"val holds {rarer:.0f} windows of the rarer class; figures of so few mean little."
        )
    rates_auc = rates_differ(plan.data) if plan.config.data.label != "vol" else None
    if rates_auc is not None:
        lines.append(
            "The tickers' rates of rises differ widely: those of the earlier half of the training "
            f"alone rank its later half with an AUC of {rates_auc:.3f}. The label vol measures the "
            "rise in each ticker's own volatility."
        )
    if summary.dropped_features:
        lines.append(_dropped(summary.dropped_features, plan.data.feature_names))
    budget, ratio, n_windows = plan.budget, plan.parameters_per_window, len(plan.data.train)
    if budget is not None and ratio is not None and ratio > MAX_PARAMETERS_PER_WINDOW:
        lines.append(
            f"{budget.n_params:,} parameters for {n_windows:,} training windows: a "
            "model of this size can learn them by heart. Add tickers or choose a smaller budget."
        )
    return lines


def _taken_over(warm_start: WarmStart) -> str:
    """A sentence on the part of an earlier search that fits into this search."""
    fitting = f"{len(warm_start.points)} of {warm_start.n_told} trials"
    untold = ", ".join(warm_start.untold)
    lacking = "".join(
        f"; {count} {'has' if count == 1 else 'have'} {lack}"
        for lack, count in Counter(warm_start.lacks).items()
    )
    return (
        f"Warm start from {warm_start.source}: {fitting} taken over{lacking}; its best "
        f"run first, up to {len(warm_start.starts)}, each while the run before is no worse than "
        "most" + (f". It does not tell {untold}: defaults or draws stand in." if untold else ".")
    )


def _dropped(names: tuple[str, ...], kept: tuple[str, ...]) -> str:
    """A sentence on the features that the bars have no columns for, by family."""
    own = [FEATURES[name] for name in kept if not is_market_feature(name)]
    present = {"close", *(column for feature in own for column in feature.needs)}
    features = sorted((FEATURES[name] for name in names), key=lambda feature: feature.family)
    columns = {column for feature in features for column in feature.needs} - present
    families = (
        f"{family} ({', '.join(feature.name for feature in group)})"
        for family, group in groupby(features, key=lambda feature: feature.family)
    )
    return f"{len(names)} features need {', '.join(sorted(columns))}: {'; '.join(families)}."
