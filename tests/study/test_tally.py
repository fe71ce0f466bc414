"""What is counted with each row is what a look through all trials finds."""

from collections import Counter

import pytest

from phase6c.study.ranking import best_trial
from phase6c.study.tally import Tally

BELOW = {"epoch": 2, "value": 0.5, "cutoff": 0.6}


def counts(trial):
    return trial.chosen


def check(tally, config, trials):
    chosen = [trial for trial in trials if trial.chosen]
    assert +tally.states == Counter(trial.state for trial in chosen)
    assert tally.n_beside == len(trials) - len(chosen)
    assert tally.n_finished == sum(trial.finished for trial in chosen)
    assert tally.running == {trial.number: trial for trial in trials if not trial.finished}
    assert tally.best == best_trial(trials, config)


@pytest.fixture
def play(ledger, birth, result):
    def play():
        sources = ["reference", *["sampled"] * 5, "warm_start"]
        for number, source in enumerate(sources):
            ledger.append("trial", number, **birth(seed=number, source=source))
        for epoch in (1, 2):
            for number, value in ((0, 0.9), (1, 0.6), (2, 0.7), (6, 0.7)):
                result(number, epoch, value, "complete" if epoch == 2 else "continue")
        result(3, 1, None, "diverged")
        result(4, 1, 0.5, "continue")
        result(4, 2, 0.5, "stop", stopped=BELOW)
        ledger.append("retry", 5, message="lost")
        result(5, 1, 0.8, "continue")

    return play


def test_the_tally_follows_every_row_and_begins_with_any_ledger(ledger, play, study_config):
    config = study_config()
    tally = Tally(config, counts, ())
    ledger.listen(tally)
    ledger.listen(lambda row, trial: check(tally, config, list(ledger.trials.values())))
    play()
    assert tally.best.number == 2
    check(Tally(config, counts, ledger.trials.values()), config, list(ledger.trials.values()))
