"""The time left follows from the epochs of all trials, the stopped and the running ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.terminal.time_left import TimeLeft

MAX_EPOCHS = 27
START_UP_S = 13.0


class Replay:
    """A search on made-up workers: each tick is an epoch of each of them."""

    def __init__(self, ledger, birth, measured, lengths, planned=9, **speed):
        epoch_s, side_by_side = speed.get("epoch_s", 2.0), 2
        self.now = START_UP_S
        self.time_left = TimeLeft(MAX_EPOCHS, planned, side_by_side, clock=lambda: self.now)
        ledger.listen(self.time_left)
        self._append, self._birth, self._measured = ledger.append, birth, measured
        self._lengths, self._epoch_s, self._side_by_side = lengths, epoch_s, side_by_side

    def run(self) -> Iterator[tuple[float, float | None]]:
        """The time, and the seconds that are foreseen, after each epoch of all workers."""
        waiting, running, n_left = list(enumerate(self._lengths)), {}, len(self._lengths)
        while waiting or running:
            while waiting and len(running) < self._side_by_side:
                number, length = waiting.pop(0)
                running[number] = [0, length]
                self._append("trial", number, **self._birth(seed=number))
            self.now += self._epoch_s
            for number, (epochs, length) in list(running.items()):
                running[number][0] += 1
                measured = self._measured(epochs + 1, 0.5).model_copy(
                    update={"duration_s": 0.9 * self._epoch_s}
                )
                ends = epochs + 1 == length
                complete = "complete" if length == MAX_EPOCHS else "stop"
                below = {"epoch": epochs + 1, "value": 0.5, "cutoff": 0.6}
                self._append(
                    "result",
                    number,
                    measurement=measured.model_dump(mode="json"),
                    decision=complete if ends else "continue",
                    stopped=below if ends and complete == "stop" else None,
                )
                if ends:
                    del running[number]
                    n_left -= 1
            yield self.now, self.time_left.seconds(n_left)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / FILE_NAME)
    yield ledger
    ledger.close()


@pytest.mark.parametrize("seed", range(5))
def test_from_a_quarter_on_it_is_right_within_a_third(ledger, birth, measured, seed):
    """Trials last as long as rungs at a ninth and a third of the epochs let them."""
    lengths = np.random.default_rng(seed).choice([3, 9, 27], p=[0.6, 0.25, 0.15], size=50)
    replay = Replay(ledger, birth, measured, lengths.tolist())
    foreseen = list(replay.run())
    whole = foreseen[-1][0] - START_UP_S
    errors = [
        abs(left - (foreseen[-1][0] - now)) / whole
        for now, left in foreseen
        if now - START_UP_S >= whole / 4
    ]
    assert max(errors) < 1 / 3
    assert np.mean(errors) < 0.17


def test_trials_stopped_first_do_not_stand_for_those_that_still_run(ledger, birth, measured):
    """After eight short trials a long one goes on: the mean length of the ended ones misleads."""
    replay = Replay(ledger, birth, measured, [27, *[1] * 8, 27], MAX_EPOCHS)
    states = list(replay.run())
    now, left = states[8]
    assert 0.6 < left / (states[-1][0] - now) < 1.5


def test_the_start_of_the_workers_is_not_taken_for_training(ledger, birth, measured):
    replay = Replay(ledger, birth, measured, [MAX_EPOCHS] * 2, MAX_EPOCHS, epoch_s=1.0)
    _, left = next(replay.run())
    assert left == pytest.approx(MAX_EPOCHS - 1, rel=0.3)


def test_before_the_first_epoch_nothing_is_foreseen(ledger, birth):
    time_left = TimeLeft(MAX_EPOCHS, 9, 2)
    ledger.listen(time_left)
    ledger.append("trial", 0, **birth())
    assert time_left.seconds(5) is None
