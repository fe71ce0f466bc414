"""The end of an evaluation: the model is written, the test block opened, the card made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from phase6c.data.bars import Bars, ticker_frames
from phase6c.data.panel import feature_code_digest
from phase6c.data.splits import TEST
from phase6c.data.windows import SearchData
from phase6c.errors import StorageError, StudyFailedError
from phase6c.evaluation.baselines import OWN_SHORTCUT, Simple, fit_simple
from phase6c.evaluation.choice import ModelChoice, form_logits
from phase6c.evaluation.entries import Entry, baseline_entry
from phase6c.evaluation.evidence import Evidence, Period
from phase6c.evaluation.fits import read_refit
from phase6c.evaluation.judgement import strongest
from phase6c.evaluation.openings import Opening, now, open_test
from phase6c.evaluation.outcomes import Truth
from phase6c.nn.model_folder import ModelInfo, StoredScaler, write_model
from phase6c.nn.saved_model import Model, Predictions, bar_days, load_model
from phase6c.study.evaluation_config import Contender
from phase6c.study.trial_folder import FITTED_FILE, SHORTCUT, trial_folder
from phase6c.tune.evaluation.plan import EvaluationPlan, Fit
from phase6c.tune.evaluation.stages import Stages
from phase6c.version import code_version

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conclusion:
    """An evaluation whose trainings have all ended.

    Attributes:
        course: Knows them, and what they led to.
        check: Called as long as the test block is closed; ends it where a signal has come.
    """

    course: Stages
    check: Callable[[], None]

    def evidence(self) -> Evidence:
        """Writes the model, opens the test block once, and gathers what is known of both.

        Raises:
            StudyFailedError: A training of the final model failed.
            StorageError: A file cannot be read or written.
        """
        baselines = self._baselines()
        best = strongest({name: one.forward for name, one in baselines.items()}, self._past)
        model = self._write_model()
        predicted = model.predictions(self._known_bars(model))
        self.check()
        # Nothing is chosen from here on.
        opening, before = self._open_test()
        history = self._plan.history.of([str(one) for one in np.unique(predicted.tickers)])
        test = history.between(self._plan.walk.steps[TEST].fold, None)
        truth = _truth(test, TEST)
        found = _on_rows(predicted, truth)
        simple = fit_simple(self._plan.walk.inner(TEST), test, self._context_days, self._seed)
        tests = {name: one.logits for name, one in simple.items()}
        if found.shortcut is not None:
            tests[OWN_SHORTCUT] = self._form(found.shortcut)
        return Evidence(
            name=self._plan.study.config.name,
            data=self._plan.study.config.data,
            facts=tuple(self._facts()),
            periods=tuple(self._periods()),
            contenders=self._plan.contenders,
            dropped={name: (one.after_seeds, one.why) for name, one in self.course.dropped.items()},
            choice=self._choice,
            chosen=self._chosen.with_test(self._form(found.logits)),
            others=tuple(self._others()),
            baselines={name: one.with_test(tests[name]) for name, one in baselines.items()},
            best_baseline=best,
            past=self._past,
            test=truth,
            opening=opening,
            openings_before=before,
            draws=self.course.draws,
        )

    @property
    def _plan(self) -> EvaluationPlan:
        return self.course.plan

    @property
    def _choice(self) -> ModelChoice:
        assert self.course.choice is not None
        return self.course.choice

    @property
    def _chosen_text(self) -> str:
        choice = self._choice
        return f"{choice.candidate}, {choice.form}, {choice.kind}"

    @property
    def _context_days(self) -> int:
        return int(self.course.chosen.config["model"]["context_days"])

    @property
    def _seed(self) -> int:
        return self._plan.study.config.seed

    @cached_property
    def _past(self) -> Truth:
        return self.course.truth(self._plan.walk.past)

    @cached_property
    def _chosen(self) -> Entry:
        return self._entry(self.course.chosen)

    def _form(self, logits: np.ndarray) -> np.ndarray:
        return form_logits(logits, self._choice.form)

    def _entry(self, contender: Contender) -> Entry:
        """A contender on the steps that it was trained for."""
        dropped = self.course.dropped.get(contender.name)
        steps = self._plan.walk.folds if dropped else self._plan.walk.past
        seeds = self._plan.seeds[: dropped.after_seeds if dropped else None]
        found = self.course.candidate(contender, steps, seeds)
        return Entry(
            name=contender.name,
            past=self._form(found.logits),
            truth=self._past.take(self._past.of(steps)),
            kind=self._choice.kind,
            n_params=contender.n_params,
            n_tried=contender.n_tried,
            n_seeds=len(seeds),
            seconds=self._seconds(contender),
        )

    def _others(self) -> list[Entry]:
        """The contenders that were not chosen and have a walk forward to show."""
        return [
            self._entry(one)
            for one in self._plan.contenders
            if one.name != self._choice.candidate and one.name not in self.course.failed
        ]

    def _seconds(self, contender: Contender) -> float:
        total = 0.0
        for trial in self.course.trials_of(contender):
            refit = read_refit(trial_folder(self._plan.study.folder, trial.number))
            total += trial.duration_s + (refit.duration_s if refit else 0.0)
        return total

    def _baselines(self) -> dict[str, Entry]:
        """Every baseline on walk forward and cal, the model's own shortcut among them."""
        logger.info("Fitting the baselines on the same rows.")
        walk, calibration = self._plan.walk, self._plan.config.calibration
        by_step: list[Mapping[str, Simple]] = []
        truths = []
        for step in walk.past:
            self.check()
            data = walk.outer(step)
            by_step.append(fit_simple(walk.inner(step), data, self._context_days, self._seed))
            truths.append(_truth(data, step))
        truth = Truth.joined(truths)
        entries = {}
        for name in by_step[0]:
            past = np.concatenate([one[name].logits for one in by_step])
            seconds = sum(one[name].duration_s for one in by_step)
            entries[name] = baseline_entry(name, past, truth, calibration, seconds)
        if self.course.chosen.config["model"]["shortcut"]:
            seeds = self._plan.seeds
            own = self.course.candidate(self.course.chosen, walk.past, seeds, of=SHORTCUT)
            past = self._form(own.logits)
            entries[OWN_SHORTCUT] = baseline_entry(OWN_SHORTCUT, past, truth, calibration, None)
        return entries

    def _write_model(self) -> Model:
        plan, chosen = self._plan, self.course.chosen
        fits = [Fit(chosen, TEST, seed) for seed in self.course.final_seeds]
        data = plan.walk.outer(TEST)
        info = ModelInfo(
            trial=fits[0].config,
            seeds=self.course.final_seeds,
            feature_names=data.feature_names,
            n_params=chosen.n_params,
            bar_days=bar_days(ticker_frames(plan.bars)),
            sources=plan.bars.sources,
            bars_digest=plan.bars.digest,
            fitted_through=data.train.label_ends.max().item(),
            threshold=self._chosen.threshold,
            evaluation_id=plan.study.config.study_id,
            code_version=code_version(),
            feature_code_digest=feature_code_digest(),
        )
        weights = {fit.seed: self._weights(fit) for fit in fits}
        write_model(plan.folder, info, StoredScaler.of(data), self._chosen.calibrator, weights)
        return load_model(plan.folder)

    def _weights(self, fit: Fit) -> bytes:
        trial = self.course.trial(fit)
        path = None if trial is None else trial_folder(self._plan.study.folder, trial.number)
        if path is None or not (path / FITTED_FILE).exists():
            error = trial.error.message if trial and trial.error else "no weights"
            raise StudyFailedError(
                "Every training of the final model must succeed",
                f"seed {fit.seed}: {error}",
                "Evaluate again with `resume=True` to try it again.",
            )
        return (path / FITTED_FILE).read_bytes()

    def _known_bars(self, model: Model) -> Bars:
        """Those of the tickers that the model can predict, where it scales each on its own."""
        bars = self._plan.bars
        if self._plan.study.config.data.scaling == "pooled":
            return bars
        known = bars.frame["ticker"].isin(model.tickers)
        return replace(bars, frame=bars.frame[known].reset_index(drop=True))

    def _open_test(self) -> tuple[Opening, tuple[Opening, ...]]:
        """Writes the opening down."""
        plan, data = self._plan, self._plan.study.config.data
        opening, before = open_test(
            plan.openings,
            Opening(
                **dict(plan.test_block),
                at=now(),
                evaluation_id=plan.study.config.study_id,
                model=str(plan.folder),
                chosen=self._chosen_text,
                label=data.target,
                code_version=code_version(),
            ),
        )
        if opening.chosen != self._chosen_text:
            raise StorageError(
                "What was chosen before the test block was opened must stay chosen",
                f"{self._chosen_text} now, {opening.chosen} then",
                "Files of the trainings have changed; evaluate again under another `name`.",
            )
        return opening, before

    def _periods(self) -> list[Period]:
        val = self._plan.history.summary.val
        found = []
        for step in self._plan.walk.past:
            dates = self._past.dates[self._past.of([step])]
            first, last = dates[0].item(), dates[-1].item()
            selected_on = first <= val.last_date and last >= val.first_date
            found.append(Period(step, first, last, selected_on))
        return found

    def _facts(self) -> list[tuple[str, str]]:
        plan = self._plan
        config, data = plan.study.config, plan.study.config.data
        studies = dict.fromkeys(one.study for one in plan.contenders)
        return [
            ("studies", ", ".join(studies)),
            ("label", f"{data.target}, tier {data.tier}"),
            ("bars", f"{', '.join(plan.bars.sources)}, digest {plan.bars.digest[:12]}"),
            ("tickers", ", ".join(plan.history.summary.tickers)),
            ("seeds", str(config.evaluation.n_seeds if config.evaluation else 0)),
            ("model", str(plan.folder)),
            ("code", code_version()),
        ]


def _truth(data: SearchData, step: str) -> Truth:
    """What happened in the block that a step is judged on."""
    block = data.val
    return Truth(
        dates=block.dates,
        tickers=np.asarray(data.tickers)[block.tickers],
        y=block.y.astype(np.int8),
        down=block.down,
        steps=np.full(len(block), step),
    )


def _on_rows(found: Predictions, truth: Truth) -> Predictions:
    """A model's predictions on the rows of a block."""
    wanted = pd.MultiIndex.from_arrays([truth.dates, truth.tickers])
    there = pd.MultiIndex.from_arrays([found.dates, found.tickers])
    rows = there.get_indexer(wanted)
    assert (rows >= 0).all()
    shortcut = None if found.shortcut is None else found.shortcut[:, rows]
    return Predictions(truth.dates, truth.tickers, found.logits[:, rows], shortcut)
