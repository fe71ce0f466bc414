"""Notices that Ray itself is gone, before Ray ends its driver without a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray

# Ray gives up within ten seconds of losing a raylet, and a minute of losing its head.
_INTERVAL_S = 1.0
_CONNECT_S = 5.0
# A busy head may miss a connection or two.
_MAX_REFUSALS = 3
# Ray goes on without others of its processes, such as the log monitor.
_VITAL = ("gcs_server", "raylet")


@contextmanager
def watched_ray(on_lost: Callable[[str], None]) -> Iterator[None]:
    """While open, calls `on_lost` from a thread of its own, once, with the part that is gone."""
    over = threading.Event()
    address = ray.get_runtime_context().gcs_address

    def watch() -> None:
        refusals = 0
        while not over.wait(_INTERVAL_S):
            refusals = 0 if _answers(address) else refusals + 1
            gone = _dead_process()
            if gone is None and refusals == _MAX_REFUSALS:
                gone = f"its head at {address} does not answer"
            if gone is not None and not over.is_set():
                on_lost(gone)
                return

    # A daemon, so that a process that is left by an error is not held up by its watch.
    thread = threading.Thread(target=watch, name="ray-watch", daemon=True)
    thread.start()
    try:
        yield
    except Exception:
        # Ray may have noticed first, by an error of its own.
        gone = None if over.is_set() else _dead_process()
        if gone is not None:
            on_lost(gone)
        raise
    finally:
        over.set()
        thread.join(timeout=_CONNECT_S)


def _dead_process() -> str | None:
    """The ended process that a Ray of our own cannot do without; None if it has them all."""
    # None where this process has joined a cluster instead of starting it.
    node = ray._private.worker._global_node
    if node is None or not node.is_head():
        return None
    ended = [name for name, _ in node.dead_processes() if name in _VITAL]
    return f"its {ended[0]} has ended" if ended else None


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True
