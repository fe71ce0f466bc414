"""The training step: the loss, its gradients, and the update of every lane."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from phase6c.nn.layers import LaneDropout
from phase6c.nn.model import LaneTransformer
from phase6c.nn.optim import LaneAdamW

_AUXILIARY_WEIGHT = 0.5


def training_step(
    model: LaneTransformer,
    optimiser: LaneAdamW,
    windows: Float[Tensor, "lane batch day feature"],
    y: Float[Tensor, "lane batch"],
    dropout: LaneDropout | None,
    part_size: int | None = None,
    weights: Float[Tensor, "lane batch"] | None = None,
    coming: Float[Tensor, "lane batch target"] | None = None,
) -> Float[Tensor, " lane"]:
    """Updates every lane once, with the whole batch in the model or a part of it at a time.

    The loss is the sum over lanes and their members of each one's mean, so that a gradient does not
    depend on how many there are. The gradients of the parts, weighted by their sizes, add up to
    that of the whole batch: only the order of summation and the draws of the dropout differ.

    Args:
        model: Model whose lanes are trained.
        optimiser: Optimiser of this model.
        windows: Windows of the batch, other ones in each lane.
        y: Labels, 0 or 1.
        dropout: Masks of the lanes.
        part_size: Largest number of windows of a lane in the model at once; None for all.
        weights: Weights of the windows, whose mean over the training is 1; None for equal ones.
        coming: Targets of the auxiliary head, NaN where unknown; None for a model without one. Its
            mean squared error counts half as much as the loss of the label.

    Returns:
        The mean loss of each lane's label before the update.
    """
    batch_size = y.shape[1]
    total = torch.zeros(model.n_lanes, model.config.members, device=y.device)
    # Before the forward pass, whose activations need not lie beside the last step's gradients.
    optimiser.zero_grad()
    size = part_size or batch_size
    for begin in range(0, batch_size, size):
        part = slice(begin, begin + size)
        heads = model.heads(windows[:, part], dropout)
        own_y = y[:, None, part].expand_as(heads.logits)
        losses = functional.binary_cross_entropy_with_logits(heads.logits, own_y, reduction="none")
        own_weights = None if weights is None else weights[:, None, part]
        # A mean times its share, since the share of a whole batch is 1 and changes no bit; a sum
        # divided by the batch size would, where a GPU multiplies by the inverse in its mean.
        share_of_batch = own_y.shape[2] / batch_size
        loss = _mean(losses, own_weights) * share_of_batch
        total += loss.detach()
        if heads.coming is not None and coming is not None:
            errors = _squared_errors(heads.coming, coming[:, None, part])
            loss = loss + _AUXILIARY_WEIGHT * _mean(errors, own_weights) * share_of_batch
        torch.autograd.backward(loss.sum())
    optimiser.step(total.flatten())
    return total.mean(1)


def _mean(losses: Tensor, weights: Tensor | None) -> Tensor:
    return (losses if weights is None else losses * weights).mean(2)


def _squared_errors(found: Tensor, coming: Tensor) -> Tensor:
    """The squared error of each window, the mean over its targets; none where one is unknown."""
    errors = (found - coming.nan_to_num()) ** 2
    return torch.where(coming.isnan(), 0.0, errors).mean(3)
