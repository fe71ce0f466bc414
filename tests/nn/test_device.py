from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from phase6c.config import ModelConfig, TrialConfig
from phase6c.nn import device

CPU = torch.device("cpu")
Build = Callable[..., TrialConfig]


def test_device_is_the_gpu_if_there_is_one() -> None:
    assert device.pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_run_without_gpus_leaves_the_gpu_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.pick_device().type == "cuda"
    assert device.pick_device(gpu=False) == CPU


@pytest.mark.parametrize("error", [None, NotImplementedError("aten::x"), TypeError("float64")])
def test_apples_gpu_is_the_device_if_it_can_train(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception | None
) -> None:
    def step_s(*_: object) -> float:
        if error is not None:
            raise error
        return 1.0

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(device, "measure_step_s", step_s)
    device._mps_trains.cache_clear()
    assert device.pick_device().type == ("mps" if error is None else "cpu")
    assert ("cannot train" in caplog.text) == (error is not None)
    device._mps_trains.cache_clear()


def test_step_time_grows_with_the_model(trial: Build) -> None:
    small, large = trial().model, trial(n_layers=8, d_model=64, d_ff_ratio=4).model
    times = [device.measure_step_s(one, 5, 32, "float32", CPU) for one in (small, large)]
    assert 0 < times[0] < times[1]


@pytest.mark.parametrize(
    ("bfloat16_s", "expected"), [(0.85, "bfloat16"), (0.95, "float32"), (2.0, "float32")]
)
def test_bfloat16_must_save_a_tenth(
    trial: Build, monkeypatch: pytest.MonkeyPatch, bfloat16_s: float, expected: str
) -> None:
    shape = trial(n_layers=3).model

    def step_s(model: ModelConfig, n_features: int, batch: int, precision: str, _: object) -> float:
        assert model == shape
        return bfloat16_s if precision == "bfloat16" else 1.0

    monkeypatch.setattr(device, "measure_step_s", step_s)
    monkeypatch.setattr(device, "_product_s", lambda *_: 1.0)
    assert device.faster_precision(shape, 5, 32, CPU) == expected


def test_a_model_of_all_parts_can_be_measured(trial: Build) -> None:
    model = trial(bins=3, auxiliary="range", members=2, context_days=1, patch_days=1).model
    assert device.measure_step_s(model, 5, 8, "float32", CPU) > 0


def test_precision_is_decided_by_measurement(trial: Build) -> None:
    assert device.faster_precision(trial().model, 5, 8, CPU) in ("float32", "bfloat16")
