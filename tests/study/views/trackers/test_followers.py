"""A tracker that is dead, slow or not there costs a search nothing but a warning."""

from __future__ import annotations

import time
from importlib.util import find_spec

import pytest

from phase6c.study.views.trackers import followers
from phase6c.study.views.trackers.destination import Destination
from phase6c.study.views.trackers.followers import told_to

from ....support.ports import free_port, silent_server

needs_mlflow = pytest.mark.skipif(
    find_spec("mlflow") is None, reason="mlflow is not installed: make test-trackers"
)


def follow(place, folder, ledger, then=lambda: None):
    with told_to([Destination("mlflow", place)], folder, ledger):
        then()


@pytest.mark.slow
def test_what_a_dead_tracker_was_not_told_is_warned_of_once_with_the_way_to_send_it(
    played, ledger, caplog
):
    place = f"http://127.0.0.1:{free_port()}"
    follow(place, played, ledger)
    # Where the machine is busy it also says that it is waiting.
    (message,) = (one.getMessage() for one in caplog.records if one.levelname == "WARNING")
    assert message.startswith(f"MLflow at {place} was not told all of 5 of 5 trials (")
    assert message.endswith(f"Send it with: phase6c track {played} `mlflow='{place}'`")


@needs_mlflow
@pytest.mark.slow
def test_the_reason_is_told(played, ledger, caplog):
    follow(f"http://127.0.0.1:{free_port()}", played, ledger)
    assert "Connection refused" in caplog.text


@needs_mlflow
@pytest.mark.slow
def test_a_tracker_that_never_answers_is_waited_for_a_limited_time(
    played, ledger, caplog, monkeypatch
):
    monkeypatch.setattr(followers, "END_S", 4.0)
    with silent_server() as place:
        began = time.monotonic()
        follow(place, played, ledger)
        # No trial waits for the clock here: the tracker itself would be waited for for 120 s.
        assert time.monotonic() - began < 60
    assert "was not told all of 5 of 5 trials" in caplog.text


@pytest.mark.slow
def test_a_run_that_ends_early_waits_less(played, ledger, caplog, monkeypatch):
    monkeypatch.setattr(followers, "END_S", 3600.0)
    monkeypatch.setattr(followers, "EARLY_END_S", 0.1)

    def fail():
        raise InterruptedError

    with silent_server() as place, pytest.raises(InterruptedError):
        follow(place, played, ledger, fail)
    assert "was not told" in caplog.text


@needs_mlflow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_what_is_told_while_a_study_runs_needs_no_warning(
    played, ledger, go_on, caplog, monkeypatch
):
    # A database that is made anew takes its seconds on a busy machine.
    monkeypatch.setattr(followers, "END_S", 120.0)
    follow(f"sqlite:///{played / 'runs.db'}", played, ledger, go_on)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    from mlflow import MlflowClient

    asked = MlflowClient(f"sqlite:///{played / 'runs.db'}")
    experiment = asked.get_experiment_by_name("phase6c")
    found = asked.search_runs([experiment.experiment_id], "tags.`phase6c.trial` = '4'")
    assert [run.info.status for run in found] == ["FINISHED"]
