"""TensorBoard reads each trial's curves and HParams while it runs, and however it ends."""

import errno

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, metadata

from phase6c.records import Metrics
from phase6c.study.trial_folder import trial_folder
from phase6c.study.views.tensorboard import Board, scalars

VALUES = (0.55, 0.7, 0.65)


def files(folder, number):
    return sorted(trial_folder(folder, number).glob("events.out.tfevents.*"))


def read(folder, number):
    accumulator = EventAccumulator(str(trial_folder(folder, number)))
    accumulator.Reload()
    return accumulator


def curve(accumulator, tag):
    return [(event.step, pytest.approx(event.value)) for event in accumulator.Scalars(tag)]


def plugin_data(accumulator, tag):
    return accumulator.SummaryMetadata(tag).plugin_data.content


def hparams(accumulator):
    content = plugin_data(accumulator, metadata.SESSION_START_INFO_TAG)
    values = metadata.parse_session_start_info_plugin_data(content).hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in values.items()}


def columns(accumulator):
    content = plugin_data(accumulator, metadata.EXPERIMENT_TAG)
    experiment = metadata.parse_experiment_plugin_data(content)
    names = {one.name for one in experiment.hparam_infos}
    return names, [one.name.tag for one in experiment.metric_infos]


def status(accumulator):
    if metadata.SESSION_END_INFO_TAG not in accumulator.summary_metadata:
        return None
    content = plugin_data(accumulator, metadata.SESSION_END_INFO_TAG)
    return api_pb2.Status.Name(metadata.parse_session_end_info_plugin_data(content).status)


def final(accumulator, name):
    """What the table of HParams shows: the last value; None where there is none."""
    tag = f"with_hparams/{name}"
    is_there = tag in accumulator.Tags()["scalars"]
    return accumulator.Scalars(tag)[-1].value if is_there else None


@pytest.fixture
def play(ledger, birth, result):
    """Trials that complete, diverge at once, go on, never begin, are pruned, and crash at once."""

    def play():
        reference = {"source": "reference", "name": "january_best", "in_budget": False}
        for number, fields in enumerate([reference, {}, {}, {}, {}, {}]):
            ledger.append("trial", number, **birth(seed=number, **fields))
        for epoch, value in enumerate(VALUES, start=1):
            result(0, epoch, value, "complete" if epoch == len(VALUES) else "continue")
        result(1, 1, None, "diverged")
        result(2, 1, 0.6, "continue")
        result(4, 1, 0.5, "continue")
        result(4, 2, 0.4, "stop", stopped={"epoch": 2, "value": 0.5, "cutoff": 0.6})
        ledger.append("failed", 5, state="FAILED", error={"kind": "bug", "message": "broken"})

    return play


@pytest.fixture
def board(tmp_path, ledger, study_config):
    board = Board(tmp_path, study_config(), ledger.trials)
    ledger.listen(board)
    yield board
    board.close()


def check(folder):
    """Whether all of it is there, though trials 2 and 3 have not ended."""
    assert [len(files(folder, number)) for number in range(6)] == [1] * 6
    trials = [read(folder, number) for number in range(6)]
    assert [final(one, "auc") for one in trials] == pytest.approx([0.7, None, 0.6, None, 0.5, None])
    assert [final(one, "epochs") for one in trials] == [3, 1, 1, 0, 2, 0]
    assert [final(one, "pruned") for one in trials] == [0, 0, 0, 0, 1, 0]
    success, failure = "STATUS_SUCCESS", "STATUS_FAILURE"
    assert [*map(status, trials)] == [success, failure, None, None, success, failure]
    assert curve(trials[0], "val/auc") == list(enumerate(VALUES, start=1))
    assert curve(trials[2], "val/auc") == [(1, 0.6)]


def test_all_can_be_read_while_the_search_runs_and_if_it_is_killed(tmp_path, board, play):
    play()
    check(tmp_path)
    board.close()
    check(tmp_path)


def test_a_board_is_made_again_from_the_ledger_with_one_file_a_trial(
    tmp_path, ledger, play, study_config
):
    play()
    for _ in range(3):
        Board(tmp_path, study_config(), ledger.trials).close()
    check(tmp_path)


@pytest.mark.usefixtures("board")
def test_ended_trials_keep_their_files_unless_the_end_is_missing(
    tmp_path, ledger, play, study_config
):
    play()
    ended, cut = (0, 1, 4, 5), 4
    with files(tmp_path, cut)[0].open("r+b") as stream:
        stream.truncate(files(tmp_path, cut)[0].stat().st_size - 5)
    before = {number: files(tmp_path, number)[0].stat().st_mtime_ns for number in ended}
    Board(tmp_path, study_config(), ledger.trials).close()
    after = {number: files(tmp_path, number)[0].stat().st_mtime_ns for number in ended}
    assert [number for number in ended if before[number] == after[number]] == [0, 1, 5]
    check(tmp_path)


