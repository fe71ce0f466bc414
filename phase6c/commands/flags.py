"""The library's messages name fields; a user who typed a command reads its flags instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

# A field's name, such as `n_trials` or `data.tier`, with a value or without.
_FIELD = re.compile(r"`(?:data\.)?(?P<name>\w+)(?:=(?P<value>[^`]+))?`")


def flags_of(command: click.Command) -> dict[str, str]:
    """The flag of each field that a command can set."""
    options = (one for one in command.params if isinstance(one, click.Option))
    return {one.name: one.opts[-1] for one in options if one.name is not None}


def in_flags(text: str, flags: Mapping[str, str]) -> str:
    """The text with flags in place of the fields in backticks; a field without a flag stays."""

    def said(field: re.Match[str]) -> str:
        flag = flags.get(field["name"])
        return field[0] if flag is None else _with_value(flag, field["value"])

    return _FIELD.sub(said, text)


def translator() -> Callable[[str], str]:
    """Puts texts into the flags of the running command, later in any thread too."""
    return partial(in_flags, flags=flags_of(click.get_current_context().command))


def _with_value(flag: str, text: str | None) -> str:
    """`--resume`, `--base best` or `--vary n_heads=2,4`, from the value as Python writes it."""
    value = _literal(text)
    if value is None or value is True:
        return flag
    if isinstance(value, dict):
        return " ".join(f"{flag} {name}={_listed(each)}" for name, each in value.items())
    return f"{flag} {_listed(value)}"


def _literal(text: str | None) -> Any:
    try:
        return None if text is None else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _listed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
