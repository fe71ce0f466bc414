"""A study: its configuration, its trials, and the files that are made from its ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from phase6c.arguments import folder_of
from phase6c.config import TrialConfig, Values, parse_stored
from phase6c.errors import DataError, StorageError
from phase6c.notebook import as_html
from phase6c.records import Metrics, State, Trial
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import read_trials
from phase6c.study.ranking import best_trial, ordered, ranked
from phase6c.study.shown import WithPictures
from phase6c.study.study_config import StudyConfig, read_study_config
from phase6c.wording import counted

if TYPE_CHECKING:
    import pandas as pd

# Types of the columns of `Study.history`; those of the parameters are as pandas finds them.
_HISTORY_TYPES = {
    "number": "int64",
    "state": "str",
    "source": "str",
    "value": "float64",
    "best_epoch": "Int64",
    "epochs": "int64",
    "n_params": "int64",
    "in_budget": "bool",
    "duration_s": "float64",
}
# So many of the best trials are shown in a notebook.
_N_SHOWN = 10


@dataclass(frozen=True)
class Study(WithPictures):
    """A search that was run, finished or not.

    Attributes:
        folder: Folder of its files.
        config: Configuration, the content of study.json.
        trials: Trials in the order of their numbers.
    """

    folder: Path
    config: StudyConfig
    trials: tuple[Trial, ...]

    def __repr__(self) -> str:
        counts = Counter(trial.state for trial in self.trials)
        states = ", ".join(
            f"{counts[state]:,} {state.lower()}" for state in get_args(State) if state in counts
        )
        n_trials, best = counted(len(self.trials), "trial"), self.best
        reached = "no best trial yet"
        if best:
            reached = f"best {self.config.objective} {self.best_value:.4f} (trial {best.number})"
        return (
            f"Study({self.config.name!r}, {n_trials}{states and f': {states}'}, {reached}, "
            f"{self.folder})"
        )

    def __fspath__(self) -> str:
        """The folder, so that a study will do wherever a study's folder is asked for."""
        return str(self.folder)

    def _repr_html_(self) -> str:
        """The study in a notebook: its ten best trials, with the fields that were searched."""
        objective, searched = self.config.objective, {*self.config.space["axes"], "d_model"}
        rows = []
        for trial in ranked(self.trials, self.config)[:_N_SHOWN]:
            best = trial.best(objective)
            row = {"trial": trial.number, objective: best and best.value, "epochs": trial.epochs}
            params = {name: value for name, value in trial.params.items() if name in searched}
            rows.append({**row, "parameters": trial.n_params, **params})
        return as_html(repr(self), rows)

    @property
    def best(self) -> Trial | None:
        """The eligible trial with the best value; None before a trial is eligible."""
        return best_trial(self.trials, self.config)

    @property
    def best_value(self) -> float | None:
        """The value of the best trial; None before there is a best trial."""
        trial = self.best
        best = trial and trial.best(self.config.objective)
        return best.value if best else None

    @property
    def best_params(self) -> Values | None:
        """The flat parameters of the best trial, `d_model` included; None without a best trial."""
        trial = self.best
        return dict(trial.params) if trial else None

    def config_of(self, trial: Trial) -> TrialConfig:
        """The configuration of a trial of this study.

        Raises:
            ConfigError: Another version of the code wrote it.
            StorageError: The ledger is damaged.
        """
        return parse_stored(TrialConfig, trial.config, self.folder / LEDGER_NAME)

    def to_frame(self) -> pd.DataFrame:
        """A row for each trial: its summary, parameters and metrics in flat columns."""
        import pandas as pd

        rows = [trial.summary(self.config.objective) for trial in self.trials]
        return pd.json_normalize(rows)

    def history(self) -> pd.DataFrame:
        """A row for each trial, in the order of their numbers.

        Returns:
            Columns
            number: the trial's number;
            state: RUNNING, COMPLETE, PRUNED or FAILED;
            source: who chose it: sampled, warm_start, reference, probe or evaluation;
            value: the objective at the best epoch, NaN before any epoch has a value;
            best_epoch: that epoch, missing before any epoch has a value;
            epochs: the number of epochs that were measured;
            n_params: the exact number of the model's parameters;
            in_budget: whether that number lies in the budget;
            duration_s: seconds of all its epochs;
            params.NAME: the flat parameter NAME, a column for each that any trial has.
        """
        import pandas as pd

        rows = []
        for trial in self.trials:
            best = trial.best(self.config.objective)
            row = {
                "number": trial.number,
                "state": trial.state,
                "source": trial.source,
                "value": best.value if best else None,
                "best_epoch": best.epoch if best else None,
                "epochs": trial.epochs,
                "n_params": trial.n_params,
                "in_budget": trial.in_budget,
                "duration_s": trial.duration_s,
            }
            rows.append(row | {f"params.{name}": value for name, value in trial.params.items()})
        frame = pd.DataFrame(rows, columns=None if rows else list(_HISTORY_TYPES))
        return frame.astype(_HISTORY_TYPES)

    def curves(self) -> pd.DataFrame:
        """A row for each epoch of each trial, in the order of trials and epochs.

        Returns:
            Columns
            number: the trial's number;
            epoch: counted from 1;
            value: the objective after that epoch, NaN where the training diverged;
            auc, log_loss and every other field of `phase6c.records.Metrics` under its own name,
            on the validation block, NaN where a figure is undefined;
            duration_s: seconds of the epoch.
        """
        import pandas as pd

        metrics = list(Metrics.model_fields)
        rows = [
            (
                trial.number,
                epoch.epoch,
                epoch.value,
                *dict(epoch.metrics).values(),
                epoch.duration_s,
            )
            for trial in self.trials
            for epoch in trial.measurements
        ]
        frame = pd.DataFrame(rows, columns=["number", "epoch", "value", *metrics, "duration_s"])
        figures = dict.fromkeys(["value", *metrics, "duration_s"], "float64")
        return frame.astype({"number": "int64", "epoch": "int64"} | figures)


def load_study(folder: str | PathLike[str]) -> Study:
    """Reads a study from its folder; nothing of it is executed.

    Raises:
        ConfigError: `folder` is no path.
        FolderError: There is no study in the folder; those below it are named.
        StorageError: A file of it is damaged, or its ledger is gone.
    """
    folder = folder_of(folder, "study")
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
        studies: Studies to compare.
        aspects: Functions of a study by the name of the aspect in which all must agree.
        together: Words for the common use, such as "that are compared".
        remedy: Sentence for the case that they differ.

    Raises:
        DataError: They differ.
    """
    for aspect, value_of in aspects.items():
        names = {value_of(study): study.config.name for study in studies}
        if len(names) > 1:
            values = ", ".join(f"{name} has {value}" for value, name in names.items())
            raise DataError(f"Studies {together} must have the same {aspect}", values, remedy)
