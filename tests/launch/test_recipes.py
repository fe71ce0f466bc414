"""The recipes of clusters fit the schemas of those who read them, and every command is real."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import ray.autoscaler
import yaml

import phase6c
import search_spaces
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
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= flags


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


def run_with_stand_in(script: str, runner: str, words: list[str], folder: Path) -> str:
    """What a script runs in place of itself; its exit code is that of what it runs."""
    stand_in = folder / runner
    stand_in.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\nexit 75\n')
    stand_in.chmod(0o755)
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    done = subprocess.run(
        ["/bin/bash", FOLDER / script, *words],
        env={**os.environ, "PATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 75, done.stderr
    return done.stdout


def test_a_night_on_a_mac_runs_a_real_command_and_hands_on_its_exit_code(tmp_path: Path) -> None:
    told = run_with_stand_in("mac_overnight.sh", "caffeinate", ["--budget", "2m"], tmp_path)
    keeps_awake, *words = told.split()
    assert keeps_awake == "-ims"
    assert words == ["phase6c", "tune", "--time-budget", "9h", "--budget", "2m", "--resume"]
    check_command(shlex.join(words))


@pytest.mark.parametrize(
    ("asked", "is_own"),
    [
        (["tune", "--budget", "2m"], False),
        (["tune", "--space", "own_space"], True),
        (["tune", "--space=own_space"], True),
        (["tune", "--space", "search_spaces.january_2m"], False),
    ],
)
def test_a_job_takes_the_code_along_and_hands_on_words_and_exit_code(
    asked: list[str], is_own: bool, tmp_path: Path
) -> None:
    (tmp_path / "own_space.py").touch()
    told = run_with_stand_in("ray_job.sh", "ray", ["http://head:8265", *asked], tmp_path)
    submit, code, ran = told.splitlines()[:5], told.splitlines()[5], told.splitlines()[7:]
    assert submit == ["job", "submit", "--address", "http://head:8265", "--runtime-env-json"]
    own = [str(tmp_path / "own_space.py")] if is_own else []
    modules = [str(Path(one.__file__).parent) for one in (phase6c, search_spaces)]
    assert json.loads(code) == {"py_modules": modules + own, "excludes": ["__pycache__"]}
    assert ran == ["python", "-m", "phase6c", *asked, "--resume", "--address", "auto"]
    check_command(shlex.join(ran[2:]))
