"""Windows out of the panel, and the logits of a model for them."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from phase6c.nn.model import LaneTransformer

# Windows in the model at once where nothing is learnt from them.
PREDICTED_AT_ONCE = 512


def gather_windows(
    panel: Float[Tensor, "row feature"], end_rows: Int64[Tensor, "*batch"], context_days: int
) -> Float[Tensor, "*batch {context_days} feature"]:
    """Copies windows out of a panel, their oldest day first.

    Args:
        panel: Scaled features.
        end_rows: Panel row of each window's last day, at least context_days - 1.
        context_days: Number of days of a window.
    """
    offsets = torch.arange(1 - context_days, 1, device=end_rows.device)
    rows = end_rows.unsqueeze(-1) + offsets
    return panel.index_select(0, rows.flatten()).view(*rows.shape, -1)


@torch.inference_mode()
def predict_logits(
    model: LaneTransformer,
    panel: Float[Tensor, "row feature"],
    end_rows: Int64[Tensor, " window"],
) -> Float[Tensor, "lane window"]:
    """The logits of every lane for the same windows.

    Args:
        model: Model whose lanes share the panel.
        panel: Scaled features on the model's device.
        end_rows: Panel row of each window's last day.
    """
    context_days = model.config.context_days
    parts = []
    for rows in torch.split(end_rows, PREDICTED_AT_ONCE):
        windows = gather_windows(panel, rows, context_days)
        # An expanded view: all lanes read the same windows, of which there is a single copy.
        parts.append(model(windows.expand(model.n_lanes, *windows.shape)))
    return torch.cat(parts, dim=1)
