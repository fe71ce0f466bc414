"""Ports of this machine: free, or with somebody behind them who never says a word."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def silent_server() -> Iterator[str]:
    """Address of a server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as taken:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
