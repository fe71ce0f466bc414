"""A trial's folder holds what belongs to its configuration, whole, and nothing of another trial."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from phase6c.errors import StorageError
from phase6c.storage.files import remove_leftovers
from phase6c.study.trial_folder import (
    BEST_WEIGHTS_FILE,
    CONFIG_FILE,
    LAST_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    PREVIOUS_FILE,
    begin_trial_folder,
    read_epochs,
    read_predictions,
    trial_folder,
    trial_folders,
    write_epochs,
)

from ..support.faults import act_with_every_fault, every_kind

OWN = {BEST_WEIGHTS_FILE, LAST_FILE, METRICS_FILE, PREDICTIONS_FILE, PREVIOUS_FILE}
CONTENT = {"study_id": "a", "code_version": "1", "model": {"d_model": 16}, "seed": 7}


@pytest.fixture
def folder(tmp_path):
    folder = trial_folder(tmp_path / "study", 7)
    begin_trial_folder(folder, CONTENT)
    for name in OWN:
        (folder / name).touch()
    return folder


@pytest.fixture
def data():
    """Three validation windows."""
    val = SimpleNamespace(
        dates=np.datetime64("2020-01-01") + np.arange(3),
        tickers=np.zeros(3, dtype=np.int16),
        y=np.array([0, 1, 0], dtype=np.float32),
        down=np.array([True, False, False]),
    )
    return SimpleNamespace(val=val, tickers=("PLANTED",))


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_folders_of_trials_are_found_and_nothing_else(tmp_path):
    for name in ("trial_000", "trial_1234", "trial_1", "trial_abc", "report"):
        (tmp_path / name).mkdir()
    (tmp_path / "trial_001").touch()
    (tmp_path / "trial_002").symlink_to(tmp_path / "report")
    assert {path.name for path in trial_folders(tmp_path)} == {"trial_000", "trial_1234"}


@pytest.mark.parametrize("change", [{}, {"code_version": "2"}, {"new": 1}])
def test_a_trial_that_is_gone_on_with_keeps_its_files(folder, change):
    begin_trial_folder(folder, CONTENT | change)
    assert names(folder) == OWN | {CONFIG_FILE}
    assert json.loads((folder / CONFIG_FILE).read_text()) == CONTENT | change


@pytest.mark.parametrize("change", [{"seed": 8}, {"study_id": "b"}, {"model": {"d_model": 24}}])
def test_another_trial_of_the_same_number_goes_on_with_nothing(folder, change):
    begin_trial_folder(folder, CONTENT | change)
    assert names(folder) == {CONFIG_FILE}


@pytest.mark.parametrize("damage", ["", "{", "[]", None])
def test_a_damaged_configuration_costs_no_checkpoint(folder, damage):
    path = folder / CONFIG_FILE
    path.unlink() if damage is None else path.write_text(damage)
    begin_trial_folder(folder, CONTENT)
    assert names(folder) == OWN | {CONFIG_FILE}


@every_kind
def test_whatever_fails_the_next_start_still_tells_another_trial_apart(folder, kind, torn):
    other = CONTENT | {"seed": 8}
    for _ in act_with_every_fault(kind, torn, lambda: begin_trial_folder(folder, other)):
        remove_leftovers(folder)
        begin_trial_folder(folder, other)
        assert names(folder) == {CONFIG_FILE}
        begin_trial_folder(folder, CONTENT)
        for name in OWN:
            (folder / name).touch()


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "study").touch()
    with pytest.raises(StorageError, match="Not a directory"):
        begin_trial_folder(trial_folder(tmp_path / "study", 0), CONTENT)


def test_predictions_come_back_for_each_epoch_and_window(tmp_path, data, measured):
    logits = [np.array([-1, 0, 1], dtype=np.float32), np.array([2, 2, -2], dtype=np.float32)]
    write_epochs(
        tmp_path, [measured(1, 0.5), measured(2, 0.6)], logits, [data.val] * 2, data.tickers
    )
    found = read_predictions(tmp_path)
    assert found["epoch"].tolist() == [1, 1, 1, 2, 2, 2]
    assert found["logit"].tolist() == [-1, 0, 1, 2, 2, -2]
    assert found["y"].tolist() == [0, 1, 0] * 2
    assert found["down"].tolist() == [True, False, False] * 2
    assert found["p"].iloc[1] == 0.5


@every_kind
def test_whatever_fails_epochs_are_old_or_new(tmp_path, data, measured, kind, torn):
    epochs = [measured(epoch, 0.5) for epoch in (1, 2)]
    logits = [np.zeros(3, dtype=np.float32)] * 2

    def write(n_epochs):
        blocks = [data.val] * n_epochs
        write_epochs(tmp_path, epochs[:n_epochs], logits[:n_epochs], blocks, data.tickers)

    write(1)
    for ended in act_with_every_fault(kind, torn, lambda: write(2)):
        n_lines = len((tmp_path / METRICS_FILE).read_text().splitlines())
        n_epochs = read_predictions(tmp_path)["epoch"].max()
        assert 1 <= n_epochs <= n_lines <= 2
        assert not ended or n_epochs == 2
        assert [one.measurement for one in read_epochs(tmp_path)] == epochs[:n_epochs]
        write(1)


def test_epochs_come_back_with_the_logits_of_each(tmp_path, data, measured):
    epochs = [measured(1, 0.5), measured(2, None)]
    logits = [np.array([-1, 0, 1e-9], np.float32), np.array([np.nan, 2, -2], np.float32)]
    assert read_epochs(tmp_path) == []
    write_epochs(tmp_path, epochs, logits, [data.val] * 2, data.tickers)
    found = read_epochs(tmp_path)
    assert [one.measurement for one in found] == epochs
    for one, known in zip(found, logits, strict=True):
        np.testing.assert_array_equal(one.logits, known)
        assert one.logits.dtype == np.float32


@pytest.mark.parametrize("name", [METRICS_FILE, PREDICTIONS_FILE])
def test_damaged_epochs_are_none_with_a_word(tmp_path, data, measured, caplog, name):
    one = np.zeros(3, dtype=np.float32)
    write_epochs(tmp_path, [measured(1, 0.5)], [one], [data.val], data.tickers)
    (tmp_path / name).write_bytes(b"{")
    assert read_epochs(tmp_path) == []
    assert "its epochs cannot be read" in caplog.text


def test_epochs_that_do_not_follow_each_other_are_none(tmp_path, data, measured):
    logits = [np.zeros(3, dtype=np.float32)] * 2
    write_epochs(tmp_path, [measured(2, 0.5)] * 2, logits, [data.val] * 2, data.tickers)
    assert read_epochs(tmp_path) == []


def test_a_trial_without_predictions_has_none(tmp_path):
    assert read_predictions(tmp_path) is None


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"text"])
def test_damaged_predictions_are_named(tmp_path, damage):
    (tmp_path / PREDICTIONS_FILE).write_bytes(damage)
    with pytest.raises(StorageError, match=r"predictions\.parquet: .*or delete it"):
        read_predictions(tmp_path)
