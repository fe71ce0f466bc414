"""Columns of text as numbers: a whole column is read in a single notation, or not at all.

1,234.5 and 1.234,5 are the same number in two countries. A cell alone cannot tell which is meant,
so the cells of a column, and the columns of a file, decide together, and where they do not, the
column is refused with both readings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from phase6c.data.reading.cells import is_missing, stripped
from phase6c.wording import listed

_THOUSANDS_POINT = r"[+-]?[1-9][0-9]{0,2}(?:[.' \u00a0\u202f][0-9]{3})+"
_THOUSANDS_COMMA = r"[+-]?[1-9][0-9]{0,2}(?:[,' \u00a0\u202f][0-9]{3})+"
# The first where a point parts the decimals, the second where a comma does.
_PATTERNS = {
    ".": rf"(?:{_THOUSANDS_COMMA}|[+-]?[0-9]+)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|[+-]?\.[0-9]+",
    ",": rf"(?:{_THOUSANDS_POINT}|[+-]?[0-9]+)(?:,[0-9]*)?(?:[eE][+-]?[0-9]+)?|[+-]?,[0-9]+",
}
# A separator and three digits, once: thousands in one notation, decimals in the other.
_EITHER = r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}"
_WHOLE = r"[+-]?[0-9]{1,3}"
_FACTORS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_SUFFIXED = r"(.*[0-9.,]) ?([KMBTkmbt])"
# A double holds every number of so many digits apart.
MAX_EXACT_DIGITS = 15
_CURRENCIES = "$€£¥₹"
# Volumes that were read as 60.436 instead of 60,436 end in any of ten digits, and those below a
# thousand are whole: what share of each shows that.
MIN_THREE_DECIMALS, MIN_WHOLE = 0.8, 0.005


@dataclass
class Numbers:
    """The numbers of a file's columns.

    Attributes:
        values: float64[row] of each column; NaN where there is no number.
        faults: Of a column that cannot be read as a whole, what is wrong and the remedy.
        notes: Sentences without full stop about notations that are not plain.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    faults: dict[str, tuple[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parse_numbers(column: pd.Series) -> np.ndarray:
    """float64; NaN where there is no number in plain notation."""
    fast = _plain_numbers(column)
    if fast is not None:
        return fast
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        column = pd.to_numeric(stripped(column), errors="coerce")
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))


def _plain_numbers(column: pd.Series) -> np.ndarray | None:
    """The numbers of a column that holds nothing but short plain ones, many times faster.

    Up to fifteen digits every parser rounds alike; a longer number is left to pandas', so that
    the same file makes the same bars whatever else stands in it.
    """
    if not isinstance(column.dtype, pd.StringDtype) or not len(column):
        return None
    texts = pa.array(column, type=pa.large_string())
    if (pc.max(pc.binary_length(texts)).as_py() or 0) > MAX_EXACT_DIGITS:
        return None
    try:
        numbers = pc.cast(pc.if_else(pc.equal(texts, ""), None, texts), pa.float64())
        return np.asarray(pc.fill_null(numbers, np.nan).to_numpy())
    except pa.ArrowInvalid:
        return None


def read_numbers(columns: Mapping[str, pd.Series], tickers: np.ndarray) -> Numbers:
    """The numbers of columns in the notation that each column as a whole is written in.

    Read are plain numbers, thousands in groups (1,234.5 or 1'234.5), decimal commas (1.234,5),
    a currency sign before or after every number, and K, M, B or T behind every number.

    Args:
        columns: Cells of each column, all of one file.
        tickers: Code of the ticker of each row: of two tickers, the volume of one may be in
            thousands.
    """
    numbers = Numbers()
    odd: dict[str, _Written] = {}
    for name, column in columns.items():
        values = parse_numbers(column)
        numbers.values[name] = values
        ambiguous = _may_be_thousands(column, values)
        if name == "volume" and not ambiguous:
            mixed = _ticker_in_thousands(column, values, tickers)
            if mixed is not None:
                numbers.faults[name] = _both_readings(column[mixed], values[mixed])
                continue
        if ambiguous and pd.api.types.is_numeric_dtype(column.dtype):
            numbers.faults[name] = _both_readings(column, values)
        elif ambiguous or _has_text(column, values):
            written = _Written.of(column)
            if written.is_whole:
                odd[name] = written
    marks = {written.mark for written in odd.values() if written.mark}
    plain = [values for name, values in numbers.values.items() if name not in odd]
    if not marks and any(map(_has_decimals_at_all, plain)):
        marks = {"."}
    how: dict[str, list[str]] = {}
    for name, written in odd.items():
        told = _take(numbers, name, written, marks)
        if told:
            how.setdefault(told, []).append(name)
    numbers.notes = [f"written {told}: {listed(names)}" for told, names in how.items()]
    return numbers


