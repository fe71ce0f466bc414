"""The training step: the loss, its gradients, and the update of every lane."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from phase6c.nn.model import LaneDropout, LaneTransformer
from phase6c.nn.optim import LaneAdamW


def training_step(
    model: LaneTransformer,
    optimiser: LaneAdamW,
    windows: Float[Tensor, "lane batch day feature"],
    y: Float[Tensor, "lane batch"],
    dropout: LaneDropout | None,
    part_size: int | None = None,
) -> Float[Tensor, " lane"]:
    """Updates every lane once, with the whole batch in the model or a part of it at a time.

    The loss is the sum over lanes of each lane's mean, so that a lane's gradient does not depend
    on how many lanes there are. The gradients of the parts, weighted by their sizes, add up to
    that of the whole batch: only the order of summation and the draws of the dropout differ.

    Args:
        model: Model whose lanes are trained.
        optimiser: Optimiser of this model.
        windows: Windows of the batch, other ones in each lane.
        y: Labels, 0 or 1.
        dropout: Masks of the lanes.
        part_size: Largest number of windows of a lane in the model at once; None for all.

    Returns:
        The mean loss of each lane before the update.
    """
    batch_size = y.shape[1]
    total = torch.zeros(model.n_lanes, device=y.device)
    # Before the forward pass, whose activations need not lie beside the last step's gradients.
    optimiser.zero_grad()
    parts = (torch.split(whole, part_size or batch_size, dim=1) for whole in (windows, y))
    for own_windows, own_y in zip(*parts, strict=True):
        logits = model(own_windows, dropout)
        losses = functional.binary_cross_entropy_with_logits(logits, own_y, reduction="none")
        # A mean times its share, since the share of a whole batch is 1 and changes no bit; a sum
        # divided by the batch size would, where a GPU multiplies by the inverse in its mean.
        share = losses.mean(1) * (own_y.shape[1] / batch_size)
        torch.autograd.backward(share.sum())
        total += share.detach()
    optimiser.step(total)
    return total
