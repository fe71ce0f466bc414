"""Runs a job on Ray Tune: the common shell of searches, probes and evaluations."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

import ray
from ray import tune
from ray.tune import TuneError

from phase6c.config import Values
from phase6c.errors import ConfigError, Phase6cError, StorageError
from phase6c.stopping.decisions import Decisions
from phase6c.storage.disk import check_space
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger, Listener
from phase6c.study.retention import Retention
from phase6c.study.study_config import StudyConfig, read_study_config, write_study_config
from phase6c.study.study_folder import open_folder
from phase6c.study.views.json_files import Views
from phase6c.study.views.optuna_journal import OptunaJournal
from phase6c.study.views.tensorboard import Board
from phase6c.study.views.trackers.destination import Destination, destinations
from phase6c.study.views.trackers.followers import told_to
from phase6c.terminal.progress import MakeDisplay
from phase6c.tune.runtime.cluster import cluster_nodes, ray_cluster
from phase6c.tune.runtime.elastic import LiveLimit
from phase6c.tune.runtime.ending import HaltStopper, Leave, end_now, end_without_ray
from phase6c.tune.runtime.halt import Halt, signals_request
from phase6c.tune.runtime.job import Job, Result, SearcherType
from phase6c.tune.runtime.joining.arrival import Arrival
from phase6c.tune.runtime.joining.checks import CheckedNodes
from phase6c.tune.runtime.ray_places import another_place
from phase6c.tune.runtime.ray_watch import watched_ray
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.scheduler import RungScheduler
from phase6c.tune.runtime.trial_searcher import TrialSearcher

logger = logging.getLogger(__name__)


def run_job(
    job: Job[SearcherType, Result],
    listeners: Sequence[Listener] = (),
    display: MakeDisplay | None = None,
    leave: Leave | None = None,
) -> Result:
    """Runs a job to its end, or goes on with its stored study.

    Args:
        job: Search, probes or evaluation.
        listeners: Functions that are told of every row of the ledger, after the study's own files
            are written.
        display: Function that makes a further listener, which shows the progress.
        leave: Function that ends the process where the run can neither go on nor be waited for:
            Ray is gone, which ends this process within a minute whatever is done here, or a second
            signal came. Unless given, the run is asked to end, and the second signal raises its
            error.

    Raises:
        FolderError: The study's folder may not be used.
        ConfigError: Another study than the job's is stored.
        DataError: The bars of a stored study have changed.
        ResourceError: A GPU, a cluster or a tracker's package is not there.
        StorageError: A file cannot be read or written.
        StudyFailedError: No trial reached a value.
        InterruptedStudyError: A signal ended the run early.
    """
    _check_listeners(listeners)
    options = job.study.options
    trackers = destinations(options.mlflow, options.wandb)
    halt = Halt(job.time_budget_s)
    folder = job.study.folder
    with open_folder(folder, resume=job.resume, overwrite=job.overwrite) as is_there:
        if is_there:
            stored = read_study_config(folder)
            job = job.resumed(stored)
            known = job.known_result(stored)
            if known is not None:
                return known
            _warn_of_other_code(stored, job.study.config)
        job.prepare(is_there=is_there)
        return _Session(job, halt, leave, trackers).run(listeners, display)


def _check_listeners(listeners: Sequence[Listener]) -> None:
    """Checks that the listeners can be called.

    Raises:
        ConfigError: They are no list of functions.
    """
    # An iterator would be read up by the check, and tell nobody of anything.
    if not isinstance(listeners, Sequence) or not all(map(callable, listeners)):
        remedy = "Give functions that take a row and a trial, as `listeners=[print]`."
        raise ConfigError("Listeners must be a list of functions", repr(listeners), remedy)


def _warn_of_other_code(stored: StudyConfig, config: StudyConfig) -> None:
    """Says if a study is gone on with by another version of the code."""
    if stored.code_version != config.code_version:
        logger.warning(
            "The study was last run by another version of the code (%s, now %s); each trial's"
            " code_version says which one trained it.",
            stored.code_version,
            config.code_version,
        )


@dataclass(frozen=True)
class _Session(Generic[SearcherType, Result]):
    """A job whose folder is held."""

    job: Job[SearcherType, Result]
    halt: Halt
    leave: Leave | None
    trackers: Sequence[Destination]

    def run(self, listeners: Iterable[Listener], display: MakeDisplay | None) -> Result:
        """Runs trials until there are no more or the end is asked for, and concludes."""
        study = self.job.study
        address = study.options.address
        own_ray = address is None and not ray.is_initialized()
        planned = study.resources() if own_ray else None
        # Ray takes seconds to start; a machine or a disk that does not suffice is told before.
        if planned is not None:
            self._check_space(planned)
        arrival = Arrival(study.options)
        arrival.of_head()
        logger.info("Starting Ray." if own_ray else "Connecting to Ray.")
        # Signals are heard until the end of the conclusion, which may take minutes.
        with ExitStack() as around:
            with (
                ray_cluster(address, planned),
                watched_ray(partial(end_without_ray, study.folder, self.halt, self.leave)),
            ):
                arrival.of_machines()
                nodes = around.enter_context(closing(CheckedNodes(study.folder, cluster_nodes)))
                resources = planned or study.resources(nodes.first())
                if planned is None:
                    self._check_space(resources)
                config = self.job.settled_config(resources)
                # Before the first row of the ledger, which means nothing without its configuration.
                write_study_config(study.folder, config)
                ledger = Ledger(study.folder / LEDGER_NAME)
                payload = self._payload(config, resources)
                searcher = self.job.make_searcher(config, ledger, payload, self.halt)
                if planned is None:
                    searcher.max_concurrent = LiveLimit(resources, study.options, nodes)
                asked_again = partial(end_now, study.folder, self.leave)
                # Only now, since `ray.init` sets handlers; its SIGTERM exits with code 15.
                listen = around.enter_context(signals_request(self.halt, asked_again))
                told = list(listeners)
                if display is not None:
                    counts = resources.n_gpus, resources.max_concurrent
                    told.append(display(config, ledger, *counts, self.job.goal))
                # Until after the conclusion, which settles the best.
                around.enter_context(told_to(self.trackers, study.folder, ledger))
                scheduler = RungScheduler(ledger, config, self.halt, self.job.silent_epochs)
                scheduler.before_placing = nodes.keep_away
                scheduler.may_be_misplaced = nodes.may_have_misplaced
                self._train(config, ledger, searcher, scheduler, resources, told, listen)
            listen()  # Ray's end takes the handlers away
            # Without Ray, which could end this process while the final files are written.
            return self.job.conclude(config, ledger, searcher, self.halt)

    def _check_space(self, resources: Resources) -> None:
        check_space(self.job.study.folder, self.job.disk_bytes(resources.max_concurrent))

    def _payload(self, config: StudyConfig, resources: Resources) -> Values:
        """The entries of a worker's config beside its trial."""
        names = ("study_id", "data_digest", "code_version")
        return {
            "study_folder": str(self.job.study.folder),
            "study_id": config.study_id,
            "rungs": sorted(Decisions(config).rungs()),
            "gpu": resources.n_gpus > 0,
            "provenance": {name: getattr(config, name) for name in names},
        }

    def _train(
        self,
        config: StudyConfig,
        ledger: Ledger,
        searcher: TrialSearcher,
        scheduler: RungScheduler,
        resources: Resources,
        listeners: Iterable[Listener],
        listen: Callable[[], None],
    ) -> None:
        folder = self.job.study.folder
        board = Board(folder, config, ledger.trials)
        retention = Retention(folder, config, ledger)
        searcher.kept_score = retention.least_score
        own: list[Listener] = [board, retention, Views(folder, config, ledger)]
        open_views: list[Board | OptunaJournal] = [board]
        # Trainings of an evaluation differ in their dates: Optuna has nothing to compare.
        if config.evaluation is None:
            journal = OptunaJournal(folder, config, ledger.trials)
            own.append(journal)
            open_views.append(journal)
        # The user's listeners come last: they may read the files that ours have written.
        for listener in (*own, *listeners):
            ledger.listen(listener)
        stopper = HaltStopper(self.halt, searcher, listen)
        try:
            # Ray's own files are of no use after the run: the ledger is the truth.
            with tempfile.TemporaryDirectory() as staging:
                self._tuner(staging, searcher, scheduler, stopper, resources).fit()
        except OSError as error:  # our own files raise errors of ours
            rule = "The temporary folder must be writable"
            # The folder is not known where every one that Python tried refused a file.
            place = f"{tempfile.tempdir or 'TMPDIR'}: {error.strerror or error}"
            remedy = another_place(error, "TMPDIR", "RAY_TMPDIR")
            raise StorageError(rule, place, remedy) from error
        except TuneError as error:
            # Errors of ledger and listeners, such as of a full disk, come out of Ray as text.
            ours = _ours_behind(error)
            if ours is None:
                raise
            raise ours from error
        finally:
            for view in open_views:
                view.close()
            ledger.close()

    def _tuner(
        self,
        staging: str,
        searcher: TrialSearcher,
        scheduler: RungScheduler,
        stopper: HaltStopper,
        resources: Resources,
    ) -> tune.Tuner:
        # A trial trains on a single thread: two threads were eight times slower here.
        share = {"cpu": 1, "gpu": resources.gpus_per_trial}
        trainable: Any = tune.with_parameters(self.job.trainable, data=self.job.shared)
        return tune.Tuner(
            tune.with_resources(trainable, share),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=scheduler,
                # Without end: the searcher says when there is nothing more to hand out.
                num_samples=-1,
                # Passed on to the searcher, which counts its trials for itself.
                max_concurrent_trials=resources.max_concurrent,
                # The next trial begins after 0.08 s instead of 1.6 s for a new process with torch.
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="ray",
                storage_path=staging,
                stop=stopper,
                verbose=0,
                # Ray loses trials whose worker dies during a reset, whatever number of failures it
                # may take; our searcher hands their numbers out again.
                failure_config=tune.FailureConfig(max_failures=0),
                # The trial's own folder holds the checkpoints; Ray's would be further copies.
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=0, checkpoint_at_end=False
                ),
            ),
        )


def _ours_behind(error: BaseException) -> Phase6cError | None:
    """The error of phase6c's own in the chain of causes, if there is such an error."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, Phase6cError):
        behind = behind.__cause__ or behind.__context__
    return behind
