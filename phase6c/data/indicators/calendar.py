"""The day within its week, month and year, known without any bar.

Business days are Mondays to Fridays: an exchange's holidays are not known here, and the bars
that follow must not be read. A bar of a weekend counts as a bar of the Friday before.
"""

# mypy: disable-error-code="no-any-return"
# (NumPy's functions of arrays are typed as returning Any.)

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from phase6c.data.indicators.feature import Feature, TickerBars


def _weekday(date: np.ndarray) -> np.ndarray:
    """0 on Monday to 6 on Sunday; day 0 of datetime64 was a Thursday."""
    return (date.astype(np.int64) + 3) % 7


def _first_of_month(date: np.ndarray, months_later: int = 0) -> np.ndarray:
    return (date.astype("datetime64[M]") + months_later).astype("datetime64[D]")


def _week_angle(date: np.ndarray) -> np.ndarray:
    """The angle of a week of seven days: markets without weekends have bars on all of them."""
    return 2 * np.pi * _weekday(date) / 7


def _year_angle(date: np.ndarray) -> np.ndarray:
    year = date.astype("datetime64[Y]")
    start, end = (y.astype("datetime64[D]") for y in (year, year + 1))
    return 2 * np.pi * ((date - start) / (end - start))


def _turn_of_month(date: np.ndarray) -> np.ndarray:
    """1 on the last business day of a month and the first three of the next, as in Lakonishok
    and Smidt (1988)."""
    # A prediction is made at the close of day t, when the calendar of days to come is known, unlike
    # their bars: the last day of a month may therefore be told by its date.
    so_far = np.busday_count(_first_of_month(date), date + 1)
    to_come = np.busday_count(date + 1, _first_of_month(date, 1))
    return ((so_far <= 3) | (to_come == 0)).astype(np.float64)


def _option_expiry_week(date: np.ndarray) -> np.ndarray:
    # Options on stocks and indices expire on the third Friday of a month.
    third_friday = np.busday_offset(_first_of_month(date), 2, roll="forward", weekmask="Fri")
    friday = date - _weekday(date) + 4
    return (friday == third_friday).astype(np.float64)


def _feature(name: str, meaning: str, of_date: Callable[[np.ndarray], np.ndarray]) -> Feature:
    def compute(bars: TickerBars) -> np.ndarray:
        return of_date(bars.date)

    return Feature(name, "calendar", 0, meaning, (), compute)


FEATURES = (
    _feature("dow_sin", "sine of the day of the week", lambda date: np.sin(_week_angle(date))),
    _feature("dow_cos", "cosine of the day of the week", lambda date: np.cos(_week_angle(date))),
    _feature("doy_sin", "sine of the day of the year", lambda date: np.sin(_year_angle(date))),
    _feature("doy_cos", "cosine of the day of the year", lambda date: np.cos(_year_angle(date))),
    _feature(
        "turn_of_month", "1 on a month's last and first three business days, else 0", _turn_of_month
    ),
    _feature("opex_week", "1 in the week of a month's third Friday, else 0", _option_expiry_week),
)
