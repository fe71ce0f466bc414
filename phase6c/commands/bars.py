"""Options and files of bad rows and tickers, for every command that reads bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phase6c.commands.options import Function, choice, with_options
from phase6c.data.handling import ROW_LIMIT, TICKER_LIMIT, Handling, OnFault
from phase6c.errors import BadBarsError, ConfigError, Phase6cError

if TYPE_CHECKING:
    import pandas as pd

    from phase6c.data.bars import Bars

BAD_ROWS_FILE = "bad_rows.csv"
ROWS_HELP = "Rows that break a rule: stop, or drop them. bad_rows.csv lists them."
TICKERS_HELP = "Tickers that cannot be used: stop, or drop them."
LIMIT_HELP = "Largest share of the rows, and of the tickers, that may be dropped."
EVENTS_HELP = "Take tenfold jumps and gaps of months as real; no window or label crosses a gap."
_LIMITS = f"{ROW_LIMIT:g},{TICKER_LIMIT:g}"

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--bad-rows", default="stop", type=choice(OnFault), help=ROWS_HELP),
    click.option("--bad-tickers", default="stop", type=choice(OnFault), help=TICKERS_HELP),
    click.option("--bad-limit", default=_LIMITS, metavar="ROWS,TICKERS", help=LIMIT_HELP),
    click.option("--accept-events", is_flag=True, help=EVENTS_HELP),
)


def bars_options(function: Function) -> Function:
    """Adds the options of bad rows and tickers."""
    return with_options(function, _OPTIONS)


def handling_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of `load_bars` among a command's options."""
    names = ("bad_rows", "bad_tickers", "accept_events")
    return {name: given[name] for name in names} | {"bad_limit": _limits(given["bad_limit"])}


def changed_handling(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of it is not the default."""
    default = Handling().model_dump()
    return {name: value for name, value in handling_of(given).items() if value != default[name]}


def read_bars(source: str, given: Mapping[str, Any], folder: str | Path) -> Bars:
    """Reads bars, and lists bad rows in a file.

    Args:
        source: See `load_bars`.
        given: Options of the command, those of `bars_options` among them.
        folder: Folder of the file.

    Raises:
        DataError: The bars cannot be used; the message names the file.
    """
    from phase6c.data.bars import load_bars

    try:
        bars = load_bars(source, **handling_of(given))
    except BadBarsError as error:
        if len(error.rows):
            error.add_note(_written(error.rows, Path(folder)))
        raise
    if len(bars.bad_rows):
        click.echo(_written(bars.bad_rows, Path(folder)), err=True)
    return bars


def _written(rows: pd.DataFrame, folder: Path) -> str:
    """Writes the file; the sentence that says where it is."""
    from phase6c.storage.files import make_folder, write_whole
    from phase6c.wording import counted

    path = folder / BAD_ROWS_FILE
    try:
        make_folder(folder)
        write_whole(path, rows.to_csv(index=False))
    except (OSError, Phase6cError) as error:
        return f"The bad rows could not be listed in {path}: {error}"
    n_rows = len(rows.drop_duplicates(["file", "line"]))
    return f"{path} lists {counted(n_rows, 'bad row')} with file, line, rule and value."


def _limits(text: str) -> tuple[float, float]:
    parts = text.split(",")
    try:
        rows, tickers = (float(part) for part in (parts * 2 if len(parts) == 1 else parts))
    except ValueError:
        rule = "--bad-limit takes a share of the rows and one of the tickers"
        raise ConfigError(rule, text, f"Write it as {_LIMITS}.") from None
    return rows, tickers
