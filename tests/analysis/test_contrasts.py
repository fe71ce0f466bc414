"""Probes are compared seed by seed with the same configuration unchanged, from the ledger alone."""

from itertools import count

import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from phase6c.analysis.contrasts import Pair, contrasts, recorded_pairs
from phase6c.analysis.probed import Probed
from phase6c.statistics.logits import sigmoid
from phase6c.study.trial_folder import PREDICTIONS_FILE, trial_folder

SEEDS = (11, 22, 33)


class Probes:
    """A study of one searched trial, to which probes are added."""

    def __init__(self, folder, market, trial_of, write_trials, config):
        self.folder, self.market, self.config = folder, market, config
        self._trial_of, self._write = trial_of, write_trials
        self._numbers = count(1)
        self.trials = [trial_of(0, 0.9, dropout=0.1)]

    def add(self, noise, seeds=SEEDS, state="COMPLETE", contrast_of=0, **fields):
        for seed in seeds:
            number = next(self._numbers)
            # The later epoch is the worse one and must not be the one that counts.
            logits = [self.market.logits(noise), self.market.logits(5.0)]
            values = [self._value(one) for one in logits]
            self.trials.append(
                self._trial_of(
                    number,
                    *(values if state == "COMPLETE" else ()),
                    source="probe",
                    contrast_of=contrast_of,
                    state=state,
                    seed=seed,
                    **fields,
                )
            )
            frames = [self.market.frame("epoch", epoch, one) for epoch, one in enumerate(logits, 1)]
            where = trial_folder(self.folder, number)
            where.mkdir(parents=True)
            pd.concat(frames).to_parquet(where / PREDICTIONS_FILE)

    def study(self):
        return self._write(self.folder, self.config, self.trials)

    def _value(self, logits):
        if self.config.objective == "log_loss":
            return log_loss(self.market.y, sigmoid(logits))
        return roc_auc_score(self.market.y, logits)


@pytest.fixture
def probes(tmp_path, market, trial_of, write_trials, study_config):
    def build(**fields):
        config = study_config(epochs=2, **fields)
        return Probes(tmp_path, market(seed=1), trial_of, write_trials, config)

    return build


def test_a_change_that_helps_is_told_from_one_that_does_nothing(probes):
    made = probes()
    made.add(1.5, dropout=0.1)
    made.add(0.3, dropout=0.3)
    made.add(1.5, dropout=0.2)
    better, same = contrasts(made.study())
    assert (better.base_label, better.name, better.base_value, better.value) == (
        "trial 0",
        "dropout",
        0.1,
        0.3,
    )
    assert (better.trials, better.base_trials, better.seeds) == ((4, 5, 6), (1, 2, 3), SEEDS)
    assert better.difference == pytest.approx(better.mean - better.base_mean)
    assert better.interval.low < better.difference < better.interval.high
    assert better.verdict == "better"
    assert same.verdict == "cannot be told from zero"
    assert same.interval.low < 0 < same.interval.high


def test_less_loss_is_better(probes):
    made = probes(objective="log_loss")
    made.add(0.1, dropout=0.1)
    made.add(2.5, dropout=0.3)
    (worse,) = contrasts(made.study())
    assert worse.difference > 0
    assert worse.interval.low > 0
    assert worse.verdict == "worse"


def test_the_searched_trial_itself_and_its_luck_do_not_count(probes):
    made = probes()
    made.add(1.5, dropout=0.1)
    made.add(1.5, dropout=0.3)
    (found,) = contrasts(made.study())
    assert found.base_mean < 0.9
    assert 0 not in found.base_trials


def test_only_seeds_that_both_have_are_compared_and_failures_are_counted(probes):
    made = probes()
    made.add(1.0, dropout=0.1)
    made.add(1.0, seeds=(11, 33, 44), dropout=0.3)
    made.add(1.0, seeds=(22,), state="FAILED", dropout=0.3)
    made.add(1.0, seeds=(55,), state="RUNNING", dropout=0.3)
    (found,) = contrasts(made.study())
    assert (found.seeds, found.n_failed) == ((11, 33), 1)
    assert found.interval is not None


