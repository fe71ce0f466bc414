"""The piecewise-linear encoding of features."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Bins that are narrower, in standard deviations of the feature, hold equal values.
_NARROWEST = 1e-6


class PiecewiseLinear(nn.Module):
    """A feature's place within each of its bins: -1 below the bin, 1 above it, linear inside.

    The encoding of Gorishniy et al. (2022, arXiv 2203.05556), clamped outside of the bins too and
    centred, so that linear maps of it begin like those of standardised features. A bin without
    width, where train has many equal values, is 0. Until `set_edges` the edges are undefined.
    """

    def __init__(self, n_features: int, n_bins: int) -> None:
        super().__init__()
        # Not part of the weights' files: edges are stored beside the scaler, once for all seeds.
        for name in ("middle", "steepness"):
            self.register_buffer(name, torch.zeros(n_features, n_bins), persistent=False)
        self.middle: Tensor
        self.steepness: Tensor

    def set_edges(self, edges: Float[Tensor, "feature edge"]) -> None:
        """Sets the edges of the bins, ascending for each feature."""
        low, high = edges[:, :-1], edges[:, 1:]
        width = high - low
        self.middle.copy_((low + high) / 2)
        self.steepness.copy_(torch.where(width > _NARROWEST, 2 / width, 0.0))

    def forward(self, x: Float[Tensor, "*row feature"]) -> Float[Tensor, "*row encoded"]:
        """The places of each feature in its bins, one feature after another."""
        return ((x.unsqueeze(-1) - self.middle) * self.steepness).clamp(-1, 1).flatten(-2)
