"""The study that probes belong to: one that was searched, or one of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from phase6c.data.bars import Bars, load_bars
from phase6c.data.preparation import prepare_search_data
from phase6c.space.references import TOKENS, find_references
from phase6c.space.space import Space
from phase6c.study.study_config import read_study_config
from phase6c.study.study_folder import cache_path, check_folder, output_root, study_name
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import StudyPlan, plan_study
from phase6c.tune.search.resume import check_same_data
from phase6c.version import code_version


def stored_study(folder: Path, options: SearchOptions, *, keeps_cache: bool = True) -> StudyPlan:
    """A study that is there, with the bars that it names.

    Args:
        folder: Of the study.
        options: What to run on; the study itself says everything else.
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
    data = prepare_search_data(load_bars(config.sources), config.data, cache if may_cache else None)
    check_same_data(config, data.digest, data.summary.model_dump(mode="json"))
    return StudyPlan(
        folder=folder,
        config=config.model_copy(update={"code_version": code_version()}),
        space=Space.from_description(config.space),
        data=data,
        references=(),
        options=options,
        precision_pinned=True,
    )


def own_study(
    bars: Bars, reference: str, options: SearchOptions, *, keeps_cache: bool = True
) -> StudyPlan:
    """A study without a search, for the probes of a reference; one that is there is gone on with.

    Args:
        bars: What the reference is trained on.
        reference: Its name.
        options: Data, epochs, objective, seed, place, and what to run on.
        keeps_cache: Whether computed features may be kept beside the studies.

    Raises:
        ConfigError: There is no such reference, or a study of other options is there.
        DataError: The bars do not suffice, or have changed.
        FolderError: The study's folder may not be used.
    """
    (found,) = find_references([reference])
    space = Space(name=found.name, axes={}, fixed=found.values, rules=(TOKENS,))
    name = options.name or study_name(found.name, bars.sources, options.data, kind="probe")
    settled = {"name": name, "resume": True, "scheduler": "none", "searcher": "random"}
    options = options.model_copy(update=settled)
    plan = plan_study(space, bars, options, cache_path(options.out) if keeps_cache else None)
    # Of a search of no trials none is left to do.
    config = plan.config.model_copy(update={"n_trials": 0, "complete": True})
    return replace(plan, config=config)
