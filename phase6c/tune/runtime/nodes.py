"""The machines of a run as the planner sees them, and the description of this machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from phase6c.config import Record

_MIG_GB = re.compile(r"\.(\d+)gb")
# H200 of "NVIDIA H200", A100 of "NVIDIA A100-SXM4-80GB": as Ray names the kind of a node's GPUs.
_KIND = re.compile(r"\w+\s+((?:[A-Z]+\s+)*[A-Z0-9]*\d[A-Z0-9]*)")
# GPUs that a batch system has given this job: a list of numbers, or how many.
_SLURM_LISTS = ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
_SLURM_COUNT = "SLURM_GPUS_ON_NODE"


class Node(Record):
    """A machine.

    Attributes:
        cpus, gpus: Numbers that trials may use; a part of a GPU that is divided counts as a GPU.
        gpu_memory_gib: Memory of the smallest of its GPUs; None where it is not known.
        gpu_kind: Name of their kind, such as H200; None where there is none, or it is not known.
        name: Name in its network; None where it is not asked for.
        node_id: Identity in its cluster; None outside of one.
    """

    cpus: int
    gpus: int = 0
    gpu_memory_gib: float | None = None
    gpu_kind: str | None = None
    name: str | None = None
    node_id: str | None = None


class Gpu(NamedTuple):
    """A GPU, or a part of a divided GPU, as the driver names it."""

    uuid: str
    kind: str | None
    memory_gib: float | None


def local_node() -> Node:
    """This machine, as far as the environment lets this process use it."""
    if _is_apple_silicon():
        # Apple's GPU shares the memory of the machine, and has no driver to ask.
        return Node(cpus=local_cpus(), gpus=1, gpu_kind="MPS")
    gpus = visible_gpus(_all_gpus(), os.environ)
    memory = [gpu.memory_gib for gpu in gpus]
    known = [gib for gib in memory if gib is not None]
    return Node(
        cpus=local_cpus(),
        gpus=len(gpus),
        gpu_memory_gib=min(known) if known and len(known) == len(gpus) else None,
        gpu_kind=gpus[0].kind if len({gpu.kind for gpu in gpus}) == 1 else None,
    )


def local_cpus() -> int:
    """Number of CPUs that this process may use."""
    # A batch system or a container may allow fewer than the machine has.
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    # Slurm does not bind processes to their CPUs everywhere.
    given = os.environ.get("SLURM_CPUS_ON_NODE", "")
    return min(there, int(given)) if given.isdecimal() and int(given) else there


def visible_gpus(there: list[Gpu], environment: Mapping[str, str]) -> list[Gpu]:
    """The GPUs that CUDA would show a process with this environment.

    Args:
        there: All GPUs of the machine and the parts of divided GPUs, as the driver names them.
        environment: Variables of the environment. CUDA_VISIBLE_DEVICES counts before Slurm's.
    """
    wanted = environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        wanted = next((environment[name] for name in _SLURM_LISTS if environment.get(name)), None)
        if wanted is not None:
            # Slurm numbers the GPUs of the machine, of which it may show the job its own alone.
            return there[: len(_numbered(wanted))]
        whole = [gpu for gpu in there if not _is_part(gpu)]
        limit = environment.get(_SLURM_COUNT, "")
        # Of divided GPUs CUDA shows a single part unless several are named.
        return (whole or there[:1])[: int(limit) if limit.isdecimal() else None]
    # CUDA reads the list up to the first entry that names no GPU.
    found: list[Gpu] = []
    for name in _numbered(wanted):
        gpu = _named(name, there)
        if gpu is None or gpu in found:
            break
        found.append(gpu)
    return found


def _numbered(text: str) -> list[str]:
    """The entries of a list of GPUs, ranges such as 0-3 in full."""
    entries: list[str] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        low, dash, high = entry.partition("-")
        if dash and low.isdecimal() and high.isdecimal():
            entries += map(str, range(int(low), int(high) + 1))
        else:
            entries.append(entry)
    return entries


def _named(name: str, there: Iterable[Gpu]) -> Gpu | None:
    if name.isdecimal():
        numbered = [gpu for gpu in there if not _is_part(gpu)] or list(there)
        return numbered[int(name)] if int(name) < len(numbered) else None
    # An identity may be shortened to what tells it apart.
    return next((gpu for gpu in there if gpu.uuid.startswith(name)), None)


def _is_part(gpu: Gpu) -> bool:
    return gpu.uuid.startswith("MIG-")


def read_gpus(listing: str, memory: str) -> list[Gpu]:
    """GPUs from the driver's answers; of a divided GPU its parts.

    Args:
        listing: Answer to `nvidia-smi -L`, with a line for each GPU and each part of a GPU.
        memory: Answer of uuid and memory.total in MiB as CSV, a line for each whole GPU.
    """
    pairs = (line.split(",") for line in memory.splitlines() if line.count(",") == 1)
    of_uuid = {uuid.strip(): float(mib) / 1024 for uuid, mib in pairs if _is_number(mib)}
    found: list[Gpu] = []
    divided: set[str] = set()
    for line in listing.splitlines():
        uuid = line.rpartition("UUID: ")[2].strip(" )")
        if line.lstrip().startswith("MIG "):
            size = _MIG_GB.search(line)
            whole = next(gpu for gpu in reversed(found) if not _is_part(gpu))
            divided.add(whole.uuid)
            found.append(Gpu(uuid, whole.kind, float(size[1]) if size else None))
        elif line.startswith("GPU "):
            kind = _KIND.match(line.partition(": ")[2])
            found.append(Gpu(uuid, kind[1] if kind else None, of_uuid.get(uuid)))
    return [gpu for gpu in found if gpu.uuid not in divided]


def _all_gpus() -> list[Gpu]:
    if shutil.which("nvidia-smi") is None:
        return []
    # Asked of the driver: torch takes seconds to import, and opens each GPU to answer.
    return read_gpus(
        _answer("-L"), _answer("--query-gpu=uuid,memory.total", "--format=csv,noheader,nounits")
    )


def has_silent_driver() -> bool:
    """Whether this machine has a driver of GPUs that names none."""
    return shutil.which("nvidia-smi") is not None and not _all_gpus()


def _answer(*query: str) -> str:
    """What the driver says; nothing where it cannot."""
    command = ["nvidia-smi", *query]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
    return "" if done.returncode else done.stdout


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).isdecimal()


def _is_apple_silicon() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"
