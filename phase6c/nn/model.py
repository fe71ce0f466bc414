"""A pre-norm transformer classifier over patches of days: K of one shape, side by side in lanes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from phase6c.config import ModelConfig, Precision

Purpose = Literal["weights", "dropout", "order"]
_STREAMS: dict[Purpose, int] = {"weights": 0, "dropout": 1, "order": 2}
_POSITION_STD = 0.02
# Dropout compares 16 random bits with a threshold: four decisions for one 64-bit draw.
_LEVELS = 1 << 16
_DECISIONS_PER_DRAW = 4


def lane_generator(
    seed: int, purpose: Purpose, device: torch.device | str = "cpu"
) -> torch.Generator:
    """The random stream of one lane and purpose; it depends on nothing else."""
    entropy = np.random.SeedSequence(seed, spawn_key=(_STREAMS[purpose],))
    state = int(entropy.generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(state)


class LaneLinear(nn.Module):
    """K linear maps as one batched product: weight [lane, in, out], bias [lane, 1, out]."""

    def __init__(self, n_lanes: int, n_in: int, n_out: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_lanes, n_in, n_out))
        self.bias = nn.Parameter(torch.empty(n_lanes, 1, n_out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Maps [lane, row, in] to [lane, row, out]."""
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias, x, self.weight)


