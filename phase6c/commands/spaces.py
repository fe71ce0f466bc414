"""Finding the space that a command names: a budget's, or a user's own module."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from phase6c.config import check_names
from phase6c.errors import ConfigError

if TYPE_CHECKING:
    from phase6c.space.space import Space

# The package with a module for each budget. It is found by name: phase6c imports no recipe.
RECIPES = "search_spaces"


def find_space(budget: str | None, module_name: str | None) -> Space:
    """The SPACE of a budget's module, or of any module.

    Raises:
        ConfigError: There is no such budget or module, or it holds no SPACE.
    """
    from phase6c.space.space import Space

    module_name = module_name or _module_of(budget)
    try:
        with _importing_from_here():
            space = importlib.import_module(module_name).SPACE
    except ConfigError:
        raise
    except Exception as error:  # of any kind, from a user's module
        raise _no_space(
            module_name, f"{error or 'nothing said'}, {type(error).__name__}"
        ) from error
    if not isinstance(space, Space):
        raise _no_space(module_name, f"SPACE is a {type(space).__name__}")
    return space


def _module_of(budget: str | None) -> str:
    """`search_spaces.budget_NAME`, or `search_spaces.NAME`."""
    known = {
        name.removeprefix("budget_"): f"{RECIPES}.{name}"
        for _, name, _ in pkgutil.iter_modules(importlib.import_module(RECIPES).__path__)
        if name != "common"
    }
    if budget is None:
        raise ConfigError(
            "A search needs --budget or --space",
            None,
            f"Use --budget {' or '.join(sorted(known))}.",
        )
    check_names([budget], known, "budget")
    return known[budget]


def _no_space(module_name: str, found: str) -> ConfigError:
    return ConfigError(
        "--space must name a module with a SPACE, a phase6c.Space",
        f"{module_name} ({found})",
        "Name one such as search_spaces.january_2m, or my_space for my_space.py in this folder.",
    )


@contextmanager
def _importing_from_here() -> Iterator[None]:
    """While open, a user's own module is looked for in the current folder, after all others."""
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)
