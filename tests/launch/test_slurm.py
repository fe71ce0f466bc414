"""The Slurm script with stand-ins for Slurm, Ray and phase6c: codes, signals, token, requeue."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "launch" / "cluster" / "slurm.sh"

STAND_INS = {
    "scontrol": 'case $1 in show) printf "n1\\nn2\\n" ;; *) echo "$@" >> scontrol.log ;; esac',
    # The options are noted, and the command runs here.
    "srun": """
        echo "$@" >> srun.log
        while [ "${1#--}" != "$1" ]; do shift; done
        exec "$@"
    """,
    "ray": """
        echo "$RAY_AUTH_MODE ${#RAY_AUTH_TOKEN} $*" >> ray.log
        [ "${HEAD_FAILS:-no}" = no ] || exit 1
        exec sleep 60
    """,
    # The wait for nodes: until head and workers are started, or as long as asked for.
    "python": """
        echo "$@" >> python.log
        [ -z "${NODES_AFTER:-}" ] || exec sleep "$NODES_AFTER"
        while [ "$(wc -l < ray.log)" -lt 2 ]; do sleep 0.05; done
    """,
    "phase6c": """
        echo "$@" >> phase6c.log
        trap 'echo USR1 >> phase6c.log; exit 75' USR1
        trap 'echo TERM >> phase6c.log; exit 143' TERM
        [ -z "${CODE:-}" ] || exit "$CODE"
        echo ready > ready
        while :; do sleep 0.05; done
    """,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name, text in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
    return tmp_path


def start(folder: Path, *command: str, **environment: str) -> subprocess.Popen[bytes]:
    own = {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder),
        "SLURM_JOB_ID": "7",
        "SLURM_JOB_NODELIST": "n[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "16",
        "SLURM_GPUS_ON_NODE": "4",
    }
    with (folder / "stderr.log").open("w") as errors:
        return subprocess.Popen(
            ["/bin/bash", SCRIPT, *command], cwd=folder, env=own | environment, stderr=errors
        )


def lines(folder: Path, name: str) -> list[str]:
    path = folder / f"{name}.log"
    return path.read_text().splitlines() if path.exists() else []


def wait_for(path: Path, job: subprocess.Popen[bytes]) -> None:
    while not path.exists():
        assert job.poll() is None
        time.sleep(0.02)


@pytest.mark.parametrize("code", [0, 1, 2, 70, 75, 130])
def test_the_code_of_phase6c_is_that_of_the_job_and_75_is_queued_again(
    folder: Path, code: int
) -> None:
    job = start(folder, "tune", "--budget", "200m", CODE=str(code))
    assert job.wait() == code
    assert lines(folder, "phase6c") == ["tune --budget 200m --resume --address n1:20007"]
    assert lines(folder, "scontrol") == (["requeue 7"] if code == 75 else [])


def test_head_and_workers_start_where_they_should_with_one_token(folder: Path) -> None:
    (folder / ".ray").mkdir()
    (folder / ".ray" / "auth_token").write_text("of another Ray")
    assert start(folder, "probe", "study", CODE="0").wait() == 0
    assert lines(folder, "phase6c") == ["probe study --address n1:20007"]
    head, workers = sorted(lines(folder, "srun"), key=lambda line: "--head" not in line)
    assert "--nodes=1 " in head
    assert "--nodelist=n1 " in head
    assert "--exclude=n1 " in workers
    assert "ray start --address=n1:20007 " in workers
    for line in lines(folder, "ray"):
        assert line.startswith("token 64 start")
        assert "--num-cpus=16 --num-gpus=4" in line


def test_a_signal_before_the_limit_reaches_phase6c_alone_and_the_job_is_queued_again(
    folder: Path,
) -> None:
    job = start(folder, "tune", "--budget", "2m")
    wait_for(folder / "ready", job)
    job.send_signal(signal.SIGUSR1)
    assert job.wait() == 75
    assert lines(folder, "phase6c")[1:] == ["USR1"]
    assert lines(folder, "scontrol") == ["requeue 7"]


def test_a_cancelled_job_is_not_queued_again(folder: Path) -> None:
    job = start(folder, "tune", "--budget", "2m")
    wait_for(folder / "ready", job)
    job.terminate()
    assert job.wait() == 143
    assert not lines(folder, "scontrol")


def test_a_head_that_does_not_start_is_a_missing_resource(folder: Path) -> None:
    job = start(folder, "tune", HEAD_FAILS="yes", NODES_AFTER="60")
    assert job.wait() == 69
    assert "Ray's head did not start on n1." in lines(folder, "stderr")
    assert not lines(folder, "phase6c")


def test_a_signal_while_nodes_are_awaited_queues_the_job_again(folder: Path) -> None:
    job = start(folder, "tune", NODES_AFTER="60")
    wait_for(folder / "python.log", job)
    job.send_signal(signal.SIGUSR1)
    assert job.wait() == 75
    assert lines(folder, "scontrol") == ["requeue 7"]
    assert not lines(folder, "phase6c")


@pytest.mark.parametrize("path", sorted(SCRIPT.parent.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_sound(path: Path) -> None:
    subprocess.run(["/bin/bash", "-n", path], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: bash -n alone was asked")
    subprocess.run(["shellcheck", path], check=True)
