"""Optuna follows a running study in its journal, and finds there what the ledger says."""

from functools import partial

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from phase6c.study.study_config import JOURNAL_FILE
from phase6c.study.views.optuna import attributes
from phase6c.study.views.optuna_journal import OptunaJournal


@pytest.fixture
def play(play_search):
    """A reference outside the space completes, then a trial of each end, and one that runs."""
    return partial(play_search, 5, completed=(1, 0))


def read(folder):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL_FILE)))
    return optuna.load_study(study_name=None, storage=storage)


def check(folder, ledger, config):
    study = read(folder)
    states = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL", "RUNNING"]
    assert [trial.number for trial in study.trials] == [*range(5)]
    assert [trial.state for trial in study.trials] == [TrialState[name] for name in states]
    assert [trial.value for trial in study.trials] == [0.9, 0.7, 0.5, None, None]
    epochs = [{1: 0.9, 2: 0.8}, {1: 0.6, 2: 0.7}, {1: 0.5}, {1: 0.65}, {1: 0.75}]
    assert [trial.intermediate_values for trial in study.trials] == epochs
    # The reference is better, and no trial of the search.
    assert study.best_trial.number == study.user_attrs["best_trial"] == 1
    for trial in study.trials[:4]:
        trial._validate()
        told = attributes(ledger.trials[trial.number], config)
        assert {name: trial.user_attrs[name] for name in told} == told
        assert trial.duration.total_seconds() >= 0
    assert "n_layers" not in study.trials[0].params
    assert study.trials[0].user_attrs["params.n_layers"] == 6
    assert study.trials[1].params["n_layers"] == 2


def test_optuna_reads_every_moment_of_a_search_while_it_runs(tmp_path, ledger, play, study_config):
    config = study_config()
    journal = OptunaJournal(tmp_path, config, ledger.trials)
    ledger.listen(journal)
    seen = []
    ledger.listen(lambda row, trial: seen.append((trial, read(tmp_path).trials[trial.number])))
    play()
    for trial, shown in seen:
        assert len(shown.intermediate_values) == sum(
            one.value is not None for one in trial.measurements
        )
        assert (shown.state == TrialState.RUNNING) == (not trial.finished)
    check(tmp_path, ledger, config)
    journal.close()


def test_the_journal_of_a_resumed_search_is_made_anew_and_gone_on_with(
    tmp_path, ledger, play, result, study_config
):
    play()
    config = study_config()
    for _ in range(2):
        OptunaJournal(tmp_path, config, ledger.trials).close()
        check(tmp_path, ledger, config)
    journal = OptunaJournal(tmp_path, config, ledger.trials)
    ledger.listen(journal)
    result(4, 2, 0.8, "complete")
    journal.close()
    assert read(tmp_path).best_trial.intermediate_values == {1: 0.75, 2: 0.8}
    assert read(tmp_path).best_trial.number == 4


def test_a_trial_measured_in_part_ends_with_its_value_on_all_rows(
    tmp_path, ledger, birth, result, measured, study_config
):
    journal = OptunaJournal(tmp_path, study_config(), ledger.trials)
    ledger.listen(journal)
    ledger.append("trial", 0, **(birth() | {"config": {"train": {"val_windows": 50_000}}}))
    result(0, 1, 0.7, "complete")
    assert read(tmp_path).trials[0].state == TrialState.RUNNING
    ledger.append("final", 0, measurement=measured(1, 0.65).model_dump(mode="json"))
    journal.close()
    (shown,) = read(tmp_path).trials
    assert (shown.state, shown.value) == (TrialState.COMPLETE, 0.65)
    told = attributes(ledger.trials[0], study_config())
    assert {name: shown.user_attrs[name] for name in told} == told