@dataclass(frozen=True)
class _Written:
    """Cells of a column that is not plain.

    Attributes:
        body: Numbers as text, without suffix and currency; missing where there is no value.
        factor: What each number is multiplied by.
        marks: Decimal marks with which every cell can be read.
        how: Words for what was taken off.
        is_whole: Whether every cell, but for missing ones, can be read.
    """

    body: pd.Series
    factor: np.ndarray
    marks: tuple[str, ...]
    how: tuple[str, ...]

    @classmethod
    def of(cls, column: pd.Series) -> _Written:
        texts = stripped(column).mask(is_missing(column))
        how = []
        present = texts.dropna()
        for sign in _CURRENCIES:
            if len(present) and present.str.contains(sign, regex=False).all():
                texts = texts.str.replace(sign, "", n=1, regex=False).str.strip()
                present = texts.dropna()
                how.append(f"with {sign}")
        texts, factor = _without_suffix(texts)
        if (factor != 1).any():
            how.append("in K, M, B or T")
        present = texts.dropna()
        marks = tuple(
            mark for mark, pattern in _PATTERNS.items() if present.str.fullmatch(pattern).all()
        )
        return cls(texts, factor, marks if len(present) else (), tuple(how))

    @property
    def is_whole(self) -> bool:
        return bool(self.marks)

    @property
    def mark(self) -> str | None:
        """The only decimal mark that reads the column, if cells tell."""
        return self.marks[0] if len(self.marks) == 1 else None

    def values(self, mark: str) -> np.ndarray:
        """float64[row] with this decimal mark."""
        texts = self.body.str.replace(
            f"[' \u00a0\u202f{',' if mark == '.' else '.'}]", "", regex=True
        )
        plain = pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce")
        values = plain.to_numpy(dtype="float64", na_value=np.nan) * self.factor
        # 1.234K is 1234, whatever a product of doubles makes of it.
        return np.asarray(np.where(self.factor == 1, values, np.round(values, 6)))


