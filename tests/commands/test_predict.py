"""`phase6c predict` replaces no file that it reads, and says which days and tickers it misses."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from phase6c.data.bars import load_bars
from phase6c.nn.saved_model import load_model

from ..support.models import make_model
from .conftest import load_command


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a model of the ticker sp500, fitted through 2011."""
    folder = tmp_path_factory.mktemp("model")
    make_model(folder, load_bars("sp500"), seeds=(0,))
    return folder


@pytest.fixture(scope="module")
def n_needed(model):
    return load_model(model).days_needed


@pytest.fixture
def bars(tmp_path):
    """Writes the last bars of sp500 before a day as those of a ticker."""

    def write(ticker, n, before="2019-01-01"):
        frame = load_bars("sp500").frame.drop(columns="ticker")
        path = tmp_path / "bars" / f"{ticker}.csv"
        path.parent.mkdir(exist_ok=True)
        frame[frame["date"] < before].tail(n).to_csv(path, index=False)
        return path

    return write


@pytest.fixture(scope="module")
def predict(model):
    command = load_command("predict")

    def run(out, *sources):
        options = [str(model), "--data", ",".join(map(str, sources)), "--out", str(out)]
        return CliRunner().invoke(command, options)

    return run


def test_the_bars_are_not_replaced(predict, bars, n_needed, tmp_path):
    path = bars("sp500", n_needed)
    before = path.read_bytes()
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    new = path.with_name("new.csv")
    for out, source in ((path, path), (path, path.parent), (new, path.parent), (path, link)):
        done = predict(out, "nasdaq", source)
        assert done.exit_code == 2, done.output
        assert "neither among the bars" in done.stderr
    assert path.read_bytes() == before
    assert not new.exists()


def test_the_model_is_not_replaced(predict, model):
    before = sorted(model.iterdir())
    for name in ("predictions.parquet", "fits/p.csv"):
        done = predict(model / name, "sp500")
        assert done.exit_code == 2, done.output
        assert "the model's folder" in done.stderr
    assert sorted(model.iterdir()) == before


def test_an_earlier_file_is_replaced_and_may_lie_beside_the_bars(predict, bars, n_needed):
    path = bars("sp500", n_needed)
    out = path.with_name("p.CSV")
    out.write_text("earlier")
    done = predict(out, path)
    assert done.exit_code == 0, done.output
    assert list(pd.read_csv(out)) == ["date", "ticker", "p"]
    assert done.stdout.startswith("1 probability of high +1% within the next day")
    assert f", is in {out}" in done.stdout
    assert "fitted on" not in done.stdout


def test_a_place_that_cannot_be_written_is_named_without_words_of_studies(
    predict, bars, n_needed, tmp_path
):
    path = bars("sp500", n_needed)
    folder, file = tmp_path / "folder.csv", tmp_path / "file"
    folder.mkdir()
    file.touch()
    for out in (folder, file / "p.csv"):
        done = predict(out, path)
        assert done.exit_code == 74, done.output
        assert "choose another place" in done.stderr
        assert "study" not in done.stderr
        assert "--resume" not in done.stderr


def test_one_day_of_the_past_is_said_to_lie_there(predict, bars, n_needed, tmp_path):
    done = predict(tmp_path / "p.csv", bars("sp500", n_needed, "2011-01-01"))
    assert "1 of these days lies in the time that it was fitted on, to 2011-12-30." in done.stdout


def test_tickers_too_short_or_never_seen_are_named(predict, bars, n_needed, tmp_path):
    sources = [
        bars("sp500", n_needed + 1, "2011-01-01"),
        bars("zzz", n_needed + 4, "2011-01-01"),
        bars("young", n_needed - 1, "2011-01-01"),
    ]
    done = predict(tmp_path / "p.csv", *sources)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("7 probabilities of ")
    assert f"No probability for young: it takes {n_needed} bars." in done.stdout
    assert "The model has not seen: young, zzz\n" in done.stdout
    assert "2 of these days lie in the time" in done.stdout
