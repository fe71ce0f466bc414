"""The plan of an evaluation, settled and checked before anything is started."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from phase6c.arguments import folder_of
from phase6c.config import TrialConfig, parse
from phase6c.data.bars import Bars, load_bars
from phase6c.data.history import History
from phase6c.data.preparation import prepare
from phase6c.data.splits import TEST, evaluation_steps
from phase6c.data.walk import Walk
from phase6c.errors import ConfigError, FolderError
from phase6c.evaluation.openings import OPENINGS_FILE, HeldOutBlock, openings_of
from phase6c.records import Trial
from phase6c.storage.disk import bytes_needed
from phase6c.study.evaluation_config import Contender, EvaluationConfig
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import STUDY_FILE, StudyConfig, read_study_config
from phase6c.study.study_folder import cache_path, check_folder, check_unused, evaluation_path
from phase6c.tune.evaluation.contenders import (
    budget_size,
    check_comparable,
    common_training,
    find_contenders,
)
from phase6c.tune.evaluation.options import EvaluationOptions
from phase6c.tune.evaluation.wider_tiers import WiderTier, wider_tiers
from phase6c.tune.runtime.job import StudyPlan, drawn_seed
from phase6c.tune.search.resume import check_same_data
from phase6c.version import code_version
from phase6c.wording import times

# Folder of the trainings' study, within the folder of the model that comes of them.
FITS = "fits"
# Sets the seeds of an evaluation apart from the seeds of searches and probes; not zero, see
# `drawn_seed`.
_EVALUATION = 3


class Fit(NamedTuple):
    """A training: a configuration for a step of the evaluation under a seed."""

    contender: Contender
    step: str
    seed: int

    @property
    def config(self) -> TrialConfig:
        """The whole configuration, the seed included."""
        return parse(TrialConfig, {**self.contender.config, "seed": self.seed})

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the training: two trainings of the same key are the same."""
        return self.config.digest(), self.step


@dataclass(frozen=True)
class EvaluationPlan:
    """An evaluation that is ready to start.

    Attributes:
        folder: Folder of the model.
        study: Study of the trainings, in the folder `fits`.
        bars: All bars, the test block included.
        history: Features and labels of all bars.
        walk: Steps of the evaluation without the test block: all that the trainings may see.
        cache: Folder of prepared features; None for none.
        openings: File of the book of test openings.
        resume: Whether an evaluation that is there may be gone on with.
    """

    folder: Path
    study: StudyPlan
    bars: Bars
    history: History
    walk: Walk
    cache: Path | None
    openings: Path
    resume: bool

    @property
    def config(self) -> EvaluationConfig:
        """The contenders, and how they are compared."""
        assert self.study.config.evaluation is not None
        return self.study.config.evaluation

    @property
    def test_block(self) -> HeldOutBlock:
        """The rows that the final model is judged on."""
        span = self.walk.steps[TEST].fold.out
        return HeldOutBlock(
            bars_digest=self.bars.digest,
            tickers=self.history.summary.tickers,
            first_date=span.first.item(),
            last_date=span.last.item(),
        )

    def opened_before(self) -> str | None:
        """Whether others have opened the test block, in words; None if it is untouched.

        Raises:
            StorageError: The book of openings is damaged.
        """
        own, block = self.study.config.study_id, self.test_block
        # Any day of a ticker counts: another horizon, or a further bar, makes another digest but no
        # untouched block.
        openings = openings_of(self.openings, block)
        before = [opening for opening in openings if opening.evaluation_id != own]
        if not before:
            return None
        return (
            f"The test block, {block.first_date} to {block.last_date}, has been opened "
            f"{times(len(before))} before, first on {before[0]}"
        )

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """The configurations that are compared."""
        return self.config.contenders

    @cached_property
    def wider(self) -> Mapping[str, WiderTier]:
        """Wider tiers than the model's, by the name of the baseline that learns from each."""
        config, n_windows = self.study.config.data, len(self.study.data.train)
        return wider_tiers(self.bars, config, n_windows, self.walk.steps, self.cache)

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of all contenders and steps; a larger number begins with the same seeds."""
        seed = self.study.config.seed
        return tuple(drawn_seed(seed, index, _EVALUATION) for index in range(self.config.n_seeds))

    @property
    def n_fits_at_most(self) -> int:
        """Number of trainings if no contender drops out, the final model's included."""
        # Folds and cal block for each contender, and the step before the test block for the chosen.
        steps = len(self.contenders) * (len(self.walk.folds) + 1) + 1
        return steps * len(self.seeds)

    def resumed(self, stored: StudyConfig) -> EvaluationPlan:
        """The plan with the identity of the stored evaluation.

        Raises:
            DataError: The bars have changed.
            ConfigError: Another evaluation is stored.
        """
        wanted = self.study.config
        check_same_data(stored, wanted.data_digest, wanted.data_summary)
        if stored.evaluation is not None:
            # What may be chosen stays what it was when the evaluation began.
            own = self.config.model_copy(update={"blends": stored.evaluation.blends})
            wanted = wanted.model_copy(update={"evaluation": own})
        if stored.evaluation != wanted.evaluation:
            raise ConfigError(
                "An evaluation is resumed with the studies and options that it was started with",
                "; ".join(_differences(stored.evaluation, self.config)),
                "Give the stored ones, or start another evaluation with another `name`.",
            )
        kept = {"study_id": stored.study_id, "complete": stored.complete}
        config = wanted.model_copy(update=kept)
        return replace(self, study=replace(self.study, config=config))

    def disk_bytes(self, max_concurrent: int) -> int:
        """The size of the trainings' folder at its largest."""
        epochs = self.study.config.train.epochs
        return bytes_needed(
            n_params=max(contender.n_params for contender in self.contenders),
            n_trials=self.n_fits_at_most,
            max_concurrent=max_concurrent,
            epochs=epochs,
            total_epochs=self.n_fits_at_most * epochs,
            n_val=len(self.study.data.val),
            # The final model's weights stand in the folders of its trainings and in its own.
            keep=self.study.config.keep + 2 * len(self.seeds),
            n_states=2,  # a refit's state stands twice while it is replaced
        )


