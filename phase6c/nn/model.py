"""A pre-norm transformer classifier over patches of days, K of a shape side by side in lanes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from phase6c.config import ModelConfig, Precision
from phase6c.data.labels import N_TARGETS
from phase6c.nn.encoding import PiecewiseLinear
from phase6c.nn.layers import LaneDropout, LaneLinear, TransformerBlock, lane_generator, norm

# Standard deviation of GPT-2's positions, small beside the embedded days.
_POSITION_STD = 0.02


class Heads(NamedTuple):
    """What a model says about windows, each member for itself.

    Attributes:
        logits: Logits of the label.
        coming: Standardised log range and log absolute return of the coming days; None without an
            auxiliary head.
    """

    logits: Float[Tensor, "lane member batch"]
    coming: Float[Tensor, "lane member batch target"] | None


class LaneTransformer(nn.Module):
    """K independent transformers of the same shape, which return logits only.

    Each consists of one or several members, small models whose logits are averaged; a place is a
    member of a lane. Norms carry no weights of their own: each feeds a linear map, which absorbs
    them. Without `initialise` or `load_lane` the parameters are undefined, and with bins the
    encoding's edges until `set_bin_edges`.

    Args:
        config: Shape of a lane; `dropout` is not read here, it comes with each training step.
        n_features: Number of columns of the panel.
        n_lanes: Number of lanes, K.
        precision: Precision of the products in the blocks; the residual stream and the heads keep
            float32.
    """

    def __init__(
        self,
        config: ModelConfig,
        n_features: int,
        n_lanes: int = 1,
        precision: Precision = "float32",
    ) -> None:
        super().__init__()
        self.config = config
        self.n_lanes = n_lanes
        self._bfloat16 = precision == "bfloat16"
        places, n_inputs = n_lanes * config.members, n_features * max(1, config.bins)
        self.embed = LaneLinear(places, config.patch_days * n_inputs, config.d_model)
        self.positions = nn.Parameter(torch.empty(places, 1, config.n_tokens, config.d_model))
        pools_last, last = config.pooling == "last", config.n_layers - 1
        self.blocks = nn.ModuleList(
            TransformerBlock(config, places, last_only=pools_last and layer == last)
            for layer in range(config.n_layers)
        )
        self.head = LaneLinear(places, config.d_model, 1)
        self.shortcut = LaneLinear(places, n_inputs, 1, bias=False) if config.shortcut else None
        of_range = config.auxiliary == "range"
        self.auxiliary = LaneLinear(places, config.d_model, N_TARGETS) if of_range else None
        self.encoding = PiecewiseLinear(n_features, config.bins) if config.bins else nn.Identity()

    def forward(
        self,
        windows: Float[Tensor, "lane batch day feature"],
        dropout: LaneDropout | None = None,
    ) -> Float[Tensor, "lane batch"]:
        """The logits of windows, whose days begin with the oldest; see `heads`."""
        return self.heads(windows, dropout).logits.mean(1)

    def heads(
        self,
        windows: Float[Tensor, "lane batch day feature"],
        dropout: LaneDropout | None = None,
    ) -> Heads:
        """What each member says about windows, whose days begin with the oldest.

        With `dropout` the call belongs to a training step and advances the lanes' random streams;
        without it the result depends on the weights and windows alone.
        """
        batch = windows.shape[1]
        # The encoding and the heads stay outside: a number in bfloat16 has two or three digits.
        inputs = self._for_members(self.encoding(windows))
        with torch.autocast(windows.device.type, torch.bfloat16, enabled=self._bfloat16):
            hidden = norm(self._encode(inputs, dropout))
        # Of all tokens, or of the last token, which holds the newest days: the ones that the label
        # follows.
        pooled = hidden.view(len(hidden), batch, -1, self.config.d_model).mean(2)
        logits = self.head(pooled)
        if self.shortcut is not None:
            logits = logits + self.shortcut(inputs[:, :, -1])
        by_member = (self.n_lanes, self.config.members, batch)
        coming = None if self.auxiliary is None else self.auxiliary(pooled).view(*by_member, -1)
        return Heads(logits.view(by_member), coming)

    def shortcut_alone(
        self, last_days: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, "lane batch"] | None:
        """The logits of the shortcut and the head's bias, without the transformer.

        Args:
            last_days: The last day of each window.
        """
        if self.shortcut is None:
            return None
        inputs = self.encoding(last_days).expand(len(self.positions), -1, -1)
        logits: Tensor = self.shortcut(inputs) + self.head.bias
        return logits.view(self.n_lanes, self.config.members, -1).mean(1)

    def set_bin_edges(self, edges: Float[Tensor, "feature edge"]) -> None:
        """Sets the edges of each feature's bins, of the scaled features."""
        cast(PiecewiseLinear, self.encoding).set_edges(edges)

    def _for_members(self, inputs: Tensor) -> Tensor:
        """The same inputs for every member of a lane, without a copy for a single lane."""
        members = self.config.members
        if members == 1:
            return inputs
        return inputs.unsqueeze(1).expand(-1, members, -1, -1, -1).reshape(-1, *inputs.shape[1:])

    def _encode(self, inputs: Tensor, dropout: LaneDropout | None) -> Tensor:
        places, batch, _, _ = inputs.shape
        tokens, width = self.positions.shape[2:]
        rows = batch * tokens
        # Days of a patch lie one after the other, so that a patch is a reshaped piece of a window.
        x: Tensor = self.embed(inputs.reshape(places, rows, -1))
        x = (x.view(places, batch, tokens, width) + self.positions).view(places, rows, width)
        n_masks = 2 * len(self.blocks)
        masks = dropout.draw(n_masks, rows, width) if dropout else [None] * n_masks
        for block, attention_mask, ff_mask in zip(
            self.blocks, masks[::2], masks[1::2], strict=True
        ):
            x = block(x, attention_mask, ff_mask)
        return x

    def initialise(self, seeds: Sequence[int], base_rate: float) -> None:
        """Draws the weights of every lane; see `initialise_lane`."""
        for lane, seed in enumerate(seeds):
            self.initialise_lane(lane, seed, base_rate)

    def initialise_lane(self, lane: int, seed: int, base_rate: float) -> None:
        """Draws the weights of a lane's members from its seed, so that it predicts the base rate.

        Weights are normal with variance 1 / fan-in, and those that end a residual branch divided
        by sqrt(2 n_layers) (GPT-2). Heads and shortcut are zero, the head's bias is the base rate's
        logit (the prior of RetinaNet, arXiv 1708.02002).
        """
        for member in range(self.config.members):
            generator = lane_generator(seed, "weights", member=member)
            self._initialise_place(lane * self.config.members + member, generator, base_rate)

    @torch.no_grad()
    def _initialise_place(self, place: int, generator: torch.Generator, base_rate: float) -> None:
        residual = (2 * self.config.n_layers) ** -0.5
        # All weights come from a single stream in the order of their definition: a layer that is
        # moved or added changes the initial weights of every seed.
        for name, parameter in self.named_parameters():
            own = parameter[place]
            if name == "positions":
                _fill_normal(own, _POSITION_STD, generator)
            elif _is_matrix(name) and name.startswith(("embed", "blocks")):
                std = own.shape[0] ** -0.5
                ends_branch = name.endswith(("mix.weight", "down.weight"))
                _fill_normal(own, std * residual if ends_branch else std, generator)
            else:
                own.zero_()
        head_bias = cast(Tensor, self.head.bias)
        head_bias[place].fill_(math.log(base_rate / (1 - base_rate)))

    def places(self, lane: int) -> slice:
        """The places of a lane's members on the first axis of every parameter."""
        return slice(lane * self.config.members, (lane + 1) * self.config.members)

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the linear maps, on which weight decay acts."""
        return [weight for name, weight in self.named_parameters() if _is_matrix(name)]

    def vectors(self) -> list[nn.Parameter]:
        """The biases and positions, which weight decay leaves alone."""
        return [vector for name, vector in self.named_parameters() if not _is_matrix(name)]

    @torch.no_grad()
    def lane_state(self, lane: int) -> dict[str, Tensor]:
        """The weights of a lane without the lane axis, copied to host memory.

        Weights are [out, in] and biases [out] as in `torch.nn.Linear`, positions [token, d_model];
        of several members each has an axis of these before the others.
        """
        return {
            name: _ordinary(name, parameter[self.places(lane)]).to("cpu", copy=True).contiguous()
            for name, parameter in self.named_parameters()
        }

    @torch.no_grad()
    def load_lane(self, lane: int, state: Mapping[str, Tensor]) -> None:
        """Puts weights as `lane_state` returns them into a lane.

        Raises:
            ValueError: The names are not those of this model.
        """
        parameters = dict(self.named_parameters())
        if parameters.keys() != state.keys():
            names = ", ".join(sorted(parameters.keys() ^ state.keys()))
            raise ValueError(
                f"The weights' names must be the model's; in one of them only: {names}"
            )
        for name, parameter in parameters.items():
            _ordinary(name, parameter[self.places(lane)]).copy_(state[name])


def count_parameters(config: ModelConfig, n_features: int) -> int:
    """The exact number of parameters of a lane with all its members, counted on the meta device.

    All blocks of a shape have the same size, so that a single block is built for any `n_layers`.
    """
    # Fields that change no count are set alike: the cache then knows fewer shapes.
    alike = {"n_heads": 1, "pooling": "mean", "dropout": 0.0, "members": 1}
    outer = config.model_copy(update=alike | {"n_layers": 0, "d_ff_ratio": 1})
    block = _count_block(config.d_model, config.d_ff_ratio)
    return config.members * (_count_outer(outer, n_features) + config.n_layers * block)


# Shapes without memory: a search counts thousands of models, some of 200M parameters.
@cache
def _count_outer(without_blocks: ModelConfig, n_features: int) -> int:
    with torch.device("meta"):
        return _count(LaneTransformer(without_blocks, n_features))


@cache
def _count_block(d_model: int, d_ff_ratio: int) -> int:
    shape = {"n_layers": 1, "n_heads": 1, "context_days": 1, "patch_days": 1}
    config = ModelConfig(d_model=d_model, d_ff_ratio=d_ff_ratio, **shape)
    with torch.device("meta"):
        return _count(TransformerBlock(config, n_lanes=1))


def _count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _is_matrix(name: str) -> bool:
    return name.endswith(".weight")


def _ordinary(name: str, own: Tensor) -> Tensor:
    """A view of a lane's weights [member, ...] as others know them; a single member has no axis."""
    turned = own.mT if _is_matrix(name) else own.squeeze(1)
    return turned.squeeze(0) if len(turned) == 1 else turned


def _fill_normal(target: Tensor, std: float, generator: torch.Generator) -> None:
    """Draws on the host, so that a seed means the same weights on every device."""
    target.copy_(torch.randn(target.shape, generator=generator) * std)
