"""Optuna's samplers for OptunaSearch: a Gaussian process while it is affordable, TPE beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from phase6c.study.study_config import MAX_BY_GP, SamplerName

# Optuna's own defaults, for HyperOpt too; five start-up draws instead of ten did no better.
N_STARTUP = 10
N_CANDIDATES = 24

# Of more results the process learns from the best and a draw of the others, MAX_BY_GP in all, which
# keeps a proposal below .3 CPU seconds however long the search.
_N_BEST = MAX_BY_GP // 2
# Starts and first points of the search for the best expected improvement; Optuna's own 10 and 2,048
# cost twice as much over grids.
_N_LOCAL_SEARCH = 3
_N_PRELIMINARY = 1024
# So often is the process asked again for a trial whose suggestion was withdrawn; then TPE is, which
# costs a tenth.
_MAX_GP_ATTEMPTS = 2


class SeededSampler(BaseSampler):
    """A sampler without a state of its own: a draw follows from the study and the seed.

    Args:
        space: Distributions of every trial; TPE itself would look them up in all trials at each
            draw.
        name: Which of Optuna's samplers draws; `auto` is the Gaussian process until MAX_BY_GP
            trials have ended, and TPE from then on.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], name: SamplerName) -> None:
        # Sorted, so that a seed gives the same draw in whatever order the axes are written.
        self._space = {
            name: distribution
            for name, distribution in sorted(space.items())
            if not distribution.single()
        }
        self._name = name
        self.choose(0)
        self.reseed(0, 0)

    def choose(self, n_ended: int) -> None:
        """Settles who draws next, by the number of trials that have ended."""
        self._by_process = self._name == "gp" or (self._name == "auto" and n_ended <= MAX_BY_GP)

    def reseed(self, seed: int, attempt: int) -> None:
        """Sets the seed of the next draw.

        Args:
            seed: Seed of this draw.
            attempt: Number of draws for the same trial that were withdrawn before.
        """
        self._seed, self._attempt = seed, attempt
        # A new sampler, since TPESampler takes a seed only when it is made.
        self._tpe = TPESampler(
            seed=seed,
            n_startup_trials=N_STARTUP,
            n_ei_candidates=n_candidates(attempt),
            multivariate=True,
            # Trials that still run count as bad, or all workers would be sent to the same place.
            constant_liar=True,
        )

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The distributions with more than a single point."""
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draws all parameters together."""
        if self._by_process and self._attempt < _MAX_GP_ATTEMPTS:
            told = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if len(told) >= N_STARTUP:
                return self._by_gp(told, self._elsewhere(study, trial), search_space)
        return self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draws a parameter alone, as in the start-up trials."""
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)

    def _elsewhere(self, study: Study, trial: FrozenTrial) -> list[dict[str, Any]]:
        """The points that still run, and those just withdrawn for this trial."""
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        points = [other.params for other in running if other.number != trial.number]
        if self._attempt:
            failed = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
            points += [other.params for other in failed[-self._attempt :]]
        return [point for point in points if point.keys() >= self._space.keys()]

    def _by_gp(
        self,
        told: Sequence[FrozenTrial],
        elsewhere: Sequence[Mapping[str, Any]],
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draws by a Gaussian process that believes an average result of all points elsewhere.

        The mean of what is known as the lie (Ginsbourger et al., 2010, CL-mean) costs a row of the
        covariance, where sampling what running trials may bring costs as much as the process
        itself with 64 of them.
        """
        told = self._learned(told)
        values = [float(trial.value or 0.0) for trial in told]
        points = [*(trial.params for trial in told), *elsewhere]
        scores = [*values, *([float(np.mean(values))] * len(elsewhere))]
        sampler = GPSampler(seed=self._seed, n_startup_trials=1)
        # Optuna names them as what its advanced users may change, without a promise to keep them.
        sampler._n_local_search = _N_LOCAL_SEARCH
        sampler._n_preliminary_samples = _N_PRELIMINARY
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.add_trials(
            create_trial(
                params={name: point[name] for name in search_space},
                distributions=search_space,
                value=score,
            )
            for point, score in zip(points, scores, strict=True)
        )
        return dict(study.ask(search_space).params)

    def _learned(self, told: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """The best results and a draw of the others, in an order that is not that of their coming.

        A resumed search is told its trials in another order, and must draw the same.
        """
        ordered = sorted(told, key=lambda trial: (-float(trial.value or 0.0), str(trial.params)))
        others = ordered[_N_BEST:]
        if len(ordered) > MAX_BY_GP:
            rng = np.random.default_rng(self._seed)
            drawn = rng.choice(len(others), MAX_BY_GP - _N_BEST, replace=False)
            others = [others[position] for position in sorted(drawn)]
        return [*ordered[:_N_BEST], *others]


def n_candidates(attempt: int) -> int:
    """Number of candidates that the best is chosen from, a quarter of it after each withdrawal.

    Among as many candidates as before, the withdrawn suggestion would come back as the best.
    """
    return max(1, N_CANDIDATES >> 2 * attempt)
