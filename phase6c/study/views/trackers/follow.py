"""A process that follows a ledger and tells a tracker of it until its stdin ends.

A process of its own has no part in the search: whatever a tracker's library does, a trial neither
waits for it nor fails with it, and at the end it can be given up.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TextIO, cast

from phase6c.errors import FolderError, Phase6cError
from phase6c.study.views.trackers.destination import Destination, Kind
from phase6c.study.views.trackers.replay import Replay, sole_sender
from phase6c.study.views.trackers.told import Told

_READ_EVERY_S = 1.0
# A tracker that does not answer is asked less and less often.
_LONGEST_PAUSE_S = 60.0
# The longest time that is left after the search, should the search itself be gone.
_END_S = 60.0
# A search has the machine first.
_NICENESS = 5


def main(kind: str, place: str, folder: str) -> None:
    """Follows until stdin ends, then tells what is left; each trial that is told is a line."""
    os.nice(_NICENESS)
    # Kept for our own lines: the libraries of trackers print as well.
    said = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    say = partial(_say, said)
    ended = threading.Event()
    threading.Thread(target=_await_end, args=(ended,), daemon=True).start()
    destination = Destination(cast(Kind, kind), place)
    try:
        _follow(Path(folder), destination, ended, say)
    except Phase6cError as error:
        say(fault=str(error))


def _await_end(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()
    # Past a request that does not end.
    give_up = threading.Timer(_END_S, os._exit, args=(1,))
    give_up.daemon = True
    give_up.start()


def _follow(
    folder: Path, destination: Destination, ended: threading.Event, say: Callable[..., None]
) -> None:
    with ExitStack() as alone:
        # An earlier run of the study may still be telling its last.
        while True:
            try:
                alone.enter_context(sole_sender(folder, destination, timeout_s=0))
                break
            except FolderError:
                if ended.wait(_READ_EVERY_S):
                    raise
        _tell_until_end(Replay(folder, destination), ended, say)


def _tell_until_end(replay: Replay, ended: threading.Event, say: Callable[..., None]) -> None:
    def say_told(told: Told) -> None:
        trial = told.trial
        say(number=trial.number, epochs=trial.epochs, finished=trial.finished)

    pause_s = _READ_EVERY_S
    while True:
        # Asked before the ledger is read, so that the last turn sees its last row.
        is_last = ended.is_set()
        replay.read()
        fault = replay.tell(say_told)
        if is_last:
            break
        if fault is None:
            pause_s = _READ_EVERY_S
        else:
            say(fault=fault)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        ended.wait(pause_s)
    say(fault=fault or replay.finish())


def _say(said: TextIO, **what: object) -> None:
    said.write(json.dumps(what) + "\n")
    said.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
