"""A cluster that is not there is said to be missing at once."""

from __future__ import annotations

import time

import pytest

from phase6c.errors import ResourceError
from phase6c.tune.cluster import ray_cluster


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_an_address_without_a_cluster_is_refused_at_once(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(ResourceError, match="ray start --head"), ray_cluster(address, None):
        pytest.fail("there is no cluster")
    assert time.monotonic() - began < 10
