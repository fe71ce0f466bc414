"""A Ray that does not start is told with what may be done about it."""

from __future__ import annotations

import pytest
import ray

from phase6c.errors import ResourceError
from phase6c.tune.runtime.cluster import _start_own
from phase6c.tune.runtime.resources import Resources


def silent(**given: object) -> None:
    # What Ray 2 raises where its processes do not answer in time, as on a machine under load.
    raise Exception("The current node timed out during startup. This could happen because ...")  # noqa: TRY002


def test_processes_of_ray_that_do_not_answer_may_be_on_a_busy_machine(monkeypatch):
    # So that none is made, which would outlast the test.
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    monkeypatch.setattr(ray, "init", silent)
    # Not by `ray_cluster`, which would end a Ray that this process has already.
    with pytest.raises(ResourceError, match="timed out during startup") as caught:
        _start_own(Resources(n_cpus=1, n_gpus=0, gpus_per_trial=0))
    assert "busy machine" in caught.value.remedy
    assert "try again" in caught.value.remedy
    assert "session_latest/logs" in caught.value.remedy
