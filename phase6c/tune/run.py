"""Runs a planned search on Ray Tune, from its first trial or from where it ended."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

import ray
from ray import tune
from ray.tune import TuneError

from phase6c.board import Board
from phase6c.config import parse
from phase6c.correction import correct_best
from phase6c.data.bars import Bars
from phase6c.disk import check_space
from phase6c.errors import (
    ConfigError,
    Phase6cError,
    StorageError,
)
from phase6c.ledger import FILE_NAME as LEDGER_NAME
from phase6c.ledger import Ledger, Listener
from phase6c.space import Space
from phase6c.study import (
    Study,
    StudyConfig,
    load_study,
    read_config,
    write_config,
    write_views,
)
from phase6c.study_folder import cache_path, open_folder
from phase6c.tune.cluster import cluster_counts, ray_cluster
from phase6c.tune.ending import (
    HaltStopper,
    Leave,
    end_now,
    end_without_ray,
    interrupted,
    with_a_value,
)
from phase6c.tune.halt import Halt, signals_request
from phase6c.tune.head import watched_ray
from phase6c.tune.options import SearchOptions
from phase6c.tune.plan import StudyPlan, build_trial, plan_study, resumed
from phase6c.tune.proposals import Proposals, make_sampler
from phase6c.tune.remarks import remarks
from phase6c.tune.resources import Resources
from phase6c.tune.samplers import RaySampler
from phase6c.tune.scheduler import RungScheduler
from phase6c.tune.search import StudySearcher
from phase6c.tune.settle import settle
from phase6c.tune.trainable import TransformerTrainable
from phase6c.views import Retention, Views

logger = logging.getLogger(__name__)

# Makes a further listener once the study's configuration and ledger are there.
MakeListener = Callable[[StudyConfig, Ledger, Resources], Listener]


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
        listeners: Told of every row of the ledger, after the study's own files are written.
        trainable: What runs one trial.
        leave: Called where the search can neither go on nor be waited for: Ray is gone, which ends
            this process within a minute whatever is done here, or a second signal came. Unless
            given, the search is asked to end, and the second signal raises its error.
    """
    options = plan.options
    halt = Halt(options.time_budget_s)
    for remark in remarks(plan):
        logger.warning(remark)
    sampler = make_sampler(options.searcher, plan.space)
    with open_folder(plan.folder, resume=options.resume, overwrite=options.overwrite) as known:
        if known:
            stored = read_config(plan.folder)
            plan = resumed(plan)
            if stored.complete and plan.config.n_trials <= stored.n_trials:
                logger.info("The search is complete already; nothing is left to do.")
                return with_a_value(load_study(plan.folder))
            _warn_of_other_code(stored, plan.config)
        elif options.resume:
            logger.warning("There is no study to go on with in %s; a new one begins.", plan.folder)
        own_ray = options.address is None and not ray.is_initialized()
        planned = plan.resources() if own_ray else None
        if planned is not None:
            check_space(plan.folder, plan.disk_bytes(planned.max_concurrent))
        logger.info("Starting Ray." if own_ray else "Connecting to Ray.")
        with ExitStack() as signals:
            with (
                ray_cluster(options.address, planned),
                watched_ray(partial(end_without_ray, plan, halt, leave)),
            ):
                resources = planned or plan.resources(cluster_counts())
                if planned is None:
                    check_space(plan.folder, plan.disk_bytes(resources.max_concurrent))
                search = _Search(plan, resources, halt, trainable, sampler)
                asked_again = partial(end_now, plan, leave)
                listen = signals.enter_context(signals_request(halt, asked_again))
                search.run(listeners, listen)
            return search.conclude()


def _warn_of_other_code(stored: StudyConfig, config: StudyConfig) -> None:
    if stored.code_version != config.code_version:
        logger.warning(
            "The study was last run by another version of the code (%s, now %s); each trial's"
            " code_version says which one trained it.",
            stored.code_version,
            config.code_version,
        )


