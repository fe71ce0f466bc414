"""A card on the terminal: the columns that matter most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from _tables import plain_table
from rich.table import Table

from phase6c.document.section import text
from phase6c.statistics.bootstrap import Estimate


def card_table(rows: Sequence[Mapping[str, Any]], title: str) -> Table:
    """What fits into 80 columns of a table of card.json; the files have all of it."""
    table = plain_table(title)
    table.add_column("model", no_wrap=True)
    for name in ("log loss", "gain over best", "AUC"):
        table.add_column(name, justify="right")
    for row in rows:
        loss = f"{row['log loss']['value']:.4f}"
        figures = (row["gain over best baseline"], row["AUC"])
        found = (one and Estimate.model_validate(one) for one in figures)
        table.add_row(row["model"], loss, *map(text, found))
    return table
