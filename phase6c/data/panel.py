"""The features of every bar of every ticker, computed once and kept under their digest."""

from __future__ import annotations

import ast
import logging
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float32, Float64

from phase6c.config import digest_of
from phase6c.data import catalogue, indicators
from phase6c.data.bars import Bars, segments, ticker_frames
from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.feature import Feature
from phase6c.errors import StorageError
from phase6c.storage.files import read_checked, write_checked

logger = logging.getLogger(__name__)

# The panel of 500 tickers takes two gigabytes, that of a single ticker a few megabytes.
MAX_CACHED_PANELS = 8


def feature_panel(
    bars: Bars, features: Sequence[Feature], folder: Path | None
) -> Float32[np.ndarray, "row feature"]:
    """The features of each bar, in the order of the bars' rows.

    Args:
        bars: Bars of all tickers.
        features: Columns of the panel.
        folder: Folder of panels that were computed before, made where it is missing. The digest
            of bars, features and code in a file's name tells its content; a damaged file is
            made anew.

    Returns:
        A row for each bar, NaN before each feature's lookback; the array is the caller's own.
    """
    if folder is None:
        return _compute(bars, features)
    path = folder / f"panel_{panel_digest(bars, features)[:32]}.bin"
    kept = _read(path, len(bars.frame), len(features))
    if kept is not None:
        return kept
    panel = _compute(bars, features)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_checked(path, panel.data.cast("B"))
        _forget_old(folder)
    except (OSError, StorageError) as error:
        logger.warning("The features will be computed again next time: %s", error)
    return panel


def ticker_features(
    frame: pd.DataFrame, features: Sequence[Feature]
) -> Float64[np.ndarray, "day feature"]:
    """The features of a ticker's bars; none reaches across a gap of months.

    Args:
        frame: Bars of the ticker, a row for each day.
        features: Columns of the result; see `compute_features`.
    """
    parts = [compute_features(frame.iloc[part], features) for part in segments(frame)]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def panel_digest(bars: Bars, features: Sequence[Feature]) -> str:
    """SHA-256 of all that the panel's values depend on, the code that makes them included."""
    names = [feature.name for feature in features]
    return digest_of({"bars": bars.digest, "features": names, "code": feature_code_digest()})


@cache
def feature_code_digest() -> str:
    """SHA-256 of the features' code, and of the versions of the libraries that it calls.

    Comments and docstrings do not count: better prose makes no model's features other ones.
    """
    sources = [Path(catalogue.__file__), *sorted(Path(indicators.__path__[0]).glob("*.py"))]
    versions = {name: version(name) for name in ("numpy", "pandas", "TA-Lib")}
    return digest_of(
        {"sources": [_without_prose(path.read_text("utf-8")) for path in sources], **versions}
    )


def _without_prose(source: str) -> str:
    """A module's code without comments and docstrings, in one layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and len(body) > 1 and _is_text(body[0]):
            del body[0]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a text alone, as a docstring is."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _compute(bars: Bars, features: Sequence[Feature]) -> np.ndarray:
    panel = np.empty((len(bars.frame), len(features)), dtype=np.float32)
    start = 0
    for frame in ticker_frames(bars).values():
        panel[start : start + len(frame)] = ticker_features(frame, features)
        start += len(frame)
    return panel


def _read(path: Path, n_rows: int, n_features: int) -> np.ndarray | None:
    try:
        content = read_checked(path) if path.exists() else None
        if content is not None:
            path.touch()
    except (OSError, StorageError) as error:
        logger.warning("The features are computed again: %s", error)
        content = None
    if content is None or len(content) != n_rows * n_features * np.dtype(np.float32).itemsize:
        return None
    return np.frombuffer(content, dtype=np.float32).reshape(n_rows, n_features)


def _forget_old(folder: Path) -> None:
    """Keeps the panels that were used last."""
    panels = sorted(folder.glob("panel_*.bin"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in panels[MAX_CACHED_PANELS:]:
        path.unlink(missing_ok=True)
