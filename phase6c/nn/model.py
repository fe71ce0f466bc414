"""A pre-norm transformer classifier over patches of days, K of a shape side by side in lanes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, TypeVar, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from phase6c.config import ModelConfig, Precision
from phase6c.nn.attention import attend, attend_once

Purpose = Literal["weights", "dropout", "order"]
MaybeRows = TypeVar("MaybeRows", Tensor, Tensor | None)
_STREAMS: dict[Purpose, int] = {"weights": 0, "dropout": 1, "order": 2}
# Standard deviation of GPT-2's positions, small beside the embedded days.
_POSITION_STD = 0.02
# Dropout compares 16 random bits with a threshold: four decisions for each 64-bit draw.
_LEVELS = 1 << 16
_DECISIONS_PER_DRAW = 4


def lane_generator(
    seed: int, purpose: Purpose, device: torch.device | str = "cpu"
) -> torch.Generator:
    """The random stream of a lane for a purpose; it depends on seed and purpose alone."""
    # Purposes are spawned children, so that no stream of a seed is a piece of another seed's.
    entropy = np.random.SeedSequence(seed, spawn_key=(_STREAMS[purpose],))
    state = int(entropy.generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(state)


class LaneLinear(nn.Module):
    """K linear maps as a single batched product: weight [lane, in, out], bias [lane, 1, out]."""

    def __init__(self, n_lanes: int, n_in: int, n_out: int, bias: bool = True) -> None:
        super().__init__()
        # Transposed against torch.nn.Linear: a batched product takes it as it is.
        self.weight = nn.Parameter(torch.empty(n_lanes, n_in, n_out))
        self.bias = nn.Parameter(torch.empty(n_lanes, 1, n_out)) if bias else None

    def forward(self, x: Float[Tensor, "lane row n_in"]) -> Float[Tensor, "lane row n_out"]:
        """Maps every row of a lane by the lane's own weights."""
        return _linear(x, self.weight, self.bias)

    def pieces(self, *widths: int) -> list[tuple[Tensor, Tensor | None]]:
        """Weight and bias of so many neighbouring outputs each."""
        weights = torch.split(self.weight, [*widths], -1)
        if self.bias is None:
            return [(weight, None) for weight in weights]
        return list(zip(weights, torch.split(self.bias, [*widths], -1), strict=True))


