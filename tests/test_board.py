"""TensorBoard reads each trial's curves while it runs, and its HParams once it has ended."""

import errno

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from phase6c.board import Board, scalars
from phase6c.ledger import FILE_NAME, Ledger
from phase6c.records import Metrics
from phase6c.trial_folder import trial_folder

VALUES = (0.55, 0.7, 0.65)


def files(folder, number):
    return sorted(trial_folder(folder, number).glob("events.out.tfevents.*"))


def read(folder, number):
    accumulator = EventAccumulator(str(trial_folder(folder, number)))
    accumulator.Reload()
    return accumulator


def curve(accumulator, tag):
    return [(event.step, pytest.approx(event.value)) for event in accumulator.Scalars(tag)]


def hparams(accumulator):
    content = accumulator.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    return HParamsPluginData.FromString(content).session_start_info.hparams


@pytest.fixture
def ledger(tmp_path, birth):
    ledger = Ledger(tmp_path / FILE_NAME)
    for number in range(4):
        ledger.append("trial", number, **birth(seed=number))
    yield ledger
    ledger.close()


@pytest.fixture
def play(ledger, measured):
    """Trial 0 completes, trial 1 diverges at once, trial 2 goes on, trial 3 never begins."""

    def result(number, epoch, value, decision):
        row = {"measurement": measured(epoch, value).model_dump(mode="json"), "decision": decision}
        ledger.append("result", number, **row)

    def play():
        for epoch, value in enumerate(VALUES, start=1):
            result(0, epoch, value, "complete" if epoch == len(VALUES) else "continue")
        result(1, 1, None, "diverged")
        result(2, 1, 0.6, "continue")

    return play


def check(folder):
    assert [len(files(folder, number)) for number in range(4)] == [1, 1, 1, 0]
    complete, running = read(folder, 0), read(folder, 2)
    assert curve(complete, "val/auc") == list(enumerate(VALUES, start=1))
    assert curve(complete, "hparam/auc") == [(2, 0.7)]
    assert hparams(complete)["learning_rate"].number_value == 1e-4
    assert hparams(complete)["state"].string_value == "COMPLETE"
    assert hparams(read(folder, 1))["state"].string_value == "FAILED"
    assert curve(running, "val/auc") == [(1, 0.6)]
    assert "hparam/auc" not in running.Tags()["scalars"]


def test_a_live_search_can_be_read(tmp_path, ledger, play, study_config):
    board = Board(tmp_path, study_config(), ledger.trials)
    ledger.listen(board)
    play()
    assert curve(read(tmp_path, 0), "val/auc") == list(enumerate(VALUES, start=1))
    board.close()
    check(tmp_path)


def test_a_board_is_made_again_from_the_ledger_with_one_file_a_trial(
    tmp_path, ledger, play, study_config
):
    play()
    for _ in range(3):
        Board(tmp_path, study_config(), ledger.trials).close()
    check(tmp_path)


def test_a_figure_of_zero_is_a_figure(tmp_path, ledger, measured, study_config):
    board = Board(tmp_path, study_config(), {})
    ledger.listen(board)
    measurement = measured(1, 0.0).model_dump(mode="json")
    ledger.append("result", 0, measurement=measurement, decision="complete")
    assert curve(read(tmp_path, 0), "hparam/auc") == [(1, 0.0)]


def test_scalars_are_grouped_and_never_null(measured):
    metrics = Metrics(auc=0.7, log_loss=0.5, pred_min=0.0, pred_p99=0.9, loss_train=0.4, f1=None)
    tags = scalars(measured(1, 0.7).model_copy(update={"metrics": metrics}))
    assert tags == {
        "train/loss": 0.4,
        "val/auc": 0.7,
        "val/log_loss": 0.5,
        "prob/min": 0.0,
        "prob/p99": 0.9,
    }


def test_a_disk_that_is_full_costs_curves_and_is_said_once(
    tmp_path, ledger, play, study_config, monkeypatch, caplog
):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    board = Board(tmp_path, study_config(), ledger.trials)
    ledger.listen(board)
    with monkeypatch.context() as patch:
        patch.setattr("tensorboardX.record_writer.RecordWriter.flush", fail)
        play()
        board.close()
    assert caplog.text.count("No space left") == 1
    Board(tmp_path, study_config(), ledger.trials).close()
    check(tmp_path)
