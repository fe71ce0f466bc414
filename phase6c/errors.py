"""The errors that phase6c raises, each with the exit code that a command ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class Phase6cError(Exception):
    """One message in three parts: the rule, the value that breaks it, and the remedy.

    Args:
        rule: Rule that must hold, as a sentence without its full stop.
        value: Value that breaks the rule.
        remedy: Sentence about a way out.
    """

    exit_code: int = 1

    def __init__(self, rule: str, value: object = None, remedy: str = "") -> None:
        super().__init__(rule, value, remedy)
        self.rule = rule
        self.value = value
        self.remedy = remedy

    def __str__(self) -> str:
        value = "" if self.value is None else f"; found: {self.value}"
        return f"{self.rule}{value}." + (f" {self.remedy}" if self.remedy else "")


class ConfigError(Phase6cError):
    """A configuration, option or search space that cannot be used."""

    exit_code = 2


class DataError(Phase6cError):
    """Bars that cannot be used."""

    exit_code = 65


class BadBarsError(DataError):
    """Rows or tickers of otherwise readable sources that break a rule.

    Attributes:
        rows: Table of every bad row: file, line, ticker, date, rule and value.
        tickers: What is wrong with each bad ticker, by its name.
    """

    def __init__(
        self, rule: str, value: object, remedy: str, rows: pd.DataFrame, tickers: dict[str, str]
    ) -> None:
        super().__init__(rule, value, remedy)
        # A copied or unpickled exception is made anew from these arguments.
        self.args = (rule, value, remedy, rows, tickers)
        self.rows = rows
        self.tickers = tickers


class LeakError(DataError):
    """Something that is learnt from knows the future or another block."""


class ResourceError(Phase6cError):
    """A GPU, CPU or cluster that is not there."""

    exit_code = 69


class StudyFailedError(Phase6cError):
    """No trial reached a value, or the same bug ended three of them."""

    exit_code = 70


class FolderError(Phase6cError):
    """An output folder that is in use, foreign or not writable."""

    exit_code = 73


class StorageError(Phase6cError):
    """Reading or writing failed: the disk is full, or a file is damaged."""

    exit_code = 74


class InterruptedStudyError(Phase6cError):
    """A signal ended the search before it was done; everything finished is kept.

    Attributes:
        exit_code: 130 after SIGINT, 143 after SIGTERM or SIGHUP, 75 after SIGUSR1 (preempted).
    """

    def __init__(self, rule: str, value: object, remedy: str, exit_code: int) -> None:
        super().__init__(rule, value, remedy)
        # A copied or unpickled exception is made anew from these arguments.
        self.args = (rule, value, remedy, exit_code)
        self.exit_code = exit_code
