"""A Ray that the user may mean is told of and left alone, where a run starts a Ray of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
import ray

from phase6c.tune.runtime import cluster
from phase6c.tune.runtime.cluster import _start_own, remark_on_other_ray
from phase6c.tune.runtime.ray_private import started_head
from phase6c.tune.runtime.resources import Resources

from ...support.ports import free_port


@pytest.fixture(autouse=True)
def no_other(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(cluster, "started_head", lambda: None)


def test_an_address_in_the_environment_is_told_of_in_one_line_and_not_obeyed(monkeypatch, caplog):
    monkeypatch.setenv("RAY_ADDRESS", "10.255.255.1:6379")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    given = {}
    monkeypatch.setattr(ray, "init", lambda **options: given.update(options))
    # Not by `ray_cluster`, which would end a Ray that this process has already.
    _start_own(Resources(n_cpus=1, n_gpus=0, gpus_per_trial=0))
    assert given["address"] == "local"
    assert caplog.messages == [
        "RAY_ADDRESS names a Ray at 10.255.255.1:6379, which is not used: this run starts a Ray of "
        "its own; `address='auto'` would use it."
    ]


def test_a_ray_that_runs_on_this_machine_is_told_of_with_its_address(monkeypatch, caplog):
    with socket.create_server(("127.0.0.1", 0)) as head:
        address = f"127.0.0.1:{head.getsockname()[1]}"
        monkeypatch.setattr(cluster, "started_head", lambda: address)
        remark_on_other_ray()
    (message,) = caplog.messages
    assert message.startswith(f"A Ray runs on this machine at {address}, which is not used")
    assert f"`address='{address}'` would use it" in message


def test_a_head_that_has_ended_since_is_no_matter(monkeypatch, caplog):
    monkeypatch.setattr(cluster, "started_head", lambda: f"127.0.0.1:{free_port()}")
    remark_on_other_ray()
    assert not caplog.messages


@pytest.mark.parametrize("named", ["", "local"])
def test_without_another_ray_nothing_is_said(named, monkeypatch, caplog):
    monkeypatch.setenv("RAY_ADDRESS", named)
    remark_on_other_ray()
    assert not caplog.messages


@pytest.mark.ray
@pytest.mark.slow
def test_the_head_that_ray_start_has_started_is_found(monkeypatch, caplog):
    monkeypatch.setattr(cluster, "started_head", started_head)
    port = str(free_port())
    command = ["start", "--head", f"--port={port}", "--num-cpus=1", "--block"]
    command += ["--include-dashboard=false", "--disable-usage-stats"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
    )
    try:
        # Ray chooses itself by which of this machine's addresses it goes.
        while not (started_head() or "").endswith(f":{port}"):
            assert head.poll() is None
            time.sleep(0.1)
        remark_on_other_ray()
    finally:
        head.terminate()
        head.wait()
    (message,) = caplog.messages
    assert message.startswith("A Ray runs on this machine at ")
    assert f":{port}'` would use it" in message
