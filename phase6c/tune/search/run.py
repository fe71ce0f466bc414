"""Runs a planned search on Ray Tune, from its first trial or from where it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from ray import tune

from phase6c.analysis.correction import correct_best
from phase6c.config import Values, parse
from phase6c.data.bars import Bars
from phase6c.errors import ConfigError
from phase6c.space.space import Space
from phase6c.study.ledger import Ledger, Trials
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import StudyConfig, read_study_config, write_study_config
from phase6c.study.study_folder import cache_path, open_folder
from phase6c.study.views.json_files import write_views
from phase6c.study.views.optuna import write_optuna
from phase6c.tune.proposals.proposals import Proposals, make_sampler
from phase6c.tune.proposals.samplers import RaySampler
from phase6c.tune.runtime.ending import Leave, raise_early_end, with_a_value
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.session import MakeListener, Session
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.plan import StudyPlan, build_trial, plan_study, resumed_search
from phase6c.tune.search.remarks import remarks
from phase6c.tune.search.resume import warn_of_other_code
from phase6c.tune.search.searcher import StudySearcher

logger = logging.getLogger(__name__)


def run_study(space: Space, bars: Bars, /, **options: Any) -> Study:
    """Searches a space on bars; what `launch/tune.py` calls.

    Args:
        space: What is searched, such as `search_spaces.budget_2m.SPACE`.
        bars: As `phase6c.load_bars` returns them.
        **options: Fields of SearchOptions, such as `n_trials=50, gpus=4` or
            `data={"tier": "a50", "horizon_days": 5, "label": "close"}`; `searcher` also takes
            any searcher of Ray Tune's, such as `searcher=AxSearch()`.

    Returns:
        The study; its files are in `study.folder`.

    Raises:
        ConfigError: An option or the space cannot be used.
        DataError: The bars do not suffice.
        ResourceError: A GPU or cluster is not there.
        FolderError: The output folder may not be used.
        StudyFailedError: No trial reached a value.
        InterruptedStudyError: A signal ended the search early.
    """
    asked = parse(SearchOptions, options)
    for value, kind, example in (
        (space, Space, "search_spaces.tiny.SPACE"),
        (bars, Bars, 'phase6c.load_bars("sp500")'),
    ):
        if not isinstance(value, kind):
            rule = f"run_study takes a Space and Bars; {kind.__name__} is missing"
            raise ConfigError(rule, type(value).__name__, f"Give it {example}.")
    return run(plan_study(space, bars, asked, cache_path(asked.out)))


def run(
    plan: StudyPlan,
    listeners: Iterable[MakeListener] = (),
    trainable: type[tune.Trainable] = TransformerTrainable,
    leave: Leave | None = None,
) -> Study:
    """Runs a plan; see `run_study`.

    Args:
        plan: The search.
        listeners, trainable, leave: See `Session`.
    """
    options = plan.options
    halt = Halt(options.time_budget_s)
    for remark in remarks(plan):
        logger.warning(remark)
    sampler = make_sampler(options.searcher, plan.space)
    with open_folder(plan.folder, resume=options.resume, overwrite=options.overwrite) as known:
        if known:
            stored = read_study_config(plan.folder)
            plan = resumed_search(plan)
            if stored.complete and plan.config.n_trials <= stored.n_trials:
                logger.info("The search is complete already; nothing is left to do.")
                return with_a_value(load_study(plan.folder))
            warn_of_other_code(stored, plan.config)
        elif options.resume:
            logger.warning("There is no study to go on with in %s; a new one begins.", plan.folder)
        session = Session(plan, halt, listeners, trainable, leave)
        make_searcher = partial(_make_searcher, plan, sampler, halt)
        with session.run(make_searcher, plan.disk_bytes) as (config, ledger, searcher):
            ended = _conclude(plan, config, ledger.trials, exhausted=searcher.exhausted)
            raise_early_end(plan, halt, done=ended.complete)
            return with_a_value(load_study(plan.folder))


def _make_searcher(
    plan: StudyPlan,
    sampler: RaySampler | None,
    halt: Halt,
    config: StudyConfig,
    ledger: Ledger,
    payload: Values,
) -> StudySearcher:
    # A probe counts as tried by nobody: its seed and its length are not those of a search.
    known = (ledger.trials[number] for number in sorted(ledger.trials))
    proposals = Proposals(
        plan.space,
        plan.count,
        sampler,
        config.objective,
        config.seed,
        [trial for trial in known if trial.searched],
        config.warm_start,
    )
    build = partial(build_trial, plan, config.train)
    return StudySearcher(
        ledger,
        proposals,
        build,
        plan.references,
        config.n_trials,
        plan.in_budget,
        payload,
        halt,
    )


def _conclude(
    plan: StudyPlan, config: StudyConfig, trials: Trials, *, exhausted: bool
) -> StudyConfig:
    """Writes the final files."""
    unfinished = any(trial.searched and not trial.finished for trial in trials.values())
    chosen = sum(trial.chosen for trial in trials.values())
    if exhausted:
        logger.info("The space holds nothing new after %d trials.", chosen)
    done = exhausted or chosen >= config.n_trials
    config = config.model_copy(update={"complete": done and not unfinished})
    if config.complete:
        corrected = correct_best(plan.folder, config, trials.values())
        value = corrected.value.value if corrected else None
        config = config.model_copy(update={"value_corrected": value})
    write_study_config(plan.folder, config)
    write_views(plan.folder, config, trials)
    write_optuna(plan.folder, config, trials)
    return config
