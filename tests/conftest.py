"""Made-up measurements, trials and studies, for every test that trains nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phase6c.config import DataConfig, TrainConfig, TrialConfig
from phase6c.records import Health, Measurement, Metrics, Trial
from phase6c.study import StudyConfig
from search_spaces import tiny

VALUES = {
    "n_layers": 2,
    "d_model": 40,
    "n_heads": 4,
    "d_ff_ratio": 4,
    "context_days": 16,
    "patch_days": 4,
    "pooling": "mean",
    "shortcut": True,
    "dropout": 0.1,
    "weight_decay": 1e-3,
    "learning_rate": 1e-4,
}


@pytest.fixture(scope="session")
def measured() -> Callable[..., Measurement]:
    """One epoch with a value; None is a divergence."""

    def build(
        epoch: int, value: float | None, objective: str = "auc", verdict: str = "healthy"
    ) -> Measurement:
        if value is None:
            verdict = "saturated"
        return Measurement(
            epoch=epoch,
            value=value,
            metrics=Metrics.model_validate({objective: value}),
            health=Health.model_validate({"verdict": verdict, "evidence": ("As told by a test.",)}),
            duration_s=1.5,
        )

    return build


@pytest.fixture(scope="session")
def birth() -> Callable[..., dict[str, Any]]:
    """What a ledger's row says of a new trial; flat values and fields can be set by name."""

    def build(seed: int = 0, **fields: Any) -> dict[str, Any]:
        values = VALUES | {name: fields.pop(name) for name in VALUES if name in fields}
        config = TrialConfig.from_flat({**values, "seed": seed})
        born = {"seed": seed, "params": values, "config": config.model_dump(mode="json")}
        return born | {"n_params": 50_000, "in_budget": True} | fields

    return build


@pytest.fixture(scope="session")
def trial_of(birth, measured) -> Callable[..., Trial]:
    """A trial with these values, one an epoch."""

    def build(number: int, *values: float | None, state: str = "COMPLETE", **fields: Any) -> Trial:
        verdict = fields.pop("verdict", "healthy")
        measurements = tuple(
            measured(epoch, value, verdict=verdict) for epoch, value in enumerate(values, start=1)
        )
        content = {"number": number, "state": state, "measurements": measurements}
        return Trial.model_validate(birth(**fields) | content)

    return build


@pytest.fixture(scope="session")
def study_config() -> Callable[..., StudyConfig]:
    """A study of the tiny space; fields of it and of its training can be set by name."""

    def build(**fields: Any) -> StudyConfig:
        names = [name for name in TrainConfig.model_fields if name in fields]
        train = {"epochs": 9} | {name: fields.pop(name) for name in names}
        settled = {
            "study_id": "made-up",
            "name": "hpo_tiny_h1",
            "budget": "tiny",
            "space": tiny.SPACE.describe(),
            "sources": ("sp500",),
            "data": DataConfig(),
            "data_digest": "0" * 64,
            "data_summary": {},
            "train": TrainConfig.model_validate(train),
            "n_trials": 5,
            "code_version": "0",
        }
        return StudyConfig.model_validate(settled | fields)

    return build
