"""Values of options that are more than a word or a number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from phase6c.errors import ConfigError


def parse_setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE, with the value read as a number, true/false, or else as text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError("--set takes NAME=VALUE", text, "Use --set dropout=0.1.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Pinned values by name, each given once."""
    pins: dict[str, Any] = {}
    for text in texts:
        name, value = parse_setting(text)
        if name in pins:
            raise ConfigError("--set takes each name once", name, "Keep one of its values.")
        pins[name] = value
    return pins


def parse_variations(texts: Sequence[str]) -> dict[str, list[Any]]:
    """NAME=V1,V2 of --vary: the values of each name, each read as that of --set."""
    vary: dict[str, list[Any]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        if not values:
            raise ConfigError("--vary takes NAME=V1,V2", text, "Use --vary n_heads=2,4.")
        if name in vary:
            raise ConfigError("--vary takes each name once", name, f"Use {name}=V1,V2.")
        vary[name] = [parse_setting(f"{name}={value}")[1] for value in values.split(",")]
    return vary


def parse_duration(text: str | None) -> float | None:
    """Seconds of a duration such as 90s, 30m, 8h or 2d."""
    if text is None:
        return None
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        seconds = float(text[:-1]) * units[text[-1:]]
    except (KeyError, ValueError):
        seconds = 0.0
    if seconds <= 0:
        raise ConfigError("A duration must be a number with s, m, h or d", text, "Use 30m or 8h.")
    return seconds


def parse_count(option: str, text: str, least: int) -> int | None:
    """A whole number; None for auto."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < least:
        rule = f"{option} must be a whole number from {least} on, or auto"
        raise ConfigError(rule, text, f"Use {option} auto.")
    return int(text)
