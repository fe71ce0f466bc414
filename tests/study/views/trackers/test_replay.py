"""A ledger is told to a tracker row by row or all at once, and what is not taken is kept."""

from __future__ import annotations

import pytest

from phase6c.errors import ConfigError, FolderError, StorageError
from phase6c.study.ledger import FILE_NAME, read_trials
from phase6c.study.study_config import read_study_config, write_study_config
from phase6c.study.views.trackers.destination import Destination
from phase6c.study.views.trackers.replay import Replay, sole_sender, track_study

AT = Destination("mlflow", "nowhere")


class Notes:
    """A tracker that notes what it is told, and refuses some trials."""

    def __init__(self, refused: set[int]) -> None:
        self.refused, self.told, self.study, self.closed = refused, [], None, False

    def tell(self, told):
        if told.trial.number in self.refused:
            raise RuntimeError("refused, with token=secret\nand more") from OSError("no route")
        self.told.append(told)

    def tell_study(self, config, trials, at):
        self.study = (config, dict(trials), at)

    def close(self):
        self.closed = True


@pytest.fixture
def notes(monkeypatch) -> Notes:
    notes = Notes(set())
    monkeypatch.setattr(Destination, "open", lambda *_: notes)
    return notes


def test_the_trials_are_told_as_the_ledger_has_them_with_the_times_of_their_rows(notes, played):
    replay = Replay(played, AT)
    replay.read()
    assert replay.tell() is None
    assert {told.trial.number: told.trial for told in notes.told} == read_trials(played / FILE_NAME)
    for told in notes.told:
        assert len(told.measured) == told.trial.epochs
        assert told.begun <= min(told.measured) <= max(told.measured) <= told.last


def test_only_what_is_new_is_told_again(notes, played, go_on):
    replay = Replay(played, AT)
    replay.read()
    replay.tell()
    replay.read()
    replay.tell()
    assert len(notes.told) == 5
    go_on()
    replay.read()
    replay.tell()
    (told,) = notes.told[5:]
    assert [epoch.epoch for epoch, _ in told.epochs_from(2)] == [2]
    assert (told.trial.number, told.trial.state) == (4, "COMPLETE")


def test_a_line_that_is_being_written_is_told_once_it_is_whole(notes, played, go_on):
    go_on()
    path = played / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    replay = Replay(played, AT)
    replay.read()
    path.write_bytes(whole)
    replay.read()
    replay.tell()
    assert {told.trial.number: told.trial.epochs for told in notes.told}[4] == 2


def test_a_trial_that_is_not_taken_holds_up_no_other_and_is_told_later(notes, played):
    notes.refused.add(1)
    replay = Replay(played, AT)
    replay.read()
    assert replay.tell() == "RuntimeError: refused, with token=*** ... no route"
    assert [told.trial.number for told in notes.told] == [0, 2, 3, 4]
    assert replay.n_waiting == 1
    notes.refused.clear()
    assert replay.tell() is None
    assert notes.told[-1].trial.number == 1


def test_a_tracker_that_takes_nothing_is_not_asked_for_every_trial(notes, played, add_trials):
    add_trials(5, 20)
    notes.refused.update(range(30))
    asked = []
    tell, notes.tell = notes.tell, lambda told: asked.append(told) or tell(told)
    replay = Replay(played, AT)
    replay.read()
    assert replay.tell() is not None
    assert len(asked) == 2
    assert replay.n_waiting == 25


def test_the_end_of_a_study_is_told_as_it_is_then(notes, played):
    replay = Replay(played, AT)
    replay.read()
    replay.tell()
    config = read_study_config(played).model_copy(update={"value_corrected": 0.5})
    write_study_config(played, config)
    assert replay.finish() is None
    told, trials, at = notes.study
    assert (told.value_corrected, sorted(trials)) == (0.5, [0, 1, 2, 3, 4])
    assert at == max(one.last for one in notes.told)
    assert notes.closed


def test_a_damaged_ledger_is_said_to_be_damaged(notes, played):
    lines = (played / FILE_NAME).read_text().splitlines()
    (played / FILE_NAME).write_text("\n".join(lines[3:]) + "\n")
    with pytest.raises(StorageError, match="Every line of a ledger must fit"):
        Replay(played, AT).read()


def test_two_processes_do_not_send_a_study_at_once(played):
    with sole_sender(played, AT, 0):
        # Another tracker is another matter.
        with sole_sender(played, Destination("wandb", "project"), 0):
            pass
        with (
            pytest.raises(FolderError, match="Only one process at a time"),
            sole_sender(played, AT, 0),
        ):
            pytest.fail("two send it")


def test_a_study_is_sent_somewhere(played):
    with pytest.raises(ConfigError, match="`mlflow` or `wandb`"):
        track_study(played)
