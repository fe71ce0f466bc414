"""The recipes of clusters fit the schemas of those who read them, and every command is real."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import ray.autoscaler
import yaml

from phase6c.commands.group import main

FOLDER = Path(__file__).parents[2] / "launch" / "cluster"
SCHEMA = Path(ray.autoscaler.__file__).with_name("ray-schema.json")


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def check_command(text: str) -> None:
    """The words are a command of phase6c with options that it has."""
    phase6c, name, *words = shlex.split(text)
    assert phase6c == "phase6c"
    command = main.get_command(click.Context(main), name)
    assert command is not None
    flags = {flag for option in command.params for flag in option.opts}
    assert {word for word in words if word.startswith("--")} <= flags


def test_the_cluster_of_ray_up_fits_rays_schema() -> None:
    cluster = read("ray_up.yaml")
    jsonschema.validate(cluster, json.loads(SCHEMA.read_text()))
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in cluster[commands][-1]


def test_the_job_of_kuberay_has_token_volume_and_a_way_on() -> None:
    job = read("kuberay.yaml")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    cluster = spec["rayClusterSpec"]
    assert cluster["rayVersion"] == ray.__version__
    assert cluster["authOptions"] == {"mode": "token"}
    assert spec["backoffLimit"]
    assert "--resume" in spec["entrypoint"]
    check_command(spec["entrypoint"])
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        pod = group["template"]["spec"]
        (mount,) = pod["containers"][0]["volumeMounts"]
        assert mount["mountPath"] == "/outputs"
        assert mount["name"] in [volume["name"] for volume in pod["volumes"]]


@pytest.mark.parametrize(
    ("script", "runner", "words", "expected"),
    [
        (
            "ray_job.sh",
            "ray",
            ["http://head:8265", "tune", "--budget", "2m"],
            "job submit --address http://head:8265 -- "
            "phase6c tune --budget 2m --resume --address auto",
        ),
        (
            "mac_overnight.sh",
            "caffeinate",
            ["--budget", "2m"],
            "-ims phase6c tune --time-budget 9h --budget 2m --resume",
        ),
    ],
)
def test_a_script_hands_on_its_words_and_the_exit_code(
    script: str, runner: str, words: list[str], expected: str, tmp_path: Path
) -> None:
    stand_in = tmp_path / runner
    stand_in.write_text('#!/bin/bash\necho "$@"\nexit 75\n')
    stand_in.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}/usr/bin:/bin"
    command = ["/bin/bash", FOLDER / script, *words]
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (75, expected)
    check_command(expected[expected.index("phase6c") :])
