"""The study that probes belong to: a study that was searched, or a study of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from phase6c.config import TrainConfig
from phase6c.data.bars import Bars, load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.space.references import TOKENS, find_references
from phase6c.space.space import Space
from phase6c.study.study_config import STUDY_FILE, read_study_config
from phase6c.study.study_folder import (
    cache_path,
    check_folder,
    output_root,
    study_name,
    study_path,
)
from phase6c.tune.probe.options import ProbeStudyOptions
from phase6c.tune.runtime.job import RunOptions, StudyPlan, new_study_config
from phase6c.tune.search.resume import check_resumable, check_same_data
from phase6c.version import code_version

# Fields of a study that its probes depend on.
_SETTLED = ("space", "data", "data_digest", "data_summary", "seed", "keep")


def stored_study(folder: Path, options: RunOptions, *, keeps_cache: bool = True) -> StudyPlan:
    """A study that is there, with the bars that it names.

    Args:
        folder: Folder of the study.
        options: Machines of the run; the study itself says everything else.
        keeps_cache: Whether computed features may be kept beside the studies.

    Raises:
        DataError: The bars have changed.
        FolderError: There is no study in the folder.
        StorageError: The study's ledger is gone.
    """
    folder = folder.absolute()
    config = read_study_config(folder)
    check_folder(folder, resume=True, overwrite=False)
    cache = cache_path(output_root(folder))
    # A folder that was copied elsewhere has no cache beside it, and gets none.
    may_cache = keeps_cache and cache.is_dir()
    bars = load_bars(config.sources, **config.handling.model_dump())
    data = prepare_search_data(bars, config.data, cache if may_cache else None)
    check_same_data(config, data.digest, data.summary.model_dump(mode="json"))
    return StudyPlan(
        folder=folder,
        config=config.model_copy(update={"code_version": code_version()}),
        data=data,
        options=options,
    )


def own_study(
    bars: Bars, reference: str, options: ProbeStudyOptions, *, keeps_cache: bool = True
) -> StudyPlan:
    """A study without a search, for the probes of a reference; a stored study is gone on with.

    Args:
        bars: Bars that the reference is trained on.
        reference: Name of the reference.
        options: Data, epochs, objective, seed, place, and machines.
        keeps_cache: Whether computed features may be kept beside the studies.

    Raises:
        ConfigError: There is no such reference, or a study of other options is there.
        DataError: The bars do not suffice, or have changed.
        FolderError: The study's folder may not be used.
    """
    (known,) = find_references([reference])
    # Without axes: the whole configuration is fixed, and nothing is proposed.
    space = Space(name=known.name, axes={}, fixed=known.values, rules=(TOKENS,))
    name = options.name or study_name(known.name, bars.sources, options.data, kind="probe")
    folder = study_path(options.out, options.data.tier, name)
    check_folder(folder, resume=True, overwrite=False)
    data = prepare_search_data(bars, options.data, cache_path(options.out) if keeps_cache else None)
    data.check_context(int(space.fixed["context_days"]))
    train = TrainConfig(epochs=options.epochs, objective=options.objective)
    config = new_study_config(
        space,
        bars,
        data,
        options.data,
        train,
        name=name,
        seed=options.seed,
        keep=options.keep,
        complete=True,  # there is no search that could be left to do
    )
    plan = StudyPlan(
        folder=folder, config=config, data=data, options=options, precision_known=False
    )
    return _resumed(plan) if (folder / STUDY_FILE).exists() else plan


def _resumed(plan: StudyPlan) -> StudyPlan:
    """The plan with the stored study, which must have the same configuration.

    Raises:
        ConfigError: Another study is there.
        DataError: The bars have changed.
    """
    stored = read_study_config(plan.folder)
    wanted = plan.config
    # The stored precision was measured by the first run, and binds all later trainings.
    train = wanted.train.model_copy(update={"precision": stored.train.precision})
    compared = {"train": train, **{name: getattr(wanted, name) for name in _SETTLED}}
    check_resumable(stored, stored.model_copy(update=compared))
    config = stored.model_copy(update={"code_version": wanted.code_version})
    return replace(plan, config=config, precision_known=True)
