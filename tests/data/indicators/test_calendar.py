"""The calendar's features, against known dates and pandas' offsets."""

import numpy as np
import pandas as pd
import pytest

from phase6c.data.catalogue import compute_features
from phase6c.data.indicators.calendar import FEATURES

OF_NAME = {feature.name: feature for feature in FEATURES}
WEEKDAYS = pd.bdate_range("2001-01-01", "2012-12-31")


def values(dates, name):
    return compute_features(pd.DataFrame({"date": pd.DatetimeIndex(dates)}), [OF_NAME[name]])[:, 0]


@pytest.mark.parametrize(
    ("date", "is_turn"),
    [
        ("2024-01-31", 1),  # Wednesday, the last business day
        ("2024-02-01", 1),
        ("2024-02-03", 1),  # Saturday, as the second business day before it
        ("2024-02-05", 1),  # Monday, the third
        ("2024-02-06", 0),
        ("2024-02-10", 0),
        ("2024-02-28", 0),
        ("2024-03-29", 1),  # Friday, with a weekend left in the month
        ("2024-03-31", 1),
        ("2024-06-01", 1),  # Saturday, as the last business day of May
    ],
)
def test_the_turn_of_a_month_is_its_last_and_first_three_business_days(date, is_turn):
    assert values([date], "turn_of_month") == is_turn


def test_every_month_turns_on_four_weekdays():
    place = pd.Series(WEEKDAYS).groupby(WEEKDAYS.to_period("M")).cumcount().to_numpy()
    is_last = np.append(np.diff(place) < 0, True)
    np.testing.assert_array_equal(values(WEEKDAYS, "turn_of_month"), (place < 3) | is_last)


def test_the_days_of_other_bars_change_nothing():
    gaps = WEEKDAYS[np.random.default_rng(0).random(len(WEEKDAYS)) < 0.5]
    for name in OF_NAME:
        expected = pd.Series(values(WEEKDAYS, name), WEEKDAYS)
        np.testing.assert_array_equal(values(gaps, name), expected[gaps])


def test_option_expiry_weeks_are_those_of_pandas_third_fridays():
    days = pd.date_range("2001-01-01", "2012-12-31")
    fridays = pd.date_range(days[0], days[-1], freq=pd.offsets.WeekOfMonth(week=2, weekday=4))
    expected = days.to_period("W").isin(fridays.to_period("W"))
    np.testing.assert_array_equal(values(days, "opex_week"), expected)
    assert values(["2024-11-15"], "opex_week") == 1


def test_a_week_is_a_circle_of_seven_days_from_monday():
    week = pd.date_range("2024-01-01", periods=7)
    angles = np.arctan2(values(week, "dow_sin"), values(week, "dow_cos")) % (2 * np.pi)
    np.testing.assert_allclose(angles, 2 * np.pi * week.day_of_week / 7, atol=1e-12)


@pytest.mark.parametrize("year", [2023, 2024])
def test_a_year_is_one_circle_however_long_it_is(year):
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    angles = np.arctan2(values(days, "doy_sin"), values(days, "doy_cos")) % (2 * np.pi)
    np.testing.assert_allclose(angles, 2 * np.pi * (days.day_of_year - 1) / len(days), atol=1e-9)
