"""Calibrated probabilities of a model for new bars."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phase6c.commands.bars import bars_options, handling_of, read_bars
from phase6c.commands.options import command, debug_option
from phase6c.errors import BadBarsError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from phase6c.data.bars import Bars
    from phase6c.nn.saved_model import Model

DATA_HELP = "sp500, nasdaq, files or folders: what the model was fitted on, or newer bars."
OUT_HELP = "A .csv or .parquet file with the columns date, ticker and p."


@command
@click.argument("model_dir", type=click.Path(path_type=Path))
@click.option("--data", "source", required=True, help=DATA_HELP)
@click.option("--out", required=True, type=click.Path(path_type=Path), help=OUT_HELP)
@bars_options
@debug_option
def main(model_dir: Path, source: str, out: Path, **given: Any) -> None:
    """Writes the probability of a rise after each day of the bars that has enough days before it.

    MODEL_DIR is a folder that evaluate has made, such as outputs/models/best. Tickers with bad bars
    are named and left out, and the command ends with 65.
    """
    from phase6c.nn.saved_model import load_model

    check_out(out, model_dir, source)
    model = load_model(model_dir)
    bars, refused = whole_tickers(source, given, out.parent)
    frame = model.predict(bars)
    write(frame, out)
    for note in bars.notes:
        click.echo(f"Note: {note}", err=True)
    show(frame, model, out)
    show_limits(frame, model, bars)
    if refused is not None:
        raise refused


def whole_tickers(
    source: str, given: Mapping[str, Any], folder: Path
) -> tuple[Bars, DataError | None]:
    """The bars that can be predicted from, and why other tickers cannot.

    Raises:
        DataError: No ticker is whole.
    """
    from phase6c.data.bars import load_bars

    try:
        return read_bars(source, given, folder), None
    except BadBarsError as error:
        bad = set(error.tickers)
        if given["bad_rows"] == "stop":
            bad |= {str(ticker) for ticker in error.rows["ticker"]}
        all_of_it = {**handling_of(given), "bad_limit": (1.0, 1.0)}
        try:
            bars = load_bars(source, **(all_of_it | {"bad_rows": "drop", "bad_tickers": "drop"}))
        except DataError:
            raise error from None
        bars = bars.without(bad)
        if bars.frame.empty:
            raise
        return bars, error


def check_out(out: Path, model_dir: Path, source: str) -> None:
    """Checks that the file has a known format, and that nothing that is read is replaced by it.

    Raises:
        ConfigError: It has not, or it would be.
    """
    from phase6c.data.bars import source_names
    from phase6c.data.reading.readers import DEMO_TICKERS
    from phase6c.errors import ConfigError

    if out.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError("--out must end with .csv or .parquet", out, "Use predictions.csv.")
    place, model = Path(os.path.realpath(out)), os.path.realpath(model_dir)
    names = [one for one in source_names(source) if one not in DEMO_TICKERS]
    bars = [Path(os.path.realpath(one)) for one in names]
    if place in bars or place.parent in bars or place.is_relative_to(model):
        raise ConfigError(
            "--out must lie neither among the bars nor in the model's folder",
            out,
            "Choose another file.",
        )


def write(frame: pd.DataFrame, out: Path) -> None:
    """Writes the predictions whole, in the format that the file's name tells."""
    from phase6c.storage.files import make_folder, write_whole
    from phase6c.study.trial_folder import write_frame

    make_folder(out.parent)
    if out.suffix.lower() == ".csv":
        write_whole(out, frame.to_csv(index=False))
    else:
        write_frame(out, frame)


def show(frame: pd.DataFrame, model: Model, out: Path) -> None:
    """Prints where the probabilities are, and the newest of them."""
    data = model.info.trial.data
    within = "day" if data.horizon_days == 1 else f"{data.horizon_days} days"
    noun, verb = ("probability", "is") if len(frame) == 1 else ("probabilities", "are")
    last = frame.iloc[-1]
    click.echo(
        f"{len(frame):,} {noun} of {data.goal} within the next {within}, "
        f"{frame['date'].min():%Y-%m-%d} to {last['date']:%Y-%m-%d}, {verb} in {out}"
    )
    for row in frame[frame["date"] == last["date"]].head(10).itertuples():
        click.echo(f"{row.ticker}: {row.p:.3f} after {row.date:%Y-%m-%d}")


def show_limits(frame: pd.DataFrame, model: Model, bars: Bars) -> None:
    """Prints tickers without a probability, and days whose probability is no forecast."""
    from phase6c.wording import listed

    tickers = sorted(set(bars.frame["ticker"]))
    too_short = sorted(set(tickers) - set(frame["ticker"]))
    if too_short:
        click.echo(f"No probability for {listed(too_short)}: it takes {model.days_needed} bars.")
    unseen = sorted(set(tickers) - set(model.tickers))
    if unseen:
        click.echo(f"The model has not seen: {listed(unseen)}")
    through = model.info.fitted_through
    seen = frame["ticker"].isin(model.tickers) & (frame["date"] <= str(through))
    n_seen = int(seen.sum())
    if n_seen:
        verb = "lies" if n_seen == 1 else "lie"
        click.echo(
            f"{n_seen:,} of these days {verb} in the time that it was fitted on, to {through}."
        )
