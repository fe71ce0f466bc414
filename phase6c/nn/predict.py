"""Windows out of the panel, and the logits of a model for them."""

from __future__ import annotations

import torch
from torch import Tensor

from phase6c.nn.model import LaneTransformer

_BATCH_SIZE = 512


def gather_windows(panel: Tensor, end_rows: Tensor, context_days: int) -> Tensor:
    """Copies windows [..., day, feature] out of a panel [row, feature], oldest day first.

    Args:
        panel: The scaled features.
        end_rows: int64[...], the panel row of each window's last day, at least context_days - 1.
        context_days: The days of a window.
    """
    offsets = torch.arange(1 - context_days, 1, device=end_rows.device)
    rows = end_rows.unsqueeze(-1) + offsets
    return panel.index_select(0, rows.flatten()).view(*rows.shape, -1)


@torch.inference_mode()
def predict_logits(model: LaneTransformer, panel: Tensor, end_rows: Tensor) -> Tensor:
    """Every lane's logits float32[lane, window] for the same windows.

    Args:
        model: Its lanes share the panel.
        panel: float32[row, feature] on the model's device.
        end_rows: int64[window], the panel row of each window's last day.
    """
    context_days = model.config.context_days
    parts = []
    for rows in torch.split(end_rows, _BATCH_SIZE):
        windows = gather_windows(panel, rows, context_days)
        parts.append(model(windows.expand(model.n_lanes, *windows.shape)))
    return torch.cat(parts, dim=1)
