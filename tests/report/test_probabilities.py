"""What probabilities look like, and what thresholds on them give."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from phase6c.analysis.trials import read_search
from phase6c.report.probabilities import probabilities, reliability
from phase6c.report.reading import read
from phase6c.statistics.days import Days
from phase6c.statistics.logits import sigmoid


def rows(section, name):
    (table,) = (one for one in section.tables if one.name == name)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


@pytest.fixture
def reading(tmp_path, small_study):
    small_study(tmp_path)
    return read(read_search(tmp_path), draws=0)


def test_each_threshold_gives_what_scikit_learn_says(reading):
    validation = reading.validation
    p, y = sigmoid(validation.trials[3]), validation.y
    found = rows(probabilities(reading.search.study, validation), "thresholds")
    assert {"p of 0.5", "p of 0.54", "p of 0.6", "highest 10%"} <= {one[""] for one in found}
    for one in found:
        predicted = p >= one["threshold"]
        assert one["days"] == predicted.sum()
        assert one["precision"] == pytest.approx(precision_score(y, predicted))
        assert one["recall"] == pytest.approx(recall_score(y, predicted))
        assert one["F1"] == pytest.approx(f1_score(y, predicted))
        assert one["lift"] == pytest.approx(one["precision"] / y.mean())


def test_thresholds_out_of_range_are_left_out(tmp_path, small_study, market):
    class Narrow(market):
        def logits(self, noise):
            return super().logits(noise) / 10 - 2

    small_study(tmp_path, Narrow())
    reading = read(read_search(tmp_path), draws=0)
    found = rows(probabilities(reading.search.study, reading.validation), "thresholds")
    assert not [one for one in found if one[""].startswith("p of")]


def test_the_best_points_are_those_of_the_ledger(reading):
    study = reading.search.study
    says = " ".join(probabilities(study, reading.validation).says)
    metrics = study.best.best("auc").metrics
    assert f"The best F1 is {metrics.best_f1:.3f}" in says
    assert f"highest precision of at least 10 days is {metrics.max_precision:.3f}" in says


def test_reliability_counts_every_day_once_and_holds_calibrated_ones():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.6, size=5000)
    table = reliability(p, (rng.random(5000) < p).astype(int), Days.of(np.arange(5000)), 1)
    assert sum(row[0] for row in table.rows) == 5000
    assert sum(low < mean < high for _, mean, _, low, high in table.rows) >= 8


def test_a_constant_prediction_has_one_bin():
    table = reliability(
        np.full(50, 0.3), np.r_[np.ones(10), np.zeros(40)], Days.of(np.arange(50)), 1
    )
    assert [row[:3] for row in table.rows] == [(50, pytest.approx(0.3), 0.2)]


def test_every_verdict_is_counted(tmp_path, write_trials, study_config, trial_of):
    verdicts = ["constant", "healthy", "constant"]
    trials = [trial_of(n, 0.6, seed=n, verdict=one) for n, one in enumerate(verdicts)]
    study = write_trials(tmp_path, study_config(epochs=1), trials)
    assert [one["verdict"] for one in rows(probabilities(study, None), "health")] == [
        "constant",
        "healthy",
    ]


def test_without_a_best_there_is_nothing_to_say(tmp_path, write_trials, study_config, trial_of):
    study = write_trials(tmp_path, study_config(), [trial_of(0, None, state="FAILED")])
    assert probabilities(study, None).tables == ()
