"""One run of a study's trials on Ray Tune, whoever chooses them: a search, or probes."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
from ray import tune
from ray.tune import TuneError

from phase6c.config import Values
from phase6c.errors import Phase6cError, StorageError
from phase6c.storage.disk import check_space
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger, Listener
from phase6c.study.retention import Retention
from phase6c.study.study_config import StudyConfig, write_study_config
from phase6c.study.views.json_files import Views
from phase6c.study.views.tensorboard import Board
from phase6c.tune.runtime.cluster import cluster_counts, ray_cluster
from phase6c.tune.runtime.ending import HaltStopper, Leave, end_now, end_without_ray
from phase6c.tune.runtime.halt import Halt, signals_request
from phase6c.tune.runtime.ray_watch import watched_ray
from phase6c.tune.runtime.resources import Resources
from phase6c.tune.runtime.scheduler import RungScheduler
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.runtime.trial_searcher import TrialSearcher
from phase6c.tune.search.plan import StudyPlan
from phase6c.tune.search.precision_and_baselines import with_precision_and_baselines

logger = logging.getLogger(__name__)

# Makes a further listener once the study's configuration and ledger are there.
MakeListener = Callable[[StudyConfig, Ledger, Resources], Listener]
# Makes who chooses the trials, with what every worker needs beside its trial.
MakeSearcher = Callable[[StudyConfig, Ledger, Values], TrialSearcher]


@dataclass(frozen=True)
class Session:
    """A study whose folder is held, ready to run trials.

    Attributes:
        plan: The study.
        halt: Asks for an early end.
        listeners: Told of every row of the ledger, after the study's own files are written.
        trainable: What runs one trial.
        leave: Called where the run can neither go on nor be waited for: Ray is gone, which ends
            this process within a minute whatever is done here, or a second signal came. Unless
            given, the run is asked to end, and the second signal raises its error.
        shared: What all trials see; the study's search data unless given.
    """

    plan: StudyPlan
    halt: Halt
    listeners: Iterable[MakeListener] = ()
    trainable: type[tune.Trainable] = TransformerTrainable
    leave: Leave | None = None
    shared: Any = None

    @contextmanager
    def run(
        self, make_searcher: MakeSearcher, disk_bytes: Callable[[int], int]
    ) -> Iterator[tuple[StudyConfig, Ledger, TrialSearcher]]:
        """Runs trials until there are no more or the end is asked for; signals are heard on.

        Args:
            make_searcher: Makes who chooses the trials.
            disk_bytes: The size of the study's folder at its largest, with so many trials side
                by side.

        Yields:
            The study's configuration, its ledger and the searcher as they are now, to conclude.
        """
        address = self.plan.options.address
        own_ray = address is None and not ray.is_initialized()
        planned = self.plan.resources() if own_ray else None
        if planned is not None:
            check_space(self.plan.folder, disk_bytes(planned.max_concurrent))
        logger.info("Starting Ray." if own_ray else "Connecting to Ray.")
        with ExitStack() as signals:
            with (
                ray_cluster(address, planned),
                watched_ray(partial(end_without_ray, self.plan, self.halt, self.leave)),
            ):
                resources = planned or self.plan.resources(cluster_counts())
                if planned is None:
                    check_space(self.plan.folder, disk_bytes(resources.max_concurrent))
                config = with_precision_and_baselines(self.plan, resources)
                write_study_config(self.plan.folder, config)
                ledger = Ledger(self.plan.folder / LEDGER_NAME)
                searcher = make_searcher(config, ledger, self._payload(config))
                asked_again = partial(end_now, self.plan, self.leave)
                listen = signals.enter_context(signals_request(self.halt, asked_again))
                self._run(config, ledger, searcher, resources, listen)
            listen()  # Ray's end takes the handlers away
            yield config, ledger, searcher

    def _payload(self, config: StudyConfig) -> Values:
        """What every worker needs beside its trial."""
        names = ("study_id", "data_digest", "code_version")
        return {
            "study_folder": str(self.plan.folder),
            "study_id": config.study_id,
            "provenance": {name: getattr(config, name) for name in names},
        }

    def _run(
        self,
        config: StudyConfig,
        ledger: Ledger,
        searcher: TrialSearcher,
        resources: Resources,
        listen: Callable[[], None],
    ) -> None:
        folder = self.plan.folder
        board = Board(folder, config, ledger.trials)
        for listener in (board, Retention(folder, config, ledger), Views(folder, config, ledger)):
            ledger.listen(listener)
        for make in self.listeners:
            ledger.listen(make(config, ledger, resources))
        stopper = HaltStopper(self.halt, searcher, listen)
        scheduler = RungScheduler(ledger, config, self.halt)
        try:
            with tempfile.TemporaryDirectory() as staging:
                self._tuner(staging, searcher, scheduler, stopper, resources).fit()
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

    def _tuner(
        self,
        staging: str,
        searcher: TrialSearcher,
        scheduler: RungScheduler,
        stopper: HaltStopper,
        resources: Resources,
    ) -> tune.Tuner:
        share = {"cpu": 1, "gpu": resources.gpus_per_trial}
        trainable = tune.with_parameters(
            self.trainable, data=self.plan.data if self.shared is None else self.shared
        )
        return tune.Tuner(
            tune.with_resources(trainable, share),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                scheduler=scheduler,
                num_samples=-1,
                max_concurrent_trials=resources.max_concurrent,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                name="ray",
                storage_path=staging,
                stop=stopper,
                verbose=0,
                # Ray loses trials whose worker dies during a reset; our searcher retries.
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=0, checkpoint_at_end=False
                ),
            ),
        )


def _ours_behind(error: BaseException) -> Phase6cError | None:
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, Phase6cError):
        behind = behind.__cause__ or behind.__context__
    return behind
