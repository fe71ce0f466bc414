"""Matched contrasts on Ray Tune: a configuration and its variants, all epochs, paired seeds."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune

from phase6c.analysis.contrasts import contrasts
from phase6c.analysis.probed import Probed
from phase6c.config import Value, Values, check_names, parse
from phase6c.data.bars import Bars
from phase6c.errors import ConfigError, StudyFailedError
from phase6c.records import Trial
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger, Trials, read_trials
from phase6c.study.study import load_study
from phase6c.study.study_config import TRIALS_FILE, StudyConfig, read_study_config
from phase6c.study.study_folder import open_folder
from phase6c.study.views.json_files import write_views
from phase6c.study.views.optuna import write_optuna
from phase6c.tune.probe.bases import find_bases, reference_name
from phase6c.tune.probe.plan import ProbePlan, by_digest
from phase6c.tune.probe.study import own_study, stored_study
from phase6c.tune.runtime.ending import Leave, raise_early_end
from phase6c.tune.runtime.halt import Halt
from phase6c.tune.runtime.session import MakeListener, Session
from phase6c.tune.runtime.trainable import TransformerTrainable
from phase6c.tune.runtime.trial_searcher import TrialSearcher
from phase6c.tune.search.options import SearchOptions
from phase6c.tune.search.remarks import remarks
from phase6c.tune.search.resume import warn_of_other_code

logger = logging.getLogger(__name__)

N_SEEDS = 3
# What may be asked for where the study is there already; the rest stands in it.
RUN_OPTIONS = ("gpus", "gpus_per_trial", "cpus", "address")
# What a study of its own is made from besides.
STUDY_OPTIONS = ("data", "epochs", "objective", "seed", "out", "name", "keep")


def run_probe(
    source: str | Path | Bars,
    /,
    base: str,
    vary: Mapping[str, Sequence[Value]],
    *,
    seeds: int = N_SEEDS,
    **options: Any,
) -> Probed:
    """Trains matched contrasts; what `launch/probe.py` calls.

    Every configuration is trained for all epochs under the same seeds, whatever its curve; all
    fields but the varied one stay as they are, d_model too. What the study has already is not
    trained again, so the same call goes on where it was interrupted.

    Args:
        source: The folder of a study; or bars, for a study of the probe's own.
        base: `best`, `top:K`, `trial:N` or `reference:NAME`; with bars a reference.
        vary: The values to try of each field, one field at a time; none to repeat the base alone.
        seeds: How many; more of them begin with the same.
        **options: `gpus`, `gpus_per_trial`, `cpus` and `address` of SearchOptions; with bars also
            `data`, `epochs`, `objective`, `seed`, `out`, `name` and `keep`.

    Raises:
        ConfigError: An option, the base or a value cannot be used.
        DataError: The bars have changed, or do not suffice.
        FolderError: There is no study, or it is in use.
        ResourceError: A GPU or cluster is not there.
        StudyFailedError: No probe reached a value.
        InterruptedStudyError: A signal ended it early.
    """
    return probe(plan_probe(source, base, vary, seeds=seeds, **options))


def plan_probe(
    source: str | Path | Bars,
    /,
    base: str,
    vary: Mapping[str, Sequence[Value]],
    *,
    seeds: int = N_SEEDS,
    keeps_cache: bool = True,
    **options: Any,
) -> ProbePlan:
    """Settles everything that can be settled without starting anything; see `run_probe`.

    Args:
        source, base, vary, seeds, **options: See `run_probe`.
        keeps_cache: Whether computed features may be kept beside the studies.
    """
    if seeds < 2:
        raise ConfigError("A probe needs two seeds at least, to tell luck apart", seeds, "Use 3.")
    name = reference_name(base)
    if not isinstance(source, Bars):
        _check_options(options, RUN_OPTIONS)
        study = stored_study(Path(source), parse(SearchOptions, options), keeps_cache=keeps_cache)
    elif name is None:
        raise ConfigError(
            "Without a study, only a reference can be probed",
            base,
            "Name a study's folder, or use --base reference:january_best.",
        )
    else:
        _check_options(options, (*RUN_OPTIONS, *STUDY_OPTIONS))
        study = own_study(source, name, parse(SearchOptions, options), keeps_cache=keeps_cache)
    values = {field: tuple(one) for field, one in vary.items()}
    plan = ProbePlan(study, find_bases(base, study, known_trials(study.folder)), values, seeds)
    plan.check()
    return plan


def known_trials(folder: Path) -> Trials:
    """The trials of a study by number; none where none has been chosen yet."""
    ledger = folder / LEDGER_NAME
    return read_trials(ledger) if ledger.exists() else {}


def probe(
    plan: ProbePlan,
    listeners: Iterable[MakeListener] = (),
    trainable: type[tune.Trainable] = TransformerTrainable,
    leave: Leave | None = None,
) -> Probed:
    """Runs a plan; see `run_probe`.

    Args:
        plan: The contrasts.
        listeners, trainable, leave: See `Session`.
    """
    halt = Halt()
    folder = plan.study.folder
    for remark in remarks(plan.study):
        logger.warning(remark)
    with open_folder(folder, resume=True, overwrite=False) as is_there:
        trials = known_trials(folder)
        if is_there:
            plan = _as_stored(plan, read_study_config(folder))
            if not plan.missing(trials):
                logger.info("All of this is trained already.")
                return _conclude(plan)
        session = Session(plan.study, halt, listeners, trainable, leave)
        make_searcher = partial(_make_searcher, plan, halt)
        with session.run(make_searcher, partial(plan.disk_bytes, trials)) as (
            config,
            ledger,
            searcher,
        ):
            write_views(folder, config, ledger.trials)
            write_optuna(folder, config, ledger.trials)
            done = searcher.exhausted and plan.is_done(ledger.trials)
            raise_early_end(plan.study, halt, done=done)
            return _conclude(plan)


def _as_stored(plan: ProbePlan, stored: StudyConfig) -> ProbePlan:
    """The plan with the study as it is now that nobody else may change it."""
    config = stored.model_copy(update={"code_version": plan.study.config.code_version})
    warn_of_other_code(stored, config)
    return replace(plan, study=replace(plan.study, config=config, precision_pinned=True))


def _conclude(plan: ProbePlan) -> Probed:
    """The contrasts that were asked for.

    Raises:
        StudyFailedError: No probe reached a value.
    """
    study = load_study(plan.study.folder)
    trials = {trial.number: trial for trial in study.trials}
    found = contrasts(study, plan.pairs(trials))
    ran = [by_digest(trials)[run.config.digest()] for run in plan.runs]
    has_value = any(trial.best(study.config.objective) for trial in ran)
    if not (any(one.seeds for one in found) if plan.vary else has_value):
        causes = sorted({trial.error.message for trial in ran if trial.error})
        raise StudyFailedError(
            "At least one probe must reach a value, and of a contrast both sides",
            "; ".join(causes[:3]),
            f"See {study.folder / TRIALS_FILE}.",
        )
    return Probed(study, found)


class ProbeSearcher(TrialSearcher):
    """Hands out the runs of a probe that the study does not have yet, in their order.

    Args:
        plan: Names the runs.
        ledger, payload, halt: See `TrialSearcher`.
    """

    def __init__(self, plan: ProbePlan, ledger: Ledger, payload: Values, halt: Halt) -> None:
        known = by_digest(ledger.trials)
        found = [(run, known.get(run.config.digest())) for run in plan.missing(ledger.trials)]
        begun = [trial.number for _, trial in found if trial and not trial.finished]
        super().__init__(ledger, begun, payload, halt)
        self._left = deque(run for run, trial in found if not trial or trial.finished)
        self.exhausted = not self._left

    def _choose(self) -> int | None:
        if not self._left:
            return None
        run = self._left.popleft()
        self.exhausted = not self._left
        base = run.base.number_in(self._ledger.trials)
        stands_for_base = run.base.number is None and run.varied is None
        return self._record(
            run.config,
            source="probe",
            name=run.base.reference if stands_for_base else None,
            contrast_of=self._next_number() if base is None else base,
            params=run.params,
            n_params=run.n_params,
            in_budget=run.in_budget,
        )

    def _learn(self, trial: Trial) -> None:
        """Nothing: what to train is settled."""


def _make_searcher(
    plan: ProbePlan, halt: Halt, config: StudyConfig, ledger: Ledger, payload: Values
) -> ProbeSearcher:
    return ProbeSearcher(plan, ledger, payload, halt)


def _check_options(options: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Checks that nothing is asked for that the study has settled.

    Raises:
        ConfigError: Something is.
    """
    others = sorted(options.keys() - set(allowed))
    if others:
        check_names(others, SearchOptions.model_fields, "option")
        raise ConfigError(
            "A probe takes its data, epochs and seed from its study",
            ", ".join(others),
            "Leave them out, or leave the study out to probe a reference.",
        )
