"""A search as a ledger tells it, for the views that show it."""

from collections.abc import Callable, Sequence

import pytest

REFERENCE = {
    "source": "reference",
    "name": "january_best",
    "in_budget": False,
    "n_layers": 6,
}
COMPLETE = {0: (0.9, 0.8), 1: (0.6, 0.7)}


@pytest.fixture
def play_search(ledger, birth, result) -> Callable[..., None]:
    """A reference and a trial complete, then one trial of each end, then trials that do not end.

    Trial 4 runs, any further one waits.
    """

    def play(n_trials: int, completed: Sequence[int] = (0, 1)) -> None:
        for number in range(n_trials):
            fields = {} if number else REFERENCE
            ledger.append("trial", number, **birth(seed=number, **fields))
            if number < 5:
                ledger.append("started", number)
        for number in completed:
            first, second = COMPLETE[number]
            result(number, 1, first, "continue")
            result(number, 2, second, "complete")
        result(2, 1, 0.5, "stop", stopped={"epoch": 1, "value": 0.5, "cutoff": 0.6})
        result(3, 1, 0.65, "continue")
        result(3, 2, None, "diverged")
        result(4, 1, 0.75, "continue")

    return play