def plan_evaluation(
    studies: str | PathLike[str] | Iterable[str | PathLike[str]],
    options: EvaluationOptions,
    *,
    keeps_cache: bool = True,
) -> EvaluationPlan:
    """Settles everything that can be settled without starting anything.

    Args:
        studies: See `run_evaluation`.
        options: Options of the evaluation.
        keeps_cache: Whether computed features may be kept beside the studies.

    Raises:
        ConfigError: No study is named, or a study twice; or another evaluation is there.
        DataError: The studies cannot be compared, have nothing to evaluate, or their bars have
            changed.
        FolderError: There is no study in a folder, or the model's folder may not be used.
        StorageError: A file of a study is damaged, or its ledger is gone.
    """
    loaded = [load_study(path) for path in _each_once(studies)]
    if not loaded:
        raise ConfigError("An evaluation needs a study", None, "Name the folder of one.")
    check_comparable(loaded)
    first = loaded[0].config
    folder = evaluation_path(options.out, options.name)
    _check_folder(folder, resume=options.resume)
    bars = load_bars(first.sources, **first.handling.model_dump())
    cache = cache_path(options.out) if keeps_cache else None
    data, history, splits = prepare(bars, first.data, cache)
    check_same_data(first, data.digest, data.summary.model_dump(mode="json"))
    steps = evaluation_steps(history.rows.calendar, splits, first.data, options.folds)
    # From here on the trainings' data have no test block; `history` alone can open it.
    walk = Walk.before_test(history, steps)
    walk.check_classes()
    config = _config(loaded, options)
    plan = EvaluationPlan(
        folder=folder,
        study=StudyPlan(
            folder=folder / FITS,
            config=config,
            data=data,
            options=options,
        ),
        bars=bars,
        history=history,
        walk=walk,
        cache=cache,
        openings=Path(options.out).absolute() / OPENINGS_FILE,
        resume=options.resume,
    )
    stored = folder / FITS / STUDY_FILE
    return plan.resumed(read_study_config(stored.parent)) if stored.exists() else plan


def key_of(trial: Trial) -> tuple[str, str]:
    """The identity of a training in the ledger, as `Fit.key`."""
    return parse(TrialConfig, trial.config).digest(), str(trial.step)


def _config(studies: Sequence[Study], options: EvaluationOptions) -> StudyConfig:
    """The configuration of the trainings' study: the data of the searches, and no search.

    The largest budget, and its space, stand for all.
    """
    first, largest = studies[0].config, max(studies, key=budget_size).config
    return StudyConfig(
        study_id=uuid.uuid4().hex,
        name=options.name,
        budget=largest.budget,
        space=largest.space,
        sources=first.sources,
        handling=first.handling,
        data=first.data,
        data_digest=first.data_digest,
        data_summary=first.data_summary,
        train=common_training(studies),
        n_trials=0,
        searcher="none",
        scheduler="none",
        seed=first.seed,
        keep=1,
        code_version=code_version(),
        evaluation=EvaluationConfig(
            contenders=find_contenders(studies, options.top),
            n_seeds=options.seeds,
            n_folds=options.folds,
            calibration=options.calibration,
            blends=True,
        ),
    )


def _check_folder(folder: Path, *, resume: bool) -> None:
    """Checks, without changing anything, that an evaluation may use the folder.

    Raises:
        FolderError: It holds something else, or an evaluation that is not to be gone on with.
    """
    if folder.is_dir() and not (folder / FITS).exists() and any(folder.iterdir()):
        raise FolderError(
            "A folder that holds no evaluation is never written into",
            folder,
            "Choose another `out` or `name`, or empty it yourself.",
        )
    if (folder / FITS / STUDY_FILE).exists() and not resume:
        check_unused(folder / FITS)
        raise FolderError(
            "An existing evaluation is neither changed nor replaced without being asked",
            folder,
            "Add `resume=True` to go on, or choose another `name`.",
        )
    check_folder(folder / FITS, resume=resume, overwrite=False)


def _each_once(studies: str | PathLike[str] | Iterable[str | PathLike[str]]) -> list[Path]:
    if isinstance(studies, str | PathLike) or not isinstance(studies, Iterable):
        studies = [studies]
    places = [folder_of(study, "study").absolute() for study in studies]
    twice = sorted({str(place) for place in places if places.count(place) > 1})
    if twice:
        raise ConfigError("An evaluation takes each study once", ", ".join(twice), "Name it once.")
    return places


def _differences(stored: EvaluationConfig | None, wanted: EvaluationConfig) -> Iterator[str]:
    if stored is None:
        yield "the study there is a search"
        return
    for name in ("n_seeds", "n_folds", "calibration"):
        before, after = getattr(stored, name), getattr(wanted, name)
        if before != after:
            yield f"{name.removeprefix('n_')}: {before} -> {after}"
    before, after = (
        ", ".join(f"{contender.name} of {contender.study}" for contender in config.contenders)
        for config in (stored, wanted)
    )
    if stored.contenders != wanted.contenders:
        yield f"contenders: {before} -> {after}" if before != after else "contenders: retrained"
