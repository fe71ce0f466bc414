"""Every opening of a test block is written down before anything is seen of it."""

from datetime import UTC, date, datetime

import pytest

from phase6c.errors import StorageError
from phase6c.evaluation.openings import OPENINGS_FILE, Opening, has_opened, open_test, read_openings

FIRST = Opening(
    bars_digest="a" * 64,
    tickers=("sp500",),
    first_date=date(2016, 3, 8),
    last_date=date(2018, 12, 28),
    at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    evaluation_id="one",
    model="outputs/models/best",
    chosen="trial 3, ensemble, platt",
    label="high +0.01 in 1 d",
    code_version="0",
)


@pytest.fixture
def book(tmp_path):
    return tmp_path / "outputs" / OPENINGS_FILE


def test_the_first_opening_has_none_before_it(book):
    assert open_test(book, FIRST) == (FIRST, ())
    assert read_openings(book) == [FIRST]


def test_a_second_one_is_told_of_those_before_it(book):
    open_test(book, FIRST)
    second = FIRST.model_copy(update={"evaluation_id": "two"})
    assert open_test(book, second) == (second, (FIRST,))
    assert len(read_openings(book)) == 2


def test_an_evaluation_that_goes_on_opens_it_once(book):
    open_test(book, FIRST)
    later = FIRST.model_copy(update={"at": datetime(2026, 2, 2, tzinfo=UTC)})
    assert open_test(book, later) == (FIRST, ())
    assert len(read_openings(book)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"bars_digest": "b" * 64, "tickers": ("nasdaq",)},
        {"last_date": date(2016, 3, 7), "first_date": date(2015, 1, 1)},
    ],
)
def test_other_bars_or_days_are_another_block(other, book):
    open_test(book, FIRST)
    another = FIRST.model_copy(update={"evaluation_id": "two", **other})
    assert open_test(book, another)[1] == ()


@pytest.mark.parametrize("tickers", [("sp500",), ("nasdaq", "sp500")])
def test_newer_bars_of_a_ticker_do_not_make_its_block_untouched(tickers, book):
    open_test(book, FIRST)
    later = {"bars_digest": "b" * 64, "tickers": tickers, "last_date": date(2019, 1, 4)}
    another = FIRST.model_copy(update={"evaluation_id": "two", **later})
    assert open_test(book, another)[1] == (FIRST,)


@pytest.mark.parametrize(
    "other", [{"first_date": date(2016, 3, 9)}, {"last_date": date(2018, 12, 21)}]
)
def test_another_horizon_that_ends_a_few_days_earlier_opens_the_same_block(other, book):
    open_test(book, FIRST)
    another = FIRST.model_copy(update={"evaluation_id": "two", **other})
    assert open_test(book, another)[1] == (FIRST,)


def test_it_is_known_who_has_opened(book):
    assert not has_opened(book, "one")
    open_test(book, FIRST)
    assert has_opened(book, "one")
    assert not has_opened(book, "two")


def test_a_damaged_book_opens_nothing(book):
    open_test(book, FIRST)
    book.write_text('{"bars_digest": 3}\n' + book.read_text())
    with pytest.raises(StorageError, match="book of test openings"):
        open_test(book, FIRST)


@pytest.mark.parametrize("end", [b"", b"\0" * 29 + b"\n"], ids=["cut", "zeros"])
def test_an_opening_whose_line_is_torn_is_not_forgotten(end, book):
    """A power cut may leave zeros and the line's end."""
    open_test(book, FIRST)
    torn = book.read_bytes()[:-30] + end
    book.write_bytes(torn)
    with pytest.raises(StorageError, match="last line has no end"):
        open_test(book, FIRST.model_copy(update={"evaluation_id": "two"}))
    assert book.read_bytes() == torn


def test_a_book_that_cannot_be_written_opens_nothing(book):
    book.mkdir(parents=True)
    with pytest.raises((StorageError, OSError)):
        open_test(book, FIRST)