class LaneDropout:
    """Dropout with a probability and a random stream for each lane.

    Args:
        probabilities: Share of the values dropped in each lane, exact to 1/65536.
        seeds: Seed of each lane.
        device: Device on which the masks are drawn.

    Attributes:
        generators: Random stream of each lane.
    """

    def __init__(
        self, probabilities: Sequence[float], seeds: Sequence[int], device: torch.device
    ) -> None:
        self._device = device
        self.generators = [lane_generator(seed, "dropout", device) for seed in seeds]
        self._active = [p > 0 for p in probabilities]
        column = (len(probabilities), 1, 1)
        self._first_kept = torch.zeros(column, dtype=torch.int16, device=device)
        self._scale = torch.ones(column, device=device)
        for lane, p in enumerate(probabilities):
            self._set_probability(lane, p)

    def begin(self, lane: int, probability: float, seed: int) -> None:
        """Gives a lane another probability and the first numbers of another seed's stream."""
        self.generators[lane] = lane_generator(seed, "dropout", self._device)
        self._set_probability(lane, probability)

    def _set_probability(self, lane: int, probability: float) -> None:
        dropped = round(probability * _LEVELS)
        self._active[lane] = probability > 0
        # The random bits are read as signed numbers, of which the lowest are dropped.
        self._first_kept[lane] = dropped - _LEVELS // 2
        self._scale[lane] = _LEVELS / (_LEVELS - dropped)

    def draw(
        self, n_masks: int, rows: int, width: int
    ) -> list[Float[Tensor, "lane {rows} {width}"] | None]:
        """The masks of a step, each of them None where no lane drops anything.

        A mask holds 0 or 1 / (1 - p). A single draw serves all masks of a lane.
        """
        if not any(self._active):
            return [None] * n_masks
        lanes, count = len(self._active), n_masks * rows * width
        draws = -(-count // _DECISIONS_PER_DRAW)
        bits = torch.zeros(lanes, draws, dtype=torch.int64, device=self._device)
        # A lane without dropout leaves its stream alone, exactly as it would without the others.
        for lane, generator in enumerate(self.generators):
            if self._active[lane]:
                # From the lowest 64-bit number up without an upper end: all bits are random.
                bits[lane].random_(-(1 << 63), None, generator=generator)
        # Up to three levels too many were drawn; they are left out.
        levels = bits.view(torch.int16)[:, :count].reshape(lanes, n_masks, rows, width)
        return [(level >= self._first_kept) * self._scale for level in levels.unbind(1)]


class Block(nn.Module):
    """Bidirectional attention, then a feed-forward net, each on a normed residual branch.

    Args:
        config: Shape of the model.
        n_lanes: Number of lanes.
        last_only: Whether the block returns the last token of each window alone.
    """

    def __init__(self, config: ModelConfig, n_lanes: int, last_only: bool = False) -> None:
        super().__init__()
        width, inner = config.d_model, config.d_ff_ratio * config.d_model
        self._n_tokens, self._n_heads, self._last_only = config.n_tokens, config.n_heads, last_only
        self.qkv = LaneLinear(n_lanes, width, 3 * width)
        self.mix = LaneLinear(n_lanes, width, width)
        self.up = LaneLinear(n_lanes, width, inner)
        self.down = LaneLinear(n_lanes, inner, width)

    def forward(
        self,
        x: Float[Tensor, "lane row d_model"],
        attention_mask: Float[Tensor, "lane row d_model"] | None,
        ff_mask: Float[Tensor, "lane row d_model"] | None,
    ) -> Float[Tensor, "lane out_row d_model"]:
        """Transforms the tokens of all windows, a row each; the masks scale the two branches."""
        mixed = self.mix(self._attend(_norm(x)))
        x = _add(self._asking(x), mixed, self._asking(attention_mask))
        inner = functional.gelu(self.up(_norm(x)))
        return _add(x, self.down(inner), self._asking(ff_mask))

    def _attend(self, x: Tensor) -> Tensor:
        lanes, rows, width = x.shape
        # Windows of all lanes are alike to attention, so that lane and batch share an axis.
        windows = (lanes * rows // self._n_tokens, self._n_tokens)
        if self._n_tokens == 1:
            # It attends to itself alone, whatever query and key say.
            _, of_value = self.qkv.pieces(2 * width, width)
            mixed = _linear(x, *of_value)
        elif self._last_only:
            of_query, of_others = self.qkv.pieces(width, 2 * width)
            query = _linear(self._asking(x), *of_query).reshape(-1, width)
            key, value = _linear(x, *of_others).view(*windows, -1).chunk(2, dim=-1)
            mixed = attend_once(query, key, value, self._n_heads)
        else:
            mixed = attend(self.qkv(x).view(*windows, -1), self._n_heads)
        return mixed.view(lanes, -1, width)

    def _asking(self, rows: MaybeRows) -> MaybeRows:
        """The rows that the block returns, of those of all tokens."""
        if rows is None or not self._last_only:
            return rows
        return rows[:, self._n_tokens - 1 :: self._n_tokens]


class LaneTransformer(nn.Module):
    """K independent transformers of the same shape, which return logits only.

    Norms carry no weights of their own: each feeds a linear map, which absorbs them. Without
    `initialise` or `load_lane` the parameters are undefined.

    Args:
        config: Shape of a lane; `dropout` is not read here, it comes with each training step.
        n_features: Number of columns of the panel.
        n_lanes: Number of lanes, K.
        precision: Precision of the products in the blocks; the residual stream and the head keep
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
        self.embed = LaneLinear(n_lanes, config.patch_days * n_features, config.d_model)
        self.positions = nn.Parameter(torch.empty(n_lanes, 1, config.n_tokens, config.d_model))
        pools_last, last = config.pooling == "last", config.n_layers - 1
        self.blocks = nn.ModuleList(
            Block(config, n_lanes, last_only=pools_last and layer == last)
            for layer in range(config.n_layers)
        )
        self.head = LaneLinear(n_lanes, config.d_model, 1)
        self.shortcut = LaneLinear(n_lanes, n_features, 1, bias=False) if config.shortcut else None

    def forward(
        self,
        windows: Float[Tensor, "lane batch day feature"],
        dropout: LaneDropout | None = None,
    ) -> Float[Tensor, "lane batch"]:
        """The logits of windows, whose days begin with the oldest.

        With `dropout` the call belongs to a training step and advances the lanes' random streams;
        without it the result depends on the weights and windows alone.
        """
        lanes, batch, _, _ = windows.shape
        # Head and shortcut stay outside: a logit in bfloat16 has two or three digits.
        with torch.autocast(windows.device.type, torch.bfloat16, enabled=self._bfloat16):
            hidden = _norm(self._encode(windows, dropout))
        # Of all tokens, or of the last token, which holds the newest days: the ones that the label
        # follows.
        pooled = hidden.view(lanes, batch, -1, self.config.d_model).mean(2)
        logits = self.head(pooled)
        if self.shortcut is not None:
            logits = logits + self.shortcut(windows[:, :, -1])
        return cast(Tensor, logits.squeeze(-1))

    def shortcut_alone(
        self, last_days: Float[Tensor, "batch feature"]
    ) -> Float[Tensor, "lane batch"] | None:
        """The logits of the shortcut and the head's bias, without the transformer.

        Args:
            last_days: The last day of each window.
        """
        if self.shortcut is None:
            return None
        expanded = last_days.expand(self.n_lanes, *last_days.shape)
        return cast(Tensor, (self.shortcut(expanded) + self.head.bias).squeeze(-1))

    def _encode(self, windows: Tensor, dropout: LaneDropout | None) -> Tensor:
        lanes, batch, _, _ = windows.shape
        tokens, width = self.positions.shape[2:]
        rows = batch * tokens
        # Days of a patch lie one after the other, so that a patch is a reshaped piece of a window.
        x: Tensor = self.embed(windows.reshape(lanes, rows, -1))
        x = (x.view(lanes, batch, tokens, width) + self.positions).view(lanes, rows, width)
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

    @torch.no_grad()
    def initialise_lane(self, lane: int, seed: int, base_rate: float) -> None:
        """Draws the weights of a lane from its seed, so that it predicts the base rate.

        Weights are normal with variance 1 / fan-in, and those that end a residual branch divided
        by sqrt(2 n_layers) (GPT-2). Head and shortcut are zero, the head's bias is the base rate's
        logit (the prior of RetinaNet, arXiv 1708.02002).
        """
        residual = (2 * self.config.n_layers) ** -0.5
        generator = lane_generator(seed, "weights")
        # All weights come from a single stream in the order of their definition: a layer that is
        # moved or added changes the initial weights of every seed.
        for name, parameter in self.named_parameters():
            own = parameter[lane]
            if name == "positions":
                _fill_normal(own, _POSITION_STD, generator)
            elif _is_matrix(name) and name.startswith(("embed", "blocks")):
                std = own.shape[0] ** -0.5
                ends_branch = name.endswith(("mix.weight", "down.weight"))
                _fill_normal(own, std * residual if ends_branch else std, generator)
            else:
                own.zero_()
        head_bias = cast(Tensor, self.head.bias)
        head_bias[lane].fill_(math.log(base_rate / (1 - base_rate)))

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the linear maps, on which weight decay acts."""
        return [weight for name, weight in self.named_parameters() if _is_matrix(name)]

    def vectors(self) -> list[nn.Parameter]:
        """The biases and positions, which weight decay leaves alone."""
        return [vector for name, vector in self.named_parameters() if not _is_matrix(name)]

    @torch.no_grad()
    def lane_state(self, lane: int) -> dict[str, Tensor]:
        """The weights of a lane without the lane axis, copied to host memory.

        Weights are [out, in] and biases [out] as in `torch.nn.Linear`, positions [token, d_model].
        """
        return {
            name: _without_lane(name, parameter, lane).to("cpu", copy=True).contiguous()
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
            _without_lane(name, parameter, lane).copy_(state[name])


def count_parameters(config: ModelConfig, n_features: int) -> int:
    """The exact number of parameters of a lane, counted on the meta device.

    All blocks of a shape have the same size, so that a single block is built for any `n_layers`.
    """
    # Fields that change no count are set alike, so that the cache knows fewer shapes.
    shape = config.model_copy(
        update={"n_layers": 1, "n_heads": 1, "pooling": "mean", "dropout": 0.0}
    )
    outer, block = _count_parts(shape, n_features)
    return outer + config.n_layers * block


@cache
def _count_parts(one_layer: ModelConfig, n_features: int) -> tuple[int, int]:
    # Shapes without memory: a search counts thousands of models, some of 200M parameters.
    with torch.device("meta"):
        model = LaneTransformer(one_layer, n_features)
    total, block = (
        sum(weight.numel() for weight in part.parameters()) for part in (model, model.blocks[0])
    )
    return total - block, block


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # The bias is added within the product: no second pass over the output.
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)


def _norm(x: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:])


def _add(x: Tensor, branch: Tensor, mask: Tensor | None) -> Tensor:
    return x + branch if mask is None else torch.addcmul(x, branch, mask)


def _is_matrix(name: str) -> bool:
    return name.endswith(".weight")


def _without_lane(name: str, parameter: Tensor, lane: int) -> Tensor:
    own = parameter[lane]
    return own.mT if _is_matrix(name) else own.squeeze(0)


def _fill_normal(target: Tensor, std: float, generator: torch.Generator) -> None:
    """Draws on the host, so that a seed means the same weights on every device."""
    target.copy_(torch.randn(target.shape, generator=generator) * std)
