"""The arguments of the functions that Python users call, checked before anything is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from phase6c.config import DataConfig, check_names
from phase6c.errors import ConfigError


def _no_text(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic tells ValueErrors
    return value


# Pydantic alone would read a number out of a text, for which only the command line has a use.
WholeNumber = Annotated[int, BeforeValidator(_no_text)]


def check_keywords(function: Callable[..., Any], unknown: Iterable[str]) -> None:
    """Checks that a function was given no other keywords than its own.

    Args:
        function: Function that was called.
        unknown: Keywords that it did not know.

    Raises:
        ConfigError: There are such keywords; the nearest of its own is named.
    """
    parameters = inspect.signature(function).parameters.values()
    known = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    misplaced = sorted(DataConfig.model_fields.keys() & set(unknown))
    if misplaced and "data" in known:
        rule = "Features, label and horizon are given together, as `data`"
        remedy = f'Use `data={{"{misplaced[0]}": ...}}`.'
        raise ConfigError(rule, ", ".join(misplaced), remedy)
    check_names(unknown, known, "keyword")


def check_kinds(function: Callable[..., Any], *given: tuple[object, type, str]) -> None:
    """Checks that a function was given what it takes.

    Args:
        function: Function that was called.
        *given: Each argument with the kind that it must be of, and an example.

    Raises:
        ConfigError: An argument is of another kind.
    """
    kinds = " and ".join(kind.__name__ for _, kind, _ in given)
    for value, kind, example in given:
        if not isinstance(value, kind):
            rule = f"{function.__name__} takes {kinds}; {kind.__name__} is missing"
            raise ConfigError(rule, type(value).__name__, f"Give it {example}.")


def folder_of(given: str | PathLike[str], owner: str) -> Path:
    """The folder that is named; a `Study` stands for its own, and so does an `Evaluated`.

    Args:
        given: Path of the folder, or what lies in it.
        owner: What is read from the folder, as `study`.

    Raises:
        ConfigError: It is no path.
    """
    try:
        return Path(given)
    except TypeError:
        rule = f"A {owner} is read from its folder"
        raise ConfigError(rule, type(given).__name__, "Name the folder.") from None