class LaneDropout:
    """Dropout with one probability and one random stream per lane.

    Args:
        probabilities: The share of values dropped, one per lane; met to 1/65536.
        seeds: One per lane.
        device: Where the masks are drawn.
    """

    def __init__(
        self, probabilities: Sequence[float], seeds: Sequence[int], device: torch.device
    ) -> None:
        self.generators = [lane_generator(seed, "dropout", device) for seed in seeds]
        self._active = [p > 0 for p in probabilities]
        dropped = torch.tensor([round(p * _LEVELS) for p in probabilities])
        column = (len(probabilities), 1, 1)
        self._first_kept = (dropped - _LEVELS // 2).to(device, torch.int16).view(column)
        self._scale = (_LEVELS / (_LEVELS - dropped)).to(device).view(column)

    def draw(self, n_masks: int, rows: int, width: int) -> list[Tensor | None]:
        """The masks of one step, each [lane, row, width] or None where no lane drops anything.

        A mask holds 0 or 1 / (1 - p). One draw serves all of a lane's masks.
        """
        if not any(self._active):
            return [None] * n_masks
        lanes, count = len(self._active), n_masks * rows * width
        draws = -(-count // _DECISIONS_PER_DRAW)
        bits = torch.zeros(lanes, draws, dtype=torch.int64, device=self._scale.device)
        for lane, generator in enumerate(self.generators):
            if self._active[lane]:
                bits[lane].random_(-(1 << 63), None, generator=generator)
        levels = bits.view(torch.int16)[:, :count].reshape(lanes, n_masks, rows, width)
        return [(level >= self._first_kept) * self._scale for level in levels.unbind(1)]


class Block(nn.Module):
    """Bidirectional attention, then a feed-forward net, each on a normed residual branch."""

    def __init__(self, config: ModelConfig, n_lanes: int) -> None:
        super().__init__()
        width, inner = config.d_model, config.d_ff_ratio * config.d_model
        self._heads = (config.n_tokens, 3, config.n_heads, width // config.n_heads)
        self.qkv = LaneLinear(n_lanes, width, 3 * width)
        self.mix = LaneLinear(n_lanes, width, width)
        self.up = LaneLinear(n_lanes, width, inner)
        self.down = LaneLinear(n_lanes, inner, width)

    def forward(self, x: Tensor, attention_mask: Tensor | None, ff_mask: Tensor | None) -> Tensor:
        """Maps [lane, batch * token, d_model] to the same shape."""
        x = _add(x, self.mix(self._attend(self.qkv(_norm(x)))), attention_mask)
        inner = functional.gelu(self.up(_norm(x)))
        return _add(x, self.down(inner), ff_mask)

    def _attend(self, qkv: Tensor) -> Tensor:
        lanes, rows, _ = qkv.shape
        query, key, value = qkv.view(-1, *self._heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(lanes, rows, -1)


class LaneTransformer(nn.Module):
    """K independent transformers of one shape; it returns logits only.

    Norms carry no weights of their own: each feeds a linear map, which absorbs them. Without
    `initialise` or `load_lane` the parameters are undefined.

    Args:
        config: The shape; `dropout` is not read here, it comes with each training step.
        n_features: The columns of the panel.
        n_lanes: K.
        precision: In which the blocks multiply; the residual stream and the head keep float32.
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
        self.blocks = nn.ModuleList(Block(config, n_lanes) for _ in range(config.n_layers))
        self.head = LaneLinear(n_lanes, config.d_model, 1)
        self.shortcut = LaneLinear(n_lanes, n_features, 1, bias=False) if config.shortcut else None

    def forward(self, windows: Tensor, dropout: LaneDropout | None = None) -> Tensor:
        """Logits [lane, batch] of windows [lane, batch, day, feature], oldest day first.

        With `dropout` it is a training step that advances the lanes' random streams; without,
        the result depends on the weights and windows alone.
        """
        lanes, batch, _, _ = windows.shape
        with torch.autocast(windows.device.type, torch.bfloat16, enabled=self._bfloat16):
            hidden = _norm(self._encode(windows, dropout))
        hidden = hidden.view(lanes, batch, *self.positions.shape[2:])
        pooled = hidden.mean(2) if self.config.pooling == "mean" else hidden[:, :, -1]
        logits = self.head(pooled)
        if self.shortcut is not None:
            logits = logits + self.shortcut(windows[:, :, -1])
        return cast(Tensor, logits.squeeze(-1))

    def shortcut_alone(self, last_days: Tensor) -> Tensor | None:
        """Logits [lane, batch] of the shortcut and the head's bias, without the transformer.

        Args:
            last_days: [batch, feature], the last day of each window.
        """
        if self.shortcut is None:
            return None
        expanded = last_days.expand(self.n_lanes, *last_days.shape)
        return cast(Tensor, (self.shortcut(expanded) + self.head.bias).squeeze(-1))

    def _encode(self, windows: Tensor, dropout: LaneDropout | None) -> Tensor:
        lanes, batch, _, _ = windows.shape
        tokens, width = self.positions.shape[2:]
        rows = batch * tokens
        x: Tensor = self.embed(windows.reshape(lanes, rows, -1))
        x = (x.view(lanes, batch, tokens, width) + self.positions).view(lanes, rows, width)
        n_masks = 2 * len(self.blocks)
        masks = dropout.draw(n_masks, rows, width) if dropout else [None] * n_masks
        for block, attention_mask, ff_mask in zip(
            self.blocks, masks[::2], masks[1::2], strict=True
        ):
            x = block(x, attention_mask, ff_mask)
        return x

    @torch.no_grad()
    def initialise(self, seeds: Sequence[int], base_rate: float) -> None:
        """Draws each lane's weights from its own seed, so that it predicts the base rate.

        Weights are normal with variance 1 / fan-in, those that end a residual branch divided by
        sqrt(2 n_layers) (GPT-2); head and shortcut are zero, the head's bias the base rate's
        logit (RetinaNet's prior, arXiv 1708.02002).
        """
        residual = (2 * self.config.n_layers) ** -0.5
        for lane, seed in enumerate(seeds):
            generator = lane_generator(seed, "weights")
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
        head_bias.fill_(math.log(base_rate / (1 - base_rate)))

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the linear maps: what weight decay acts on."""
        return [one for name, one in self.named_parameters() if _is_matrix(name)]

    def vectors(self) -> list[nn.Parameter]:
        """Biases and positions: what weight decay leaves alone."""
        return [one for name, one in self.named_parameters() if not _is_matrix(name)]

    @torch.no_grad()
    def lane_state(self, lane: int) -> dict[str, Tensor]:
        """One lane's weights without lane axis, copied to host memory.

        Weights are [out, in] and biases [out] as in `torch.nn.Linear`, positions [token, d_model].
        """
        return {
            name: _without_lane(name, parameter, lane).to("cpu", copy=True).contiguous()
            for name, parameter in self.named_parameters()
        }

    @torch.no_grad()
    def load_lane(self, lane: int, state: Mapping[str, Tensor]) -> None:
        """Puts weights as `lane_state` returns them into one lane.

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
    """The exact number of parameters of one lane, counted on the meta device.

    All blocks of a shape have the same size, so one of them is built whatever `n_layers` is.
    """
    shape = config.model_copy(
        update={"n_layers": 1, "n_heads": 1, "pooling": "mean", "dropout": 0.0}
    )
    outer, block = _count_parts(shape, n_features)
    return outer + config.n_layers * block


@cache
def _count_parts(one_layer: ModelConfig, n_features: int) -> tuple[int, int]:
    with torch.device("meta"):
        model = LaneTransformer(one_layer, n_features)
    total, block = (
        sum(one.numel() for one in part.parameters()) for part in (model, model.blocks[0])
    )
    return total - block, block


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