def test_a_run_that_completed_in_the_end_replaces_its_failures(probes):
    made = probes()
    made.add(1.0, dropout=0.1)
    made.add(1.0, seeds=SEEDS[:1], state="FAILED", dropout=0.3)
    made.add(1.0, dropout=0.3)
    made.add(1.0, seeds=SEEDS[1:2], state="FAILED", dropout=0.3)
    (found,) = contrasts(made.study())
    assert (found.trials, found.n_failed) == ((5, 6, 7), 0)


@pytest.mark.parametrize(
    ("seeds", "state", "verdict"),
    [(SEEDS[:1], "COMPLETE", "one seed"), (SEEDS, "FAILED", "failed")],
)
def test_where_there_is_no_interval_it_says_why(probes, seeds, state, verdict):
    made = probes()
    made.add(1.0, dropout=0.1)
    made.add(1.0, seeds=seeds, state=state, dropout=0.3)
    (found,) = contrasts(made.study())
    assert found.interval is None
    assert found.verdict == verdict
    assert (found.difference is None) == (state == "FAILED")


def test_without_predictions_the_difference_stays_and_the_interval_goes(probes):
    made = probes()
    made.add(1.0, dropout=0.1)
    made.add(1.0, dropout=0.3)
    study = made.study()
    (trial_folder(made.folder, 5) / PREDICTIONS_FILE).unlink()
    (found,) = contrasts(study)
    assert found.difference is not None
    assert (found.interval, found.verdict) == (None, "no predictions")


def test_every_single_change_between_probes_and_bases_is_a_contrast(probes):
    made = probes()
    made.add(1.0, dropout=0.1)
    made.add(1.0, dropout=0.3)
    made.add(1.0, dropout=0.1, n_heads=2)
    made.add(1.0, dropout=0.3, n_heads=2, contrast_of=4)
    found = recorded_pairs(made.study())
    assert found == (
        Pair(0, "dropout", 0.3),
        Pair(0, "n_heads", 2),
        Pair(4, "dropout", 0.1),
        Pair(4, "n_heads", 2),
    )


def test_a_contrast_finds_its_runs_whoever_asked_for_them(probes):
    made = probes()
    made.trials.append(made._trial_of(99, 0.8, dropout=0.3))
    made.add(1.0, dropout=0.1)
    made.add(1.0, dropout=0.3)
    (found,) = contrasts(made.study(), [Pair(99, "dropout", 0.1)])
    assert (found.base, found.trials, found.base_trials) == (99, (1, 2, 3), (4, 5, 6))


def test_a_contrast_that_nobody_trained_is_left_out(probes):
    made = probes()
    made.add(1.0, dropout=0.1)
    study = made.study()
    assert contrasts(study, [Pair(0, "dropout", 0.3)]) == ()
    assert contrasts(study) == ()


def test_the_same_probes_give_the_same_contrasts(probes):
    made = probes()
    made.add(1.0, dropout=0.1)
    made.add(1.2, dropout=0.3)
    study = made.study()
    assert contrasts(study) == contrasts(study)
    assert contrasts(study, draws=50) != contrasts(study)


def test_probes_are_handed_back_in_a_line_and_as_a_table(probes):
    made = probes()
    made.add(0.5)
    made.add(0.5, seeds=SEEDS[:1], dropout=0.3)
    study = made.study()
    probed = Probed(study, contrasts(study))
    (contrast,) = probed.contrasts
    assert repr(probed) == f"Probed(1 contrast in 'hpo_tiny_h1', {study.folder})"
    assert repr(contrast).startswith("Contrast(trial 0, dropout 0.3 for 0.1: ")
    assert repr(contrast).endswith(", one seed)")
    assert "<td>dropout</td><td>0.1</td><td>0.3</td>" in probed._repr_html_()