def test_a_resumed_trial_ends_in_the_file_that_was_made_again(
    tmp_path, ledger, play, study_config, measured
):
    play()
    board = Board(tmp_path, study_config(), ledger.trials)
    ledger.listen(board)
    for number, epoch in ((2, 2), (3, 1)):
        measurement = measured(epoch, 0.8).model_dump(mode="json")
        ledger.append("result", number, measurement=measurement, decision="complete")
    for number, n_epochs in ((2, 2), (3, 1)):
        trial = read(tmp_path, number)
        assert len(files(tmp_path, number)) == 1
        assert final(trial, "auc") == pytest.approx(0.8)
        assert final(trial, "epochs") == n_epochs
        assert status(trial) == "STATUS_SUCCESS"


@pytest.mark.usefixtures("board")
def test_hparams_hold_every_axis_with_its_type(tmp_path, play, birth):
    play()
    for number in range(6):
        known = hparams(read(tmp_path, number))
        params = birth()["params"]
        assert {name: known[name] for name in params} == params
        assert (known["shortcut"], known["pooling"]) == (True, "mean")
        assert known["n_params"] == 50_000
    reference = hparams(read(tmp_path, 0))
    assert (reference["source"], reference["reference"]) == ("reference", "january_best")


@pytest.mark.usefixtures("board")
def test_every_trial_names_the_columns_of_all(tmp_path, play):
    play()
    first_names, first_tags = columns(read(tmp_path, 0))
    assert first_names == hparams(read(tmp_path, 0)).keys()
    assert first_tags[:4] == [
        "with_hparams/auc",
        "with_hparams/log_loss",
        "with_hparams/epochs",
        "with_hparams/pruned",
    ]
    for number in range(1, 6):
        assert columns(read(tmp_path, number)) == (first_names, first_tags)


@pytest.mark.usefixtures("board")
def test_a_figure_of_zero_is_a_figure(tmp_path, ledger, birth, measured):
    ledger.append("trial", 0, **birth())
    measurement = measured(1, 0.0).model_dump(mode="json")
    ledger.append("result", 0, measurement=measurement, decision="complete")
    assert curve(read(tmp_path, 0), "with_hparams/auc") == [(1, 0.0)]


@pytest.mark.usefixtures("board")
def test_tensorboard_opens_on_auc_and_log_loss(tmp_path, play, measured):
    play()
    metrics = Metrics(**dict.fromkeys(Metrics.model_fields, 0.5))
    tags = {*scalars(measured(1, 0.7).model_copy(update={"metrics": metrics}))}
    tags |= {*read(tmp_path, 0).Tags()["scalars"], *columns(read(tmp_path, 0))[1]}
    # It orders groups, and the tags of each, by the alphabet.
    ordered = sorted(tags, key=lambda tag: tag.split("/"))
    assert ordered[:2] == ["first/val_auc", "first/val_log_loss"]
    assert not ordered[2].startswith("first/")
    assert ordered[-1].startswith("with_hparams/")
    assert {"train/loss", "val/auc", "val/log_loss", "prob/min", "prob/max"} <= tags


def test_files_with_the_tags_of_an_earlier_version_are_made_again(
    tmp_path, ledger, play, study_config
):
    play()
    Board(tmp_path, study_config(), ledger.trials).close()
    (new,) = files(tmp_path, 0)
    new.rename(new.with_name(new.name.rpartition(".")[0]))
    Board(tmp_path, study_config(), ledger.trials).close()
    assert [path.name.rpartition(".")[2] for path in files(tmp_path, 0)] == ["tags2"]
    check(tmp_path)


def test_scalars_are_grouped_and_never_null(measured):
    metrics = Metrics(auc=0.7, log_loss=0.5, pred_min=0.0, pred_p99=0.9, loss_train=0.4, brier=0.2)
    tags = scalars(measured(1, 0.7).model_copy(update={"metrics": metrics}))
    assert tags == {
        "first/val_auc": 0.7,
        "first/val_log_loss": 0.5,
        "train/loss": 0.4,
        "val/auc": 0.7,
        "val/log_loss": 0.5,
        "val/brier": 0.2,
        "prob/min": 0.0,
        "prob/p99": 0.9,
    }


def test_a_disk_that_is_full_costs_curves_and_is_said_once(
    tmp_path, ledger, board, play, study_config, monkeypatch, caplog
):
    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tensorboardX.record_writer.RecordWriter.flush", fail)
        play()
        board.close()
    assert caplog.text.count("No space left") == 1
    Board(tmp_path, study_config(), ledger.trials).close()
    check(tmp_path)


@pytest.mark.parametrize("n_tickers", [1, 2])
def test_the_table_of_a_panel_has_its_figures_too(tmp_path, ledger, birth, study_config, n_tickers):
    config = study_config(data_summary={"tickers": ["ONE", "TWO"][:n_tickers]})
    board = Board(tmp_path, config, ledger.trials)
    ledger.listen(board)
    ledger.append("trial", 0, **birth(seed=0))
    board.close()
    _, tags = columns(read(tmp_path, 0))
    assert tags[:4] == [
        "with_hparams/auc",
        "with_hparams/log_loss",
        "with_hparams/epochs",
        "with_hparams/pruned",
    ]
    assert ("with_hparams/rank_ic" in tags) == (n_tickers > 1)
