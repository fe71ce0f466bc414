"""A run waits for a cluster's head and machines a limited time, and says which have joined."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

import pytest

from phase6c.config import parse
from phase6c.errors import ConfigError
from phase6c.tune.runtime.job import RunOptions
from phase6c.tune.runtime.joining.arrival import missing_machines, waits_for_gpus
from phase6c.tune.runtime.nodes import Node

from ....support.ports import free_port

HEAD = Node(cpus=8, name="head")
WORKER = Node(cpus=32, gpus=4, name="worker")


def options(**given):
    return parse(RunOptions, {"address": "auto", **given})


def test_gpus_are_counted_unless_the_run_takes_none():
    assert missing_machines(options(wait_for=4), [HEAD, WORKER]) is None
    assert missing_machines(options(wait_for=40, gpus=0), [HEAD, WORKER]) is None
    missing = missing_machines(options(wait_for=8), [HEAD, WORKER])
    assert missing is not None
    assert str(missing) == (
        "As many machines must join the cluster as are waited for; found: 4 of 8 GPUs; "
        "head (8 CPUs), worker (4 GPUs, 32 CPUs) has joined. "
        "Start the others, wait longer with `wait_s`, or ask for fewer: `wait_for=4`."
    )
    assert waits_for_gpus(options(wait_for=1))
    assert not waits_for_gpus(options(wait_for=1, gpus=0))


def test_where_no_gpu_has_joined_the_way_to_wait_for_cpus_is_told():
    missing = missing_machines(options(wait_for=8), [HEAD])
    assert missing is not None
    assert missing.remedy.endswith("; `gpus=0` waits for CPUs.")


def test_nothing_is_waited_for_unless_asked_for():
    assert missing_machines(options(), [HEAD]) is None
    assert not waits_for_gpus(options())


def test_only_a_cluster_is_waited_for():
    with pytest.raises(ConfigError, match="wait_for waits for machines of a cluster"):
        options(address=None, wait_for=4)


SCRIPT = """
import json, logging, subprocess, sys

from click.testing import CliRunner

from phase6c.commands.tune import main
from phase6c.config import parse
from phase6c.tune.runtime.cluster import cluster_nodes, ray_cluster
from phase6c.tune.runtime.joining.arrival import Arrival
from phase6c.tune.runtime.job import RunOptions

address, folder = sys.argv[1:]
said, started = [], []


def start(*options):
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *options, "--num-cpus=1"]
    command += ["--node-ip-address=127.0.0.1", "--disable-usage-stats", "--block"]
    with open(f"{folder}/ray_{len(started)}.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    started.append(process)


class Notes(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())
        # What is waited for begins only once it is said to be missing.
        if said[-1].startswith("Waiting for a head"):
            port = address.rpartition(":")[2]
            head = ("--head", f"--port={port}", f"--temp-dir={folder}")
            start(*head, "--num-gpus=0", "--include-dashboard=false")
        if " 0 there" in said[-1]:
            start(f"--address={address}", "--num-gpus=2")


logging.getLogger("phase6c").addHandler(Notes())
logging.getLogger("phase6c").setLevel("INFO")
try:
    arrival = Arrival(parse(RunOptions, {"address": address, "wait_for": 2, "wait_s": 300}))
    arrival.of_head()
    with ray_cluster(address, None):
        arrival.of_machines()
        gpus = sum(node.gpus for node in cluster_nodes())
    command = ["--budget", "tiny", "--address", address, "--wait-for", "3", "--quiet"]
    done = CliRunner().invoke(main, [*command, "--wait", "1s"])
finally:
    for process in reversed(started):
        process.terminate()
        process.wait()
print(json.dumps({"said": said, "gpus": gpus, "code": done.exit_code, "error": done.stderr}))
"""


@pytest.mark.ray
@pytest.mark.slow
def test_a_head_and_gpus_that_come_later_are_waited_for_and_more_are_a_missing_resource(tmp_path):
    script = tmp_path / "arrival.py"
    script.write_text(SCRIPT)
    # A folder of its own, in which Ray names its head, with a name that is short enough for Ray.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        done = subprocess.run(
            [sys.executable, script, f"127.0.0.1:{free_port()}", folder],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            # Whatever token an earlier Ray has left at home: this one asks for none.
            env={**os.environ, "RAY_AUTH_MODE": "disabled"},
        )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    head, missing, *_, joined = [one for one in told["said"] if "ait" in one or "joined" in one]
    assert head.startswith("Waiting for a head at 127.0.0.1:")
    assert missing.startswith("Waiting for 2 GPUs: 0 there, on 1 machine; ")
    assert (joined, told["gpus"]) == ("2 GPUs have joined.", 2)
    assert told["code"] == 69
    assert "found: 2 of 3 GPUs; " in told["error"]
    assert "(2 GPUs, 1 CPU)" in told["error"]
    assert "ask for fewer: --wait-for 2" in told["error"]
