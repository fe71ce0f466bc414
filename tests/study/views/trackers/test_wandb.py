"""Offline, W&B's own files have each trial once, with its curve, its end and its reason."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from phase6c.study.study_config import read_study_config
from phase6c.study.views.trackers import wandb as ours
from phase6c.study.views.trackers.destination import Destination
from phase6c.study.views.trackers.replay import Replay, track_study

from ....support.ports import free_port

if find_spec("wandb") is None:
    pytest.skip("wandb is not installed: make test-trackers", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

# Of the file: its head, and the length of a block and of the head of a part of a record.
_HEAD, _BLOCK, _PART = 7, 32768, 7
# Kinds of parts that end a record.
_LAST = (1, 4)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_DIR", raising=False)
    set_mode("offline", monkeypatch)


def set_mode(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.setenv("WANDB_MODE", mode)
    # It reads the environment a single time otherwise.
    wandb.teardown()


def records(path: Path) -> Iterator[Any]:
    """What W&B would send of an offline run."""
    from wandb.proto import wandb_internal_pb2

    content, at, record = path.read_bytes(), _HEAD, b""
    while at < len(content):
        left = _BLOCK - at % _BLOCK
        if left < _PART:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + _PART])
        record += content[at + _PART : at + _PART + length]
        at += _PART + length
        if kind in _LAST:
            read = wandb_internal_pb2.Record()
            read.ParseFromString(record)
            yield read
            record = b""


class Kept:
    """A run as it is kept offline."""

    def __init__(self, path: Path) -> None:
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.exit_code: int | None = None
        for record in records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config = {
                    one.key: json.loads(one.value_json) for one in record.run.config.update
                }
            if kind == "history":
                self.history.append(values(record.history.item))
            if kind == "summary":
                self.summary |= values(record.summary.update)
            if kind == "exit":
                self.exit_code = record.exit.exit_code


def values(items):
    return {one.key or ".".join(one.nested_key): json.loads(one.value_json) for one in items}


def kept(folder: Path) -> dict[int | None, list[Kept]]:
    """All runs by the trial's number, None for the study's own, the oldest first."""
    found: dict[int | None, list[Kept]] = {}
    for path in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        study_id, _, number = path.stem.removeprefix("run-").partition("-")
        assert study_id == read_study_config(folder).study_id
        found.setdefault(int(number) if number else None, []).append(Kept(path))
    return found


def test_every_trial_is_kept_with_its_curve_and_its_end(played):
    track_study(played, wandb="project")
    runs = {number: run for number, (run,) in kept(played).items()}
    assert set(runs) == {None, *range(5)}
    complete, pruned, failed = (runs[number] for number in (1, 2, 3))
    assert [(row["_step"], row["value"]) for row in complete.history] == [(1, 0.6), (2, 0.7)]
    assert (complete.run.project, complete.config["learning_rate"]) == ("project", 1e-4)
    assert (complete.config["budget"], complete.config["code_version"]) == ("tiny", "0")
    assert (complete.summary["best_value"], complete.summary["state"]) == (0.7, "COMPLETE")
    assert pruned.summary["stopped"] == "epoch 1: 0.5 against 0.6"
    assert (complete.exit_code, failed.exit_code) == (0, 1)
    # A trial by itself tells nothing of this machine, and all belong together.
    assert not complete.run.git.remote_url
    assert len({run.run.run_group for run in runs.values()}) == 1
    assert runs[None].summary["best_trial"] == "1"


def test_what_has_ended_is_not_sent_twice_and_the_rest_anew_and_whole(played, go_on):
    track_study(played, wandb="project")
    go_on()
    track_study(played, wandb="project")
    runs = kept(played)
    assert [len(runs[number]) for number in range(5)] == [1, 1, 1, 1, 2]
    last = runs[4][-1]
    assert [(row["_step"], row["value"]) for row in last.history] == [(1, 0.75), (2, 0.85)]
    assert last.summary["state"] == "COMPLETE"


def test_another_project_has_nothing_yet(played):
    track_study(played, wandb="project")
    track_study(played, wandb="other")
    assert len(kept(played)[1]) == 2


def test_a_server_that_did_not_answer_is_asked_anew(played, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{free_port()}")
    set_mode("online", monkeypatch)
    monkeypatch.setitem(ours._SETTINGS, "init_timeout", 1.0)
    replay = Replay(played, Destination("wandb", "project"))
    replay.read()
    # Two trials are tried in each turn, and those of the first come again in the third.
    faults = [replay.tell() for _ in range(3)]
    assert all(fault is not None and fault.startswith("CommError: ") for fault in faults)
    assert replay.n_waiting == 5
