"""Waits until a Ray cluster has all its nodes: `wait_for_nodes.py HOST:PORT NODES [SECONDS]`.

Exit code 0 when they are there, 69 when they are not after 10 minutes or so many seconds.
"""

import contextlib
import socket
import sys
import time

import ray

_MISSING = 69
_WAIT_S = 600.0
_EACH_S = 2.0


def wait_for_nodes(address: str, n_nodes: int, wait_s: float = _WAIT_S) -> bool:
    """Whether so many nodes are alive within so many seconds."""
    deadline = time.monotonic() + wait_s
    host, _, port = address.rpartition(":")
    while time.monotonic() < deadline:
        # Ray itself would try for minutes, and then raise, where nothing listens yet.
        with contextlib.suppress(OSError):
            socket.create_connection((host, int(port)), timeout=_EACH_S).close()
            break
        time.sleep(_EACH_S)
    else:
        return False
    ray.init(address=address, log_to_driver=False)
    while (there := _alive()) < n_nodes and time.monotonic() < deadline:
        time.sleep(_EACH_S)
    return there >= n_nodes


def _alive() -> int:
    nodes = ray.nodes()  # type: ignore[no-untyped-call]
    return sum(bool(node["Alive"]) for node in nodes)


if __name__ == "__main__":
    place, number, *seconds = sys.argv[1:]
    if not wait_for_nodes(place, int(number), *map(float, seconds)):
        sys.stderr.write(f"{place} does not have {number} nodes.\n")
        sys.exit(_MISSING)
