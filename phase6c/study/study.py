"""A study: its configuration, its trials, and the files that are made from its ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from phase6c.config import (
    TrialConfig,
    parse_stored,
)
from phase6c.errors import DataError, StorageError
from phase6c.records import Trial
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import read_trials

if TYPE_CHECKING:
    import pandas as pd
from phase6c.study.ranking import best_trial, ordered
from phase6c.study.study_config import StudyConfig, read_study_config


@dataclass(frozen=True)
class Study:
    """A search that was run, finished or not.

    Attributes:
        folder: Where its files are.
        config: What was searched, and how.
        trials: In the order of their numbers.
    """

    folder: Path
    config: StudyConfig
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The eligible trial with the best value; None before there is one."""
        return best_trial(self.trials, self.config)

    def config_of(self, trial: Trial) -> TrialConfig:
        """The configuration of one of its trials.

        Raises:
            ConfigError: Another version of the code wrote it.
            StorageError: It cannot be one: the ledger is damaged.
        """
        return parse_stored(TrialConfig, trial.config, self.folder / LEDGER_NAME)

    def to_frame(self) -> pd.DataFrame:
        """One row a trial: its summary, parameters and metrics in flat columns."""
        import pandas as pd

        rows = [trial.summary(self.config.objective) for trial in self.trials]
        return pd.json_normalize(rows)


def load_study(folder: str | Path) -> Study:
    """Reads a study from its folder; nothing of it is executed.

    Raises:
        FolderError: There is no study in the folder.
        StorageError: A file of it is damaged, or its ledger is gone.
    """
    folder = Path(folder)
    config = read_study_config(folder)
    ledger = folder / LEDGER_NAME
    if not ledger.exists():
        raise StorageError(
            "A study must have its ledger",
            f"{ledger} is missing",
            "Restore it from a copy, or run the study again.",
        )
    return Study(folder, config, ordered(read_trials(ledger)))


def check_same(
    studies: Iterable[Study],
    aspects: Mapping[str, Callable[[Study], str]],
    together: str,
    remedy: str,
) -> None:
    """Checks that studies agree, so that their figures can be put side by side.

    Args:
        studies: Which.
        aspects: By what it is called, what they must agree in.
        together: What is made of them, in words.
        remedy: What to do else.

    Raises:
        DataError: They differ.
    """
    for what, value_of in aspects.items():
        found = {value_of(study): study.config.name for study in studies}
        if len(found) > 1:
            values = ", ".join(f"{name} has {value}" for value, name in found.items())
            raise DataError(f"Studies {together} must have the same {what}", values, remedy)
