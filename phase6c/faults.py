"""What pydantic finds wrong with a record, in the words of the other messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# What pydantic says, and what is said instead; the first that fits.
_WORDS = (
    (r"^Value error, ", ""),
    (r"(?:, unable to parse|, got a number|, unable to interpret).*", ""),
    (r"^Input should be ", "must be "),
    (r"^Input is not a valid path for .*", "must be a path"),
    (r"^Field required$", "must be given"),
    (r"^(?:Tuple|List) should have at least 1 item .*", "must not be empty"),
    (r"an instance of Searcher", "a searcher of Ray Tune"),
    (r" or instance of (\w+)", r" or a \1"),
    (r"a valid (integer|string|number|tuple|list|boolean|dictionary)", r"\1"),
    (r"\binteger\b", "a whole number"),
    (r"\bstring\b", "a text"),
    (r"\b(?<!whole )(?<!finite )number\b", "a number"),
    (r"\b(tuple|list)\b", "a list"),
    (r"\bboolean\b", "true or false"),
    (r"\bdictionary\b", "a dictionary"),
    (r"greater than or equal to", "at least"),
    (r"less than or equal to", "at most"),
    (r"String should have at least 1 character", "must not be empty"),
)
# Names that pydantic gives to the kinds of a union's values.
_KIND = re.compile(r"\[|-|^(?:str|int|float|bool|tuple|path)$")


def faults_of(kind: type[BaseModel], error: ValidationError) -> list[str]:
    """A sentence without full stop for each place of the record that is wrong."""
    by_place: dict[str, list[ErrorDetails]] = {}
    for item in error.errors():
        by_place.setdefault(_place(item["loc"]), []).append(item)
    return [
        _told(kind, place, items)
        for place, items in by_place.items()
        if not _is_short_of_wrong_items(place, items, by_place)
    ]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is likely meant, if any is near."""
    # A low cutoff: a wrong guess costs the reader a glance, no guess a search through all names.
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.4)), None)


def _is_short_of_wrong_items(place: str, items: list[ErrorDetails], places: Iterable[str]) -> bool:
    """Whether a list has too few items because pydantic leaves out those that are told anyway."""
    inside = any(other.startswith(f"{place}.") for other in places)
    return inside and items[0]["type"] == "too_short"


def _told(kind: type[BaseModel], place: str, items: list[ErrorDetails]) -> str:
    """What is wrong in a place: the kinds of values that it takes are told together."""
    item = items[0]
    if item["type"] == "extra_forbidden":
        *outer, name = item["loc"]
        near = nearest(str(name), _fields_of(kind, outer))
        return f"{place}: there is no such field" + (f" (did you mean {near}?)" if near else "")
    words = [_in_words(each["msg"]) for each in items]
    told = " or ".join([words[0], *(each.removeprefix("must be ") for each in words[1:])])
    given = item["input"]
    found = f" (found {given!r})" if isinstance(given, bool | int | float | str) else ""
    if told.startswith("must "):
        return f"{place or 'it'} {told}{found}"
    return f"{place}: {told}{found}" if place else f"{told}{found}"


def _in_words(message: str) -> str:
    for pattern, words in _WORDS:
        message = re.sub(pattern, words, message)
    return message


def _place(location: tuple[int | str, ...]) -> str:
    """Where a value stands, without the names that pydantic gives to kinds of values.

    Empty where the fault is in the record as a whole.
    """
    return ".".join(str(part) for part in location if not _KIND.search(str(part)))


def _fields_of(kind: type[BaseModel], place: Iterable[int | str]) -> Iterable[str]:
    """The fields of a record, or of a record that it holds."""
    for name in place:
        field = kind.model_fields.get(str(name))
        inner = field and field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ()
        kind = inner
    return kind.model_fields
