"""A model as it is handed over: numbers in a folder, without any code."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64, Shaped
from torch import Tensor

from phase6c.arguments import folder_of
from phase6c.data.bars import Bars, dates_of, days_before, load_bars, ticker_frames
from phase6c.data.catalogue import FEATURES
from phase6c.data.indicators.feature import Feature
from phase6c.data.market import cross_sectional, is_cross_sectional, is_market_feature
from phase6c.data.panel import feature_code_digest, feature_panel
from phase6c.data.scaling import Scaler, log_in_place
from phase6c.errors import DataError, FolderError
from phase6c.nn.device import pick_device
from phase6c.nn.model import LaneTransformer
from phase6c.nn.model_folder import (
    CONFIG_FILE,
    ModelInfo,
    StoredScaler,
    damaged,
    read_model,
    weights_file,
)
from phase6c.nn.predict import predict_logits
from phase6c.notebook import as_html, as_rows
from phase6c.statistics.calibrators import Calibrator
from phase6c.statistics.logits import ensemble, halved, sigmoid
from phase6c.statistics.simple_models import SimpleModel
from phase6c.wording import counted, listed, words

logger = logging.getLogger(__name__)

# Holidays move the median distance of two bars by less than this; weekly bars by far more.
_GAP_TOLERANCE_DAYS = 1.0
# Of the tickers of a market, the share that must be there to tell it.
_MIN_MARKET_SHARE = 0.8


@dataclass(frozen=True)
class Predictions:
    """The predictions of a model for the last day of each window.

    Attributes:
        dates: Last day of each window, datetime64[D].
        tickers: Ticker of each window.
        logits: Logits of each seed, not calibrated.
        shortcut: Logits of shortcut and bias alone; None without a shortcut.
        partner: Logits of the simple model that it is blended with; None without a blend.
    """

    dates: Shaped[np.ndarray, " row"]
    tickers: Shaped[np.ndarray, " row"]
    logits: Float64[np.ndarray, "seed row"]
    shortcut: Float64[np.ndarray, "seed row"] | None
    partner: Float64[np.ndarray, " row"] | None

    def __repr__(self) -> str:
        n_seeds, n_rows = self.logits.shape
        return f"Predictions({counted(n_rows, 'row')}, {counted(n_seeds, 'seed')})"


class Model:
    """A calibrated model; made by `load_model`.

    Attributes:
        info: Description of the model.
        calibrator: Map from the ensemble's logit, or its blend's, to the calibrated logit.
    """

    def __init__(
        self,
        info: ModelInfo,
        scaler: StoredScaler,
        calibrator: Calibrator,
        weights: Sequence[Mapping[str, Tensor]],
        partner: SimpleModel | None = None,
    ) -> None:
        self.info = info
        self.calibrator = calibrator
        self._scaler = scaler
        self._partner = partner
        self._device = pick_device()
        # The seeds are lanes of a single model, which read the same windows.
        with self._device:
            self._model = LaneTransformer(
                info.trial.model, len(info.feature_names), len(weights), info.trial.train.precision
            )
        if info.trial.model.bins:
            self._model.set_bin_edges(torch.tensor(scaler.edges, device=self._device))
        for lane, state in enumerate(weights):
            self._model.load_lane(lane, state)

    def __repr__(self) -> str:
        return f"Model({self.info.text}, {self.calibrator!r})"

    def _repr_html_(self) -> str:
        """The model in a notebook: what it predicts, from which bars, and how it was made."""
        info = self.info
        fields = {
            "predicts": info.trial.data.target,
            "features": f"{len(info.feature_names)} of tier {info.trial.data.tier}",
            "bars needed": self.days_needed,
            "tickers": listed(list(self.tickers)),
            "bars": info.sources,
            "fitted through": info.fitted_through,
            "seeds": info.seeds,
            "parameters of each seed": info.n_params,
            "blended with": words(info.blended_with or "nothing"),
            "calibrator": f"{self.calibrator.kind}: {self.calibrator.formula}",
            "threshold": info.threshold,
            "code": info.code_version,
        }
        return as_html(repr(self), as_rows(fields))

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that it was fitted on."""
        return self._scaler.tickers

    @property
    def days_needed(self) -> int:
        """The number of bars that a ticker needs for a prediction of its last bar."""
        # The first `lookback` bars have no features yet, and a window begins after them.
        lookback = max(feature.lookback_days for feature in self._features)
        own = self.info.trial.model.context_days
        return lookback + max(own, self._partner.context_days if self._partner else 0)

    def predict(self, bars: Bars | str | Path) -> pd.DataFrame:
        """Calibrated probabilities of a rise after each day that has enough bars before it.

        Args:
            bars: Bars as `phase6c.load_bars` returns them, or their source.

        Returns:
            Columns date, ticker and p, ordered by date, then ticker.

        Raises:
            DataError: The bars lack columns, are too few or of another frequency, or hold an
                unknown ticker where the model scales each ticker on its own.
        """
        predicted = self.predictions(bars if isinstance(bars, Bars) else load_bars(bars))
        logits = ensemble(predicted.logits)
        if predicted.partner is not None:
            logits = halved(logits, predicted.partner)
        p = sigmoid(self.calibrator.apply(logits))
        dates = predicted.dates.astype("datetime64[s]")
        return pd.DataFrame({"date": dates, "ticker": predicted.tickers, "p": p})

    def predictions(self, bars: Bars) -> Predictions:
        """The logits of each seed before average, blend and calibration; see `predict`."""
        frames = ticker_frames(bars)
        self._check_bars(bars, frames)
        lengths = np.array([len(frame) for frame in frames.values()])
        starts = np.append(0, np.cumsum(lengths)[:-1])
        dates = np.concatenate([dates_of(frame) for frame in frames.values()])
        panel = self._panel(bars, dates)
        self._scaler_of(tuple(frames)).scale_in_place(panel, starts)
        tickers = np.repeat(list(frames), lengths)
        days = np.concatenate([days_before(frame) for frame in frames.values()])
        ends = np.flatnonzero(days >= self.days_needed - 1)
        # By date, then ticker, as the blocks of a training are.
        ends = ends[np.lexsort((tickers[ends], dates[ends]))]
        on_device, rows = (torch.from_numpy(array).to(self._device) for array in (panel, ends))
        logits = predict_logits(self._model, on_device, rows)
        with torch.inference_mode():
            shortcut = self._model.shortcut_alone(on_device[rows])
        return Predictions(
            dates=dates[ends],
            tickers=tickers[ends],
            logits=_float64(logits),
            shortcut=None if shortcut is None else _float64(shortcut),
            partner=None if self._partner is None else self._partner.logits(panel, ends),
        )

    @property
    def _features(self) -> list[Feature]:
        """The features of each ticker, in the order of its input, which those of the market end."""
        names = self.info.feature_names
        return [FEATURES[name] for name in names if not is_market_feature(name)]

    def _panel(self, bars: Bars, dates: np.ndarray) -> np.ndarray:
        panel = feature_panel(bars, self._features, None)
        names = [feature.name for feature in self._features]
        log_in_place(panel, names, self._scaler.logged)
        return cross_sectional(panel, names, dates, self.info.trial.data)[0]

    def _check_bars(self, bars: Bars, frames: Mapping[str, pd.DataFrame]) -> None:
        needed = {column for feature in self._features for column in feature.needs}
        missing = sorted(needed - set(bars.frame.columns))
        if missing:
            raise DataError(
                "Bars must have the columns that the model was fitted on",
                bars.lacking(missing),
                "Add them.",
            )
        longest = max(frames.values(), key=len)
        if len(longest) < self.days_needed:
            raise DataError(
                f"A ticker must have at least {self.days_needed} bars to be predicted",
                f"{len(longest)} at most",
                "Add earlier bars.",
            )
        self._check_market(frames)
        distance = bar_days(frames)
        if abs(distance - self.info.bar_days) >= _GAP_TOLERANCE_DAYS:
            raise DataError(
                f"Bars must be as far apart as those that the model was fitted on, "
                f"{self.info.bar_days:g} days (median)",
                f"{distance:g} days",
                "Give bars of the same frequency.",
            )

    def _check_market(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """A market of a few of its tickers is another market."""
        known = [ticker for ticker in self.tickers if ticker in frames]
        least = int(np.ceil(_MIN_MARKET_SHARE * len(self.tickers)))
        if is_cross_sectional(self.info.trial.data) and len(known) < least:
            raise DataError(
                f"A model that compares the tickers of a day needs {least} of the"
                f" {len(self.tickers)} that it was fitted on",
                f"{len(known)} of them",
                "Give their bars too.",
            )

    def _scaler_of(self, tickers: tuple[str, ...]) -> Scaler:
        """The scaler with a row for each of these tickers, or a single row for all of them."""
        stored = self._scaler
        mean, scale = np.array(stored.mean), np.array(stored.scale)
        if self.info.trial.data.scaling != "per_ticker":
            return Scaler(mean, scale)
        # A ticker's own mean and deviation cannot be made up for a ticker never seen.
        unknown = [ticker for ticker in tickers if ticker not in stored.tickers]
        if unknown:
            raise DataError(
                "A model that scales each ticker on its own knows those that it was fitted on",
                f"{', '.join(unknown)}; known: {', '.join(stored.tickers)}",
                "Leave them out, or fit a model with the scaling pooled.",
            )
        rows = [stored.tickers.index(ticker) for ticker in tickers]
        return Scaler(mean[rows], scale[rows])


def bar_days(frames: Mapping[str, pd.DataFrame]) -> float:
    """The median distance of a ticker's bars in days, the median over the tickers."""
    gaps = [np.diff(dates_of(frame)).astype(int) for frame in frames.values()]
    # Within a ticker first, so that a ticker with many bars does not outvote the others.
    return float(np.median([np.median(own) for own in gaps if len(own)]))


def load_model(folder: str | PathLike[str]) -> Model:
    """Reads a model from its folder; no code in it is executed.

    A warning says where features are computed by other code than when the model was fitted.

    Args:
        folder: Folder of the model, or the evaluation that made it.

    Raises:
        ConfigError: `folder` is no path.
        FolderError: There is no model in the folder.
        StorageError: A file of the model is damaged.
    """
    folder = folder_of(folder, "model")
    if not (folder / CONFIG_FILE).is_file():
        raise FolderError(
            f"A model's folder must hold {CONFIG_FILE}",
            folder,
            "Name the folder of a model, such as outputs/models/best.",
        )
    files = read_model(folder)
    info = files.info
    if info.feature_code_digest != feature_code_digest():
        logger.warning(
            "The features of the model in %s were computed by other code or other versions of "
            "numpy, pandas or TA-Lib (%s); its probabilities may differ from those it was judged "
            "by.",
            folder,
            info.code_version,
        )
    try:
        return Model(*files)
    except (ValueError, RuntimeError) as error:  # names or shapes of other weights
        first = weights_file(info.seeds[0], len(info.seeds))
        raise damaged(folder / first, str(error)) from error


def _float64(logits: Tensor) -> np.ndarray:
    # Calibration and averages are computed in double precision, as when the model was judged.
    values: np.ndarray = logits.cpu().numpy().astype(np.float64)
    return values
