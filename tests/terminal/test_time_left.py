"""The time left follows from the epochs of all trials, the stopped and the running ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from phase6c.study.ledger import FILE_NAME, Ledger
from phase6c.terminal.time_left import Foreseen, TimeLeft

MAX_EPOCHS = 27
START_UP_S = 13.0


class Replay:
    """A search on made-up workers: each tick is an epoch of each of them."""

    def __init__(self, ledger, birth, measured, lengths, planned=9, **speed):
        epoch_s, side_by_side = speed.get("epoch_s", 2.0), 2
        self.now = START_UP_S
        self.time_left = TimeLeft(
            MAX_EPOCHS, planned, side_by_side, len(lengths), clock=lambda: self.now
        )
        ledger.listen(self.time_left)
        self._append, self._birth, self._measured = ledger.append, birth, measured
        self._lengths, self._epoch_s, self._side_by_side = lengths, epoch_s, side_by_side

    def run(self) -> Iterator[tuple[float, Foreseen]]:
        """The time, and what is foreseen, after each epoch of all workers."""
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
            yield self.now, self.time_left.foreseen(n_left)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / FILE_NAME)
    yield ledger
    ledger.close()


@pytest.mark.parametrize("seed", range(5))
def test_from_a_quarter_on_it_is_right_within_a_third(ledger, birth, measured, seed):
    """Trials last as long as rungs at a ninth and a third of the epochs let them."""
    replay = Replay(ledger, birth, measured, _lengths(seed))
    foreseen = list(replay.run())
    whole = foreseen[-1][0] - START_UP_S
    errors = [
        abs(left.seconds - (foreseen[-1][0] - now)) / whole
        for now, left in foreseen
        if now - START_UP_S >= whole / 4
    ]
    assert max(errors) < 1 / 3
    assert np.mean(errors) < 0.17


def test_the_range_holds_the_end_more_often_than_not_and_less_than_always(
    tmp_path, birth, measured
):
    held = []
    for seed in range(6):
        ledger = Ledger(tmp_path / f"{seed}.jsonl")
        foreseen = list(Replay(ledger, birth, measured, _lengths(seed)).run())
        ledger.close()
        end = foreseen[-1][0]
        late = [one for one in foreseen[:-1] if one[0] - START_UP_S >= (end - START_UP_S) / 4]
        held += [left.low_s <= end - now <= left.high_s for now, left in late]
    assert 0.7 < np.mean(held) < 0.99


def test_the_range_narrows_as_the_end_comes_near(ledger, birth, measured):
    states = list(Replay(ledger, birth, measured, _lengths(0)).run())
    early, late = (states[round(share * len(states))][1] for share in (0.2, 0.8))
    assert late.high_s - late.low_s < 0.6 * (early.high_s - early.low_s)


def test_trials_that_are_never_stopped_are_foreseen_to_a_tenth(ledger, birth, measured):
    states = list(Replay(ledger, birth, measured, [MAX_EPOCHS] * 8, MAX_EPOCHS).run())
    now, left = states[len(states) // 2]
    assert left.low_s > 0.9 * (states[-1][0] - now)
    assert left.high_s < 1.1 * (states[-1][0] - now)
    assert left.text().startswith("about ")
    assert " to " not in left.text()


def test_trials_stopped_first_do_not_stand_for_those_that_still_run(ledger, birth, measured):
    """After eight short trials a long one goes on: the mean length of the ended ones misleads."""
    replay = Replay(ledger, birth, measured, [27, *[1] * 8, 27], MAX_EPOCHS)
    states = list(replay.run())
    now, left = states[8]
    assert 0.6 < left.seconds / (states[-1][0] - now) < 1.5


def test_no_epoch_is_expected_of_a_trial_that_is_measured_for_the_last_time(
    ledger, birth, measured
):
    now = 0.0
    time_left = TimeLeft(MAX_EPOCHS, 9, 1, 1, clock=lambda: now)
    ledger.listen(time_left)
    ledger.append("trial", 0, **birth(config={"train": {"val_windows": 100}}))
    told = measured(1, 0.5).model_dump(mode="json")
    ledger.append("result", 0, measurement=told, decision="continue", stopped=None)
    assert time_left.foreseen(1).seconds > 0
    told = measured(2, 0.5).model_dump(mode="json")
    below = {"epoch": 2, "value": 0.5, "cutoff": 0.6}
    ledger.append("result", 0, measurement=told, decision="stop", stopped=below)
    assert time_left.foreseen(1).seconds == 0


def test_trials_of_an_earlier_run_tell_how_long_trials_last(ledger, birth, measured):
    for _ in Replay(ledger, birth, measured, [3] * 20, MAX_EPOCHS).run():
        pass

    def foreseen(earlier):
        time_left = TimeLeft(MAX_EPOCHS, MAX_EPOCHS, 2, 20, earlier, clock=lambda: 0.0)
        trial = ledger.trials[0].model_copy(update={"state": "RUNNING", "number": 20})
        time_left({"kind": "result", "number": 20, "at": 0.0}, trial)
        return time_left.foreseen(10).seconds

    assert foreseen(ledger.trials.values()) < 0.5 * foreseen(())


def test_the_start_of_the_workers_is_not_taken_for_training(ledger, birth, measured):
    replay = Replay(ledger, birth, measured, [MAX_EPOCHS] * 2, MAX_EPOCHS, epoch_s=1.0)
    _, left = next(replay.run())
    assert left.seconds == pytest.approx(MAX_EPOCHS - 1, rel=0.3)


def test_before_the_first_epoch_nothing_is_foreseen(ledger, birth):
    time_left = TimeLeft(MAX_EPOCHS, 9, 2, 5)
    ledger.listen(time_left)
    ledger.append("trial", 0, **birth())
    assert time_left.foreseen(5) is None


@pytest.mark.parametrize(
    ("foreseen", "told"),
    [
        (Foreseen(600, 480, 780), "about 10 min"),
        (Foreseen(1800, 1200, 2700), "about 20 to 45 min"),
        (Foreseen(100, 50, 200), "about 50 s to 3 min"),
        (Foreseen(20, 0, 200), "up to 3 min"),
    ],
)
def test_a_figure_is_told_only_where_it_is_borne(foreseen, told):
    assert foreseen.text() == told


def _lengths(seed: int) -> list[int]:
    rng = np.random.default_rng(seed)
    return [int(n) for n in rng.choice([3, 9, 27], p=[0.6, 0.25, 0.15], size=50)]


def test_while_no_training_runs_the_time_left_does_not_run_out(ledger, birth, measured):
    """An evaluation fits baselines between its trainings, and says nothing meanwhile."""
    replay = Replay(ledger, birth, measured, [MAX_EPOCHS] * 4, MAX_EPOCHS)
    for _ in replay.run():
        pass
    before = replay.time_left.foreseen(2)
    replay.now += 1000.0
    assert replay.time_left.foreseen(2) == before
    assert before.low_s > 0
