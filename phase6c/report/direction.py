"""Whether the scores tell the direction of a move, or only that a move comes."""

from __future__ import annotations

from phase6c.analysis.validation import Validation, best_logits
from phase6c.document.section import Section, Table, estimated, rounded
from phase6c.statistics.bootstrap import Estimate
from phase6c.study.study import Study

_TITLE = "Volatility or direction"


def direction(study: Study, validation: Validation | None) -> Section:
    """The best trial's scores against rises, against mirrored falls, and up against down.

    Args:
        study: Study.
        validation: Predictions of its best trial, if they are stored.
    """
    logits = best_logits(study, validation)
    if validation is None or logits is None or validation.down is None:
        says = "It cannot be said: no best trial has stored predictions and mirrored falls."
        return Section(name="direction", title=_TITLE, says=(says,))
    up, down = validation.y == 1, validation.down
    rises, falls = validation.auc(logits), validation.auc_of(logits, down)
    # Days with both or neither say nothing of a direction: a volatile day touches both targets.
    of_moves = validation.auc_of(logits, up, rows=up != down)
    n_moves = int((up != down).sum())
    rows = (
        ("rises against all other days", len(up), rises),
        ("mirrored falls against all other days", len(up), falls),
        ("rises against falls, on days with one of the two", n_moves, of_moves),
    )
    return Section(
        name="direction",
        title=_TITLE,
        says=(_verdict(of_moves), *_volatility(rises, falls)),
        tables=(
            Table(
                name="direction",
                title="AUC of the best trial's scores",
                columns=("of", "days", "AUC"),
                rows=rows,
            ),
        ),
    )


def _verdict(of_moves: Estimate | None) -> str:
    if of_moves is None:
        return "Whether the scores tell a direction was not estimated; run the report with draws."
    figures = estimated(of_moves)
    if of_moves.low > 0.5:
        return f"The scores are directional: given a move, they rank up above down, AUC {figures}."
    if of_moves.high < 0.5:
        return f"Given a move, the scores rank down above up: AUC {figures}, below 0.5."
    return (
        f"Whether the scores tell up from down, given a move, cannot be said: AUC {figures}, and "
        "0.5 is in the interval. What they are shown to know is at most that a move comes."
    )


def _volatility(rises: Estimate | None, falls: Estimate | None) -> tuple[str, ...]:
    # Scores of pure direction would rank falls below all other days: an AUC well under a half.
    if rises is None or falls is None or falls.low <= 0.5:
        return ()
    return (
        f"The same scores rank the mirrored falls with an AUC of {rounded(falls)}, against "
        f"{rounded(rises)} for the rises: volatility is a part of what they know.",
    )
