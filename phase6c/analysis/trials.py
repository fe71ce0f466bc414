"""A search as analyses see it: a study, or a file of trials that another program searched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from phase6c.arguments import folder_of
from phase6c.config import Objective, Value, Values, digest_of
from phase6c.records import CHOSEN, Source, State, Trial, score
from phase6c.space.axes import Axis, Choice, Grid, parse_axes
from phase6c.study.foreign_trials import read_january
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import STUDY_FILE, TRIALS_FILE


@dataclass(frozen=True)
class Result:
    """A trial as the analysis sees it.

    Attributes:
        number: Number of the trial.
        params: Flat values of the axes, and `d_model` where it is known.
        curve: Scores after each epoch, finite, larger is better; a file tells of a single epoch.
        state: State, as in `Trial`.
        source: Who chose the trial.
        seconds: Seconds of training; None where a file does not say.
        final: Score of the best epoch on all validation rows, where the curve is of a part of them.
    """

    number: int
    params: Mapping[str, Value]
    curve: tuple[float, ...]
    state: State = "COMPLETE"
    source: Source = "sampled"
    seconds: float | None = None
    final: float | None = None

    @property
    def score(self) -> float:
        """The score of the best epoch; minus infinity before the first epoch."""
        return max(self.curve, default=float("-inf")) if self.final is None else self.final

    @property
    def chosen(self) -> bool:
        """Whether the search itself chose it."""
        return self.source in CHOSEN


@dataclass(frozen=True)
class Search:
    """A search as the analysis sees it.

    Attributes:
        name: Name in tables.
        path: Path of its folder or file.
        objective: Objective; scores are its values, turned so that larger is better.
        axes: Axes of the search; for a file, the values that it holds.
        n_epochs: Number of epochs of a training that is never stopped.
        results: All trials in the order of their numbers.
        study: Study with all else that is known; None for a file.
    """

    name: str
    path: Path
    objective: Objective
    axes: Mapping[str, Axis]
    n_epochs: int
    results: tuple[Result, ...]
    study: Study | None = None


def read_search(path: str | PathLike[str]) -> Search:
    """Reads a study's folder, or a JSON file of trials such as January's.

    Raises:
        FolderError: There is no study in the folder.
        DataError: The file does not hold trials.
        StorageError: A file of the study is damaged, or its ledger is gone.
    """
    path = folder_of(path, "study")
    # Whoever names our own all_trials.json means the study around it, which tells far more.
    if path.name == TRIALS_FILE and path.with_name(STUDY_FILE).is_file():
        path = path.parent
    return of_file(path) if path.is_file() else of_study(load_study(path))


def of_study(study: Study) -> Search:
    """A study of ours as the analysis sees it."""
    axes = parse_axes(study.config.space["axes"])
    return Search(
        name=study.config.name,
        path=study.folder,
        objective=study.config.objective,
        axes=axes,
        n_epochs=study.config.train.epochs,
        results=tuple(_result(trial, study.config.objective, axes) for trial in study.trials),
        study=study,
    )


def of_file(path: Path) -> Search:
    """The trials of a JSON file; their axes are made of the values in the file."""
    told = read_january(path).told
    params = [
        {name: trial.values[name] for name in trial.values if name in trial.names} for trial in told
    ]
    return Search(
        name=path.stem,
        path=path,
        objective="auc",
        axes=_axes_of(params),
        n_epochs=1,
        results=tuple(
            Result(number, values, (trial.score,))
            for number, (trial, values) in enumerate(zip(told, params, strict=True))
        ),
    )


def alike(results: Iterable[Result]) -> list[list[Result]]:
    """The results of each configuration that has several."""
    by_params: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_params[digest_of(dict(result.params))].append(result)
    return [group for group in by_params.values() if len(group) > 1]


def _result(trial: Trial, objective: Objective, axes: Iterable[str]) -> Result:
    scores = (
        score(epoch.value, objective) for epoch in trial.measurements if epoch.value is not None
    )
    return Result(
        number=trial.number,
        params=trial.values_of(axes),
        curve=tuple(scores),
        state=trial.state,
        source=trial.source,
        seconds=trial.duration_s,
        final=_final_score(trial, objective),
    )


def _final_score(trial: Trial, objective: Objective) -> float | None:
    if trial.final is None or trial.final.value is None:
        return None
    return score(trial.final.value, objective)


def _axes_of(params: Sequence[Values]) -> dict[str, Axis]:
    """Ordered grids of numbers, choices of anything else; a value that never varies is no axis."""
    names = dict.fromkeys(name for values in params for name in values)
    seen = {name: {flat[name] for flat in params if name in flat} for name in names}
    return {name: _axis_of(values) for name, values in seen.items() if len(values) > 1}


def _axis_of(values: set[Value]) -> Axis:
    numbers = all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
    return Grid.of(*values) if numbers else Choice.of(*sorted(values, key=str))