class _Search:
    """One run of a study: what its searcher, rungs and ledger share."""

    def __init__(
        self,
        plan: StudyPlan,
        resources: Resources,
        halt: Halt,
        trainable: type[tune.Trainable],
        sampler: RaySampler | None,
    ) -> None:
        self._plan = plan
        self._resources = resources
        self._halt = halt
        self._trainable = trainable
        self._config = settle(plan, resources)
        write_config(plan.folder, self._config)
        self._ledger = Ledger(plan.folder / LEDGER_NAME)
        self._searcher = self._make_searcher(sampler)

    def run(self, listeners: Iterable[MakeListener], listen: Callable[[], None]) -> None:
        """Has Ray Tune run trials until all are done or the search is asked to end."""
        folder, config, ledger = self._plan.folder, self._config, self._ledger
        board = Board(folder, config, ledger.trials)
        for listener in (board, Retention(folder, config, ledger), Views(folder, config, ledger)):
            ledger.listen(listener)
        for make in listeners:
            ledger.listen(make(config, ledger, self._resources))
        try:
            with tempfile.TemporaryDirectory() as staging:
                self._tuner(staging, listen).fit()
        except OSError as error:  # our own files raise errors of ours
            rule = "The temporary folder must be writable"
            found = f"{tempfile.gettempdir()}: {error.strerror or error}"
            remedy = "Free space there, or name another place in TMPDIR and RAY_TMPDIR."
            raise StorageError(rule, found, remedy) from error
        except TuneError as error:
            # What ledger and listeners raise, such as of a full disk, Ray wraps as text.
            ours = _ours_behind(error)
            if ours is None:
                raise
            raise ours from error
        finally:
            board.close()
            ledger.close()

    def conclude(self) -> Study:
        """Writes the final files; raises what ended the search early."""
        plan, trials = self._plan, self._ledger.trials
        unfinished = any(not trial.finished for trial in trials.values())
        chosen = sum(trial.chosen for trial in trials.values())
        if self._searcher.exhausted:
            logger.info("The space holds nothing new after %d trials.", chosen)
        done = self._searcher.exhausted or chosen >= self._config.n_trials
        config = self._config.model_copy(update={"complete": done and not unfinished})
        if config.complete:
            corrected = correct_best(plan.folder, config, trials.values())
            value = corrected.value.value if corrected else None
            config = config.model_copy(update={"value_corrected": value})
        write_config(plan.folder, config)
        write_views(plan.folder, config, trials)
        self._raise_early_end(config)
        return with_a_value(load_study(plan.folder))

    def _make_searcher(self, sampler: RaySampler | None) -> StudySearcher:
        plan, config = self._plan, self._config
        trials = [self._ledger.trials[number] for number in sorted(self._ledger.trials)]
        provenance = {
            "study_id": config.study_id,
            "data_digest": config.data_digest,
            "code_version": config.code_version,
        }
        return StudySearcher(
            self._ledger,
            Proposals(
                plan.space,
                plan.count,
                sampler,
                config.objective,
                config.seed,
                trials,
                config.warm_start,
            ),
            partial(build_trial, plan, config.train),
            plan.references,
            config.n_trials,
            plan.in_budget,
            {
                "study_folder": str(plan.folder),
                "study_id": config.study_id,
                "provenance": provenance,
            },
            self._halt,
        )

    def _tuner(self, staging: str, listen: Callable[[], None]) -> tune.Tuner:
        share = {"cpu": 1, "gpu": self._resources.gpus_per_trial}
        trainable = tune.with_parameters(self._trainable, data=self._plan.data)
        return tune.Tuner(
            tune.with_resources(trainable, share),
            tune_config=tune.TuneConfig(
                search_alg=self._searcher,
                scheduler=RungScheduler(self._ledger, self._config, self._halt),
                num_samples=-1,
                max_concurrent_trials=self._resources.max_concurrent,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="ray",
                storage_path=staging,
                stop=HaltStopper(self._halt, self._searcher, listen),
                verbose=0,
                # Ray loses trials whose worker dies during a reset; our searcher retries.
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=0, checkpoint_at_end=False
                ),
            ),
        )

    def _raise_early_end(self, config: StudyConfig) -> None:
        if self._halt.error is not None:
            raise self._halt.error
        received = self._halt.signal_number
        if received is not None and not config.complete:
            raise interrupted(self._plan, received)


def _ours_behind(error: BaseException) -> Phase6cError | None:
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, Phase6cError):
        behind = behind.__cause__ or behind.__context__
    return behind
