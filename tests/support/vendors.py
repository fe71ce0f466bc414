"""The same bars as a dozen vendors and programs write them, and faults that files come with."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import numpy as np
import pandas as pd

FIELDS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}


def true_bars(n_days: int = 90, seed: int = 0, start: str = "2022-01-03") -> pd.DataFrame:
    """A stock's bars in cents, on the weekdays of a few months: date, four prices, volume."""
    rng = np.random.default_rng(seed)
    close = 120 * np.exp(np.cumsum(0.015 * rng.standard_normal(n_days)))
    opens = close * np.exp(0.006 * rng.standard_normal(n_days))
    spread = 1 + 0.01 * rng.random((2, n_days)) + 0.001
    prices = {
        "open": opens,
        "high": np.maximum(opens, close) * spread[0],
        "low": np.minimum(opens, close) / spread[1],
        "close": close,
    }
    frame = pd.DataFrame({name: np.round(values, 2) for name, values in prices.items()})
    frame["high"] = frame[["open", "high", "close"]].max(axis=1)
    frame["low"] = frame[["open", "low", "close"]].min(axis=1)
    frame.insert(0, "date", pd.bdate_range(start, periods=n_days, unit="s"))
    frame["volume"] = rng.integers(500, 5_000_000, n_days).astype(float)
    return frame


def _text(frame: pd.DataFrame, *, form: str = "%Y-%m-%d") -> pd.DataFrame:
    """Every cell as plain text."""
    cells = {"date": frame["date"].dt.strftime(form)}
    cells |= {name: frame[name].map("{:.2f}".format) for name in ("open", "high", "low", "close")}
    cells["volume"] = frame["volume"].map("{:.0f}".format)
    return pd.DataFrame(cells)


def _csv(cells: pd.DataFrame, **how: object) -> str:
    buffer = StringIO()
    cells.to_csv(buffer, index=False, **how)
    return buffer.getvalue()


def yahoo(frame: pd.DataFrame) -> str:
    cells = _text(frame).rename(columns=FIELDS | {"date": "Date"})
    cells.insert(5, "Adj Close", cells["Close"])
    return _csv(cells)


def stooq(frame: pd.DataFrame) -> str:
    return _csv(_text(frame).rename(columns=FIELDS | {"date": "Date"}).assign(OpenInt="0"))


def alpha_vantage(frame: pd.DataFrame) -> str:
    names = {name: f"{number}. {name}" for number, name in enumerate(FIELDS, start=1)}
    return _csv(_text(frame).rename(columns=names | {"date": "timestamp"}).iloc[::-1])


def nasdaq(frame: pd.DataFrame) -> str:
    cells = _text(frame, form="%m/%d/%Y").iloc[::-1]
    for name in ("open", "high", "low", "close"):
        cells[name] = "$" + cells[name]
    names = {"date": "Date", "close": "Close/Last", "volume": "Volume"}
    order = ["date", "close", "volume", "open", "high", "low"]
    return _csv(cells[order].rename(columns=FIELDS | names))


def investing(frame: pd.DataFrame) -> str:
    cells = _text(frame, form="%b %d, %Y").iloc[::-1]
    cells["volume"] = [f"{float(one) / 1000:.3f}K" for one in cells["volume"]]
    names = {"date": "Date", "close": "Price", "volume": "Vol."}
    cells = cells[["date", "close", "open", "high", "low", "volume"]]
    return _csv(cells.rename(columns=FIELDS | names).assign(**{"Change %": "0.10%"}), quoting=1)


def binance(frame: pd.DataFrame) -> str:
    cells = _text(frame)
    epoch = frame["date"].astype("int64") * 1000
    cells["date"] = epoch.astype(str)
    extra = dict.fromkeys(("quote", "trades", "base", "taker", "ignored"), "1.0")
    cells = cells.assign(close_time=(epoch + 86_399_999).astype(str), **extra)
    return _csv(cells, header=False)


def metatrader(frame: pd.DataFrame) -> str:
    cells = _text(frame, form="%Y.%m.%d").rename(columns={"volume": "tickvol"})
    cells = cells.assign(vol="0", spread="12").rename(columns=lambda name: f"<{name.upper()}>")
    return _csv(cells, sep="\t")


def german_excel(frame: pd.DataFrame) -> str:
    cells = _text(frame, form="%d.%m.%Y")
    for name in ("open", "high", "low", "close"):
        cells[name] = cells[name].str.replace(".", ",")
    cells["volume"] = [f"{int(one):,}".replace(",", ".") for one in cells["volume"]]
    return _csv(cells, sep=";")


def us_excel(frame: pd.DataFrame) -> str:
    cells = _text(frame, form="%d-%b-%Y")
    cells["volume"] = [f"{int(one):,}" for one in cells["volume"]]
    return "Prices of ABC,,,,,\n" + _csv(cells)


def kaggle(frame: pd.DataFrame) -> str:
    return _csv(_text(frame).assign(Name="ABC"))


def broker(frame: pd.DataFrame) -> str:
    cells = _text(frame, form="%Y-%m-%d 00:00:00-05:00").assign(symbol="ABC")
    return "# exported by a broker\n" + _csv(cells, sep="|")


def epoch_seconds(frame: pd.DataFrame) -> str:
    cells = _text(frame)
    cells["date"] = frame["date"].astype("int64").astype(str)
    return _csv(cells.rename(columns={"date": "time"}))


def yfinance(frame: pd.DataFrame) -> str:
    cells = _text(frame).set_index("date").rename(columns=FIELDS)
    cells.columns = pd.MultiIndex.from_product([cells.columns, ["ABC"]], names=["Price", "Ticker"])
    return cells.rename_axis(index="Date").to_csv()


SHAPES: dict[str, Callable[[pd.DataFrame], str]] = {
    function.__name__: function
    for function in (
        *(yahoo, stooq, alpha_vantage, nasdaq, investing, binance, metatrader),
        *(german_excel, us_excel, kaggle, broker, epoch_seconds, yfinance),
    )
}
