"""Where the best trial gains over the strongest baseline, and where it does not."""

from __future__ import annotations

import numpy as np

from phase6c.analysis.validation import Validation, best_logits
from phase6c.document.section import Section
from phase6c.evaluation.gains_by_part import Compared, parts_tables, rates_sentences
from phase6c.evaluation.judgement import strongest
from phase6c.evaluation.outcomes import Draws, Truth
from phase6c.study.study import Study
from phase6c.study.validation_rows import ValidationRows
from phase6c.wording import words


def parts(study: Study, validation: Validation | None) -> tuple[Section, ...]:
    """Gains by ticker, year and volatility, and how much of the AUC the tickers' rates explain.

    Args:
        study: Study.
        validation: Predictions of its best trial and the baselines.

    Returns:
        Nothing in studies that did not store what it takes, or without draws.
    """
    logits = best_logits(study, validation)
    if validation is None or validation.known is None or logits is None or not validation.draws:
        return ()
    truth = _truth(validation, validation.known)
    rival = strongest(validation.baselines, truth)
    if rival is None:
        return ()
    draws = Draws(validation.horizon_days, validation.draws, validation.seed)
    compared = Compared(logits, validation.baselines[rival], rival, truth, draws)
    says = (
        f"The best trial beside the {words(rival)}, which has the least log loss of the baselines "
        "on these rows. The trial was chosen on the very rows, which makes its gains too large; "
        "an evaluation judges them on rows that nobody chose by.",
        *rates_sentences(
            compared, validation.baselines.get("ticker_base_rate"), study.config.data.label
        ),
    )
    tables = parts_tables("gains", compared)
    return (Section(name="parts", title="Where it gains", says=says, tables=tables),)


def _truth(validation: Validation, known: ValidationRows) -> Truth:
    n = len(validation.y)
    down = np.zeros(n, dtype=bool) if validation.down is None else validation.down
    return Truth(
        dates=validation.dates.astype("datetime64[D]"),
        tickers=known.tickers,
        y=validation.y.astype(np.int8),
        down=down,
        steps=np.full(n, "val"),
        outcomes=known.outcomes,
        volatility=known.volatility,
    )
