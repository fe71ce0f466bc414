"""Validation windows on the model's device, and how good logits for them are."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32

from phase6c.data.windows import Block, SearchData
from phase6c.records import Health, Metrics
from phase6c.statistics.cross_section import CrossSection
from phase6c.statistics.health import diagnose
from phase6c.statistics.metrics import measure


class JudgedBlock:
    """The windows that a model is measured on.

    Args:
        block: Validation windows, all or some.
        data: Data that they are of.
        device: Device of the model.

    Attributes:
        rows: Panel rows that the windows end in, on the device.
    """

    def __init__(self, block: Block, data: SearchData, device: torch.device) -> None:
        self.rows = torch.from_numpy(block.end_rows).to(device)
        self._block = block
        self._base_rate = data.base_rate
        self._cross_section = CrossSection.of(
            block.dates, block.tickers, block.outcomes, data.config.horizon_days
        )

    def judge(
        self, logits: Float32[np.ndarray, " window"], loss_train: float | None
    ) -> tuple[Metrics, Health]:
        """The metrics of finite logits for the windows, and the health of their probabilities."""
        block, base_rate = self._block, self._base_rate
        metrics = measure(logits, block.y, block.down, base_rate, loss_train, self._cross_section)
        return metrics, diagnose(logits, block.y, base_rate)
