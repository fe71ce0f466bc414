"""The part of an earlier search that a new search takes over: a few first trials and a prior."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from phase6c.config import DataConfig, digest_of
from phase6c.errors import ConfigError, DataError
from phase6c.space.budget import CountParameters
from phase6c.space.space import Space
from phase6c.space.transfer import fit
from phase6c.storage.redact import redact
from phase6c.study.foreign_trials import Earlier, Told, read_january
from phase6c.study.ranking import eligible, value_of
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import STUDY_FILE, TRIALS_FILE, PriorPoint, WarmStart
from phase6c.tune.proposals.proposals import reached

# The first runs at once, the others only where the run before was no worse than most: see
# `Enqueued`.
N_STARTS = 3


def read_warm_start(
    source: str | Path, space: Space, count: CountParameters, data: DataConfig
) -> WarmStart:
    """The warm start that a study, or a file of trials, gives to a search of this space.

    The source may have another budget, tier, horizon or space; a file names no label to compare.

    Raises:
        ConfigError: The study predicts another label.
        DataError: There is no trial to start from.
        FolderError: There is no study in the folder.
    """
    path = Path(source).absolute()
    # A study's own all_trials.json stands for the study, which also tells label and objective.
    if path.name == TRIALS_FILE and _is_file(path.with_name(STUDY_FILE)):
        path = path.parent
    earlier = read_january(path) if _is_file(path) else _read_study(path, data)
    return take_over(earlier, stored_name(source), space, count)


def stored_name(source: str | Path) -> str:
    """The name of a warm start's source in a study: the whole path, without secrets."""
    return redact(str(Path(source).absolute()))


def take_over(earlier: Earlier, source: str, space: Space, count: CountParameters) -> WarmStart:
    """The three best trials of an earlier search to start with, and all of them for the prior.

    Raises:
        DataError: There is no trial to start from.
    """
    told, lacks = earlier
    telling = [trial for trial in told if trial.names & space.axes.keys()]
    fitted = [(trial, values) for trial in telling if (values := fit(space, trial.values, count))]
    starts = [(trial.best, values) for trial, values in fitted if trial.best is not None]
    # The sort is stable: of equal trials the earlier comes first, as in the source.
    starts.sort(key=lambda start: -start[0])
    if not starts:
        raise DataError(
            "A warm start needs a trial that reached a value and fits into the space",
            f"{source}: none of {len(told)}; the space's axes are {', '.join(space.axes)}",
            "Name another study.",
        )
    return WarmStart(
        source=source,
        source_digest=digest_of([(trial.values, trial.score, trial.best) for trial in told]),
        starts=tuple(values for _, values in starts[:N_STARTS]),
        points=tuple(PriorPoint(values=values, score=trial.score) for trial, values in fitted),
        n_told=len(told) + len(lacks),
        lacks=tuple(lacks),
        untold=tuple(
            sorted(space.axes.keys() - set().union(*(trial.values for trial, _ in fitted)))
        ),
    )


def _what_is_there(folder: Path) -> str:
    try:
        studies = sorted(path.parent.name for path in folder.glob(f"*/{STUDY_FILE}"))
        if studies:
            return f"holds the studies {', '.join(studies)}"
        return "holds no study" if folder.exists() else "there is no such file or folder"
    except (OSError, ValueError):  # a name that no file can have
        return "there is no such file or folder"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _read_study(folder: Path, data: DataConfig) -> Earlier:
    if not _is_file(folder / STUDY_FILE):
        raise DataError(
            "A warm start is a study's folder, or a JSON file of trials",
            f"{folder}: {_what_is_there(folder)}",
            "Name another.",
        )
    study = load_study(folder)
    # Tier, horizon and bars may differ; another label makes another question of them.
    if study.config.data.label != data.label:
        raise ConfigError(
            "A search is warm-started from a study of the same label",
            f"{study.config.data.label} in {folder}, {data.label} here",
            "Name another study, or search with its label.",
        )
    told = list(_told(study))
    return Earlier(told, ["no value"] * (len(study.trials) - len(told)))


def _told(study: Study) -> Iterator[Told]:
    """Every trial with a lesson; a divergence or lack of memory was as bad as the worst trial."""
    objective = study.config.objective
    scores = {
        trial.number: reached(trial, objective)
        for trial in study.trials
        if trial.state in ("COMPLETE", "PRUNED") and trial.best(objective) is not None
    }
    for trial in study.trials:
        collapsed = trial.error is not None and trial.error.kind in ("diverged", "oom")
        # Without any score, the worst score of a collapsed trial is not known.
        if not scores or not (trial.number in scores or collapsed):
            continue
        best = value_of(trial, objective) if eligible(trial, study.config) else None
        score = scores.get(trial.number, min(scores.values()))
        flat = study.config_of(trial).flat()
        yield Told(flat, score, best, frozenset(flat))
