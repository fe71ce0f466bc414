"""The library's own code, which travels to the machines of a cluster."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[3]
# Here Ray tells the driver of a submitted job what the job was given.
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def travelling_code() -> dict[str, Any]:
    """Ray's runtime environment that brings this phase6c to every machine.

    A worker imports it before any phase6c that its machine has. A submitted job may bring modules
    of its own, with which Ray would refuse others: then nothing is added to them.
    """
    job = json.loads(os.environ.get(_JOB) or "{}")
    code = {"py_modules": [str(_PACKAGE)], "excludes": ["__pycache__"]}
    return {} if code.keys() & (job.get("runtime_env") or {}).keys() else code
