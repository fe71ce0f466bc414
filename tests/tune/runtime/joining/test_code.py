"""The code goes to a cluster's machines, unless a submitted job has brought its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import phase6c
from phase6c.tune.runtime.joining.code import travelling_code


def test_the_package_travels_without_what_python_has_compiled() -> None:
    code = travelling_code()
    assert code == {
        "py_modules": [str(Path(phase6c.__file__).parent)],
        "excludes": ["__pycache__"],
    }


@pytest.mark.parametrize(
    ("job", "is_added"),
    [
        ({}, True),
        ({"runtime_env": {"working_dir": "gcs://packed.zip"}}, True),
        ({"runtime_env": {"py_modules": ["gcs://packed.zip"]}}, False),
    ],
)
def test_nothing_is_added_to_the_modules_of_a_submitted_job(
    job: dict[str, object], is_added: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
    assert bool(travelling_code()) == is_added
