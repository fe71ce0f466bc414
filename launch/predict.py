"""Calibrated probabilities of a model for new bars."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

# One thread is enough for bars of a few tickers; numpy reads this at import.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    import click
    from _app import exits_with_code
except ImportError as missing:
    sys.exit(
        f"phase6c is not installed here ({missing}); run 'make demo', or use .venv/bin/python."
    )

DATA_HELP = "sp500, nasdaq, files or folders: what the model was fitted on, or newer bars."
OUT_HELP = "A .csv or .parquet file with the columns date, ticker and p."


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model_dir", type=click.Path(path_type=Path))
@click.option("--data", "source", required=True, help=DATA_HELP)
@click.option("--out", required=True, type=click.Path(path_type=Path), help=OUT_HELP)
@click.option("--debug", is_flag=True, help="Stack traces on the terminal.")
@exits_with_code
def main(model_dir: Path, source: str, out: Path, *, debug: bool) -> None:
    """Writes the probability of a rise after each day of the bars that has enough days before it.

    MODEL_DIR is what evaluate.py has made, such as outputs/models/best.
    """
    from phase6c.errors import ConfigError
    from phase6c.files import make_folder, write_whole
    from phase6c.nn.saved_model import load_model

    if out.suffix not in (".csv", ".parquet"):
        raise ConfigError("--out must end with .csv or .parquet", out, "Use predictions.csv.")
    model = load_model(model_dir)
    frame = model.predict(source)
    content = io.BytesIO()
    if out.suffix == ".csv":
        frame.to_csv(content, index=False)
    else:
        frame.to_parquet(content, index=False)
    make_folder(out.parent)
    write_whole(out, content.getvalue())
    data = model.info.trial.data
    within = "day" if data.horizon_days == 1 else f"{data.horizon_days} days"
    last = frame.iloc[-1]
    click.echo(
        f"{len(frame):,} probabilities of {data.goal} within the next {within}, "
        f"{frame['date'].min():%Y-%m-%d} to {last['date']:%Y-%m-%d}, are in {out}"
    )
    for row in frame[frame["date"] == last["date"]].head(10).itertuples():
        click.echo(f"{row.ticker}: {row.p:.3f} after {row.date:%Y-%m-%d}")
    through = model.info.fitted_through
    n_seen = int((frame["date"] <= str(through)).sum())
    if n_seen:
        click.echo(f"{n_seen:,} of these days lie in the time that it was fitted on, to {through}.")


if __name__ == "__main__":
    main()