def _without_suffix(texts: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """The texts without K, M, B or T and what these stand for, if all but zeros have a suffix."""
    parts = texts.str.extract(f"^{_SUFFIXED}$")
    suffixed = parts[1].notna()
    is_zero = texts.isin(["0", "0.0", "0.00"])
    if not suffixed.any() or not (suffixed | texts.isna() | is_zero).all():
        return texts, np.ones(len(texts))
    factor = parts[1].str.upper().map(_FACTORS).fillna(1.0).to_numpy(dtype="float64")
    return parts[0].where(suffixed, texts), factor


def _take(numbers: Numbers, name: str, written: _Written, marks: set[str]) -> str:
    """Reads a column that is not plain, or says why it cannot be read; in words, how."""
    mark = written.mark or _likely_mark(written, marks)
    if mark is None:
        numbers.values[name] = np.full(len(written.body), np.nan)
        numbers.faults[name] = _two_readings(written.body)
        return ""
    numbers.values[name] = written.values(mark)
    how = [*written.how]
    if mark == ",":
        how.append("with decimal commas")
    elif (
        name == "volume"
        and written.mark is None
        and written.body.str.contains(".", regex=False).any()
    ):
        how.append(
            "with three decimals throughout, which may be thousands: all rows alike, so that"
            " no feature changes"
        )
    elif written.body.str.contains(r"[0-9][,' \u00a0\u202f][0-9]", regex=True).any():
        how.append("with thousands separators")
    return " and ".join(how)


def _likely_mark(written: _Written, marks: set[str]) -> str | None:
    """The decimal mark of a column that both marks can read, by the other columns of its file."""
    if np.array_equal(written.values("."), written.values(","), equal_nan=True):
        return "."
    present = written.body.dropna()
    points = present.str.contains(".", regex=False).any()
    if len(marks) > 1 or (not marks and not points):
        return None
    mark = next(iter(marks), ".")
    # Three decimals in some rows and none in others are thousands and hundreds.
    is_mixed = (present.str.fullmatch(_WHOLE) & (present != "0")).any()
    return None if is_mixed and present.str.contains(mark, regex=False).any() else mark


def _two_readings(texts: pd.Series) -> tuple[str, str]:
    """The fault of texts in which a mark may part thousands or decimals."""
    present = texts.dropna()
    either = present[present.str.fullmatch(_EITHER)]
    whole = present[present.str.fullmatch(_WHOLE) & (present != "0")]
    told, remedy = _readings(str((either if len(either) else present).iloc[0]))
    return told + (f", as {whole.iloc[0]} stands beside it" if len(whole) else ""), remedy


def _readings(text: str) -> tuple[str, str]:
    digits = re.sub(r"[.,]", "", text)
    decimal = text.replace(",", ".")
    return (
        f"can be read in two ways: {text} may be {int(digits):,} or {decimal}",
        "Write it without thousands separators and with a decimal point.",
    )


def _may_be_thousands(column: pd.Series, values: np.ndarray) -> bool:
    """Whether plain numbers such as 60.436 may be thousands.

    All numbers with a point have exactly three decimals and lie below a thousand; where trailing
    zeros are lost, whole numbers, the hundreds, are among them.
    """
    some = values[np.isfinite(values) & (values != 0)]  # a day without trade tells nothing
    if not len(some) or np.abs(some[:64]).max() >= 1000 or np.abs(some).max() >= 1000:
        return False
    whole = some == np.rint(some)
    if whole.all() or not _has_decimals(some[~whole], 3):
        return False
    if not pd.api.types.is_numeric_dtype(column.dtype):
        texts = stripped(column)[np.isfinite(values) & (values != 0)]
        return bool((texts.str.fullmatch(_EITHER) | texts.str.fullmatch(_WHOLE)).all())
    # Parquet drops zeros at the end, so that of thousands nine in ten keep three decimals.
    exact = ~np.isclose(some[~whole] * 100, np.rint(some[~whole] * 100), rtol=0, atol=1e-6)
    return bool(
        whole.mean() >= MIN_WHOLE
        and exact.mean() >= MIN_THREE_DECIMALS
        and (some[whole] >= 100).mean() > 0.5
    )


def _ticker_in_thousands(
    column: pd.Series, values: np.ndarray, tickers: np.ndarray
) -> np.ndarray | None:
    """The rows, bool[row], of a ticker whose hundreds and thousands cannot be told apart."""
    fraction = np.isfinite(values) & (values != np.rint(values))
    n_tickers = int(tickers.max(initial=-1)) + 1
    if n_tickers < 2 or not fraction.any():
        return None
    largest = np.zeros(n_tickers)
    named = (tickers >= 0) & np.isfinite(values)
    np.maximum.at(largest, tickers[named], np.abs(values[named]))
    suspects = (largest < 1000) & (np.bincount(tickers[fraction & named], minlength=n_tickers) > 0)
    for code in np.flatnonzero(suspects):
        own = tickers == code
        texts = column[own]
        is_whole = values[own] == np.rint(values[own])
        if (is_whole & (values[own] != 0)).any() and _may_be_thousands(texts, values[own]):
            return np.asarray(own)
    return None


def _has_decimals(values: np.ndarray, count: int) -> bool:
    """Whether no number has more decimals."""
    scaled = values * 10**count
    return bool(np.isclose(scaled, np.rint(scaled), rtol=0, atol=1e-6).all())


def _has_decimals_at_all(values: np.ndarray) -> bool:
    some = values[np.isfinite(values)]
    return bool((some != np.rint(some)).any())


def _has_text(column: pd.Series, values: np.ndarray) -> bool:
    """Whether there are cells that are no plain numbers and not missing either."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    unread = np.isnan(values)
    return bool(unread.any() and not is_missing(column[unread]).all())


def _both_readings(column: pd.Series, values: np.ndarray) -> tuple[str, str]:
    """The fault of numbers in which a point may part thousands."""
    fraction = np.flatnonzero(np.isfinite(values) & (values != np.rint(values)))[0]
    whole = np.flatnonzero((values != 0) & (values == np.rint(values)))[0]
    text = stripped(column.iloc[[fraction]]).iloc[0]
    told, remedy = _readings(text)
    return f"{told}, as {values[whole]:g} stands beside it", remedy
