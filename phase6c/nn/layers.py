"""The layers of a transformer in lanes: linear maps, dropout with streams of its own, blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from phase6c.config import ModelConfig
from phase6c.nn.attention import attend, attend_once

Purpose = Literal["weights", "dropout", "order"]
MaybeRows = TypeVar("MaybeRows", Tensor, Tensor | None)
_STREAMS: dict[Purpose, int] = {"weights": 0, "dropout": 1, "order": 2}
# Dropout compares 16 random bits with a threshold: four decisions for each 64-bit draw.
_LEVELS = 1 << 16
_DECISIONS_PER_DRAW = 4


def lane_generator(
    seed: int, purpose: Purpose, device: torch.device | str = "cpu", member: int = 0
) -> torch.Generator:
    """The random stream of a lane for a purpose; it depends on seed, purpose and member alone."""
    # Purposes are spawned children, so that no stream of a seed is a piece of another seed's; and
    # so are the members but the first, whose streams are those of a model that is the only one.
    key = (_STREAMS[purpose], member) if member else (_STREAMS[purpose],)
    entropy = np.random.SeedSequence(seed, spawn_key=key)
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
        return linear(x, self.weight, self.bias)

    def pieces(self, *widths: int) -> list[tuple[Tensor, Tensor | None]]:
        """Weight and bias of so many neighbouring outputs each."""
        weights = torch.split(self.weight, [*widths], -1)
        if self.bias is None:
            return [(weight, None) for weight in weights]
        return list(zip(weights, torch.split(self.bias, [*widths], -1), strict=True))


class LaneDropout:
    """Dropout with a probability for each lane and a random stream for each of its members.

    Args:
        probabilities: Share of the values dropped in each lane, exact to 1/65536.
        seeds: Seed of each lane.
        device: Device on which the masks are drawn.
        members: Number of members of each lane.

    Attributes:
        generators: Random stream of each place: of the members of the first lane, then the next.
    """

    def __init__(
        self,
        probabilities: Sequence[float],
        seeds: Sequence[int],
        device: torch.device,
        members: int = 1,
    ) -> None:
        self._device = device
        self._members = members
        n_places = len(probabilities) * members
        self.generators = [torch.Generator(device) for _ in range(n_places)]
        self._active = [False] * n_places
        self._first_kept = torch.zeros((n_places, 1, 1), dtype=torch.int16, device=device)
        self._scale = torch.ones((n_places, 1, 1), device=device)
        for lane, (p, seed) in enumerate(zip(probabilities, seeds, strict=True)):
            self.begin(lane, p, seed)

    def begin(self, lane: int, probability: float, seed: int) -> None:
        """Gives a lane another probability and the first numbers of another seed's streams."""
        dropped = round(probability * _LEVELS)
        for member in range(self._members):
            place = lane * self._members + member
            self.generators[place] = lane_generator(seed, "dropout", self._device, member)
            self._active[place] = probability > 0
            # The random bits are read as signed numbers, of which the lowest are dropped.
            self._first_kept[place] = dropped - _LEVELS // 2
            self._scale[place] = _LEVELS / (_LEVELS - dropped)

    def draw(
        self, n_masks: int, rows: int, width: int
    ) -> list[Float[Tensor, "place {rows} {width}"] | None]:
        """The masks of a step, each of them None where no lane drops anything.

        A mask holds 0 or 1 / (1 - p). A single draw serves all masks of a place.
        """
        if not any(self._active):
            return [None] * n_masks
        places, count = len(self._active), n_masks * rows * width
        draws = -(-count // _DECISIONS_PER_DRAW)
        bits = torch.zeros(places, draws, dtype=torch.int64, device=self._device)
        # A lane without dropout leaves its stream alone, exactly as it would without the others.
        for place, generator in enumerate(self.generators):
            if self._active[place]:
                # From the lowest 64-bit number up without an upper end: all bits are random.
                bits[place].random_(-(1 << 63), None, generator=generator)
        # Up to three levels too many were drawn; they are left out.
        levels = bits.view(torch.int16)[:, :count].reshape(places, n_masks, rows, width)
        return [(level >= self._first_kept) * self._scale for level in levels.unbind(1)]


class TransformerBlock(nn.Module):
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
        mixed = self.mix(self._attend(norm(x)))
        x = add(self._asking(x), mixed, self._asking(attention_mask))
        inner = functional.gelu(self.up(norm(x)))
        return add(x, self.down(inner), self._asking(ff_mask))

    def _attend(self, x: Tensor) -> Tensor:
        lanes, rows, width = x.shape
        # Windows of all lanes are alike to attention, so that lane and batch share an axis.
        windows = (lanes * rows // self._n_tokens, self._n_tokens)
        if self._n_tokens == 1:
            # It attends to itself alone, whatever query and key say.
            _, of_value = self.qkv.pieces(2 * width, width)
            mixed = linear(x, *of_value)
        elif self._last_only:
            of_query, of_others = self.qkv.pieces(width, 2 * width)
            query = linear(self._asking(x), *of_query).reshape(-1, width)
            key, value = linear(x, *of_others).view(*windows, -1).chunk(2, dim=-1)
            mixed = attend_once(query, key, value, self._n_heads)
        else:
            mixed = attend(self.qkv(x).view(*windows, -1), self._n_heads)
        return mixed.view(lanes, -1, width)

    def _asking(self, rows: MaybeRows) -> MaybeRows:
        """The rows that the block returns, of those of all tokens."""
        if rows is None or not self._last_only:
            return rows
        return rows[:, self._n_tokens - 1 :: self._n_tokens]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The product of rows and weight in each place, with the bias."""
    # The bias is added within the product: no second pass over the output.
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias, x, weight)


def norm(x: Tensor) -> Tensor:
    """Each row with mean 0 and variance 1, without weights of its own."""
    return functional.layer_norm(x, x.shape[-1:])


def add(x: Tensor, branch: Tensor, mask: Tensor | None) -> Tensor:
    """The residual stream with a branch added, scaled by the mask."""
    return x + branch if mask is None else torch.addcmul(x, branch, mask)
