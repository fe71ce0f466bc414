"""The same model in plain torch modules and without lanes, to hold the lane model against."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from phase6c.config import ModelConfig


class PlainBlock(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, inner = config.d_model, config.d_ff_ratio * config.d_model
        self.n_heads = config.n_heads
        self.drop = nn.Dropout(config.dropout)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.mix(self.attend(functional.layer_norm(x, x.shape[-1:]))))
        inner = functional.gelu(self.up(functional.layer_norm(x, x.shape[-1:])))
        fed: Tensor = self.drop(self.down(inner))
        return x + fed

    def attend(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        shape = (batch, tokens, self.n_heads, width // self.n_heads)
        query, key, value = (
            part.view(shape).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(batch, tokens, width)


class PlainTransformer(nn.Module):
    def __init__(self, config: ModelConfig, n_features: int) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.patch_days * n_features, config.d_model)
        self.positions = nn.Parameter(torch.zeros(config.n_tokens, config.d_model))
        self.blocks = nn.ModuleList(PlainBlock(config) for _ in range(config.n_layers))
        self.head = nn.Linear(config.d_model, 1)
        self.shortcut = nn.Linear(n_features, 1, bias=False) if config.shortcut else None

    def forward(self, windows: Tensor) -> Tensor:
        """Logits [batch] of windows [batch, day, feature]."""
        patches = windows.reshape(len(windows), self.config.n_tokens, -1)
        x = self.embed(patches) + self.positions
        for block in self.blocks:
            x = block(x)
        x = functional.layer_norm(x, x.shape[-1:])
        logits: Tensor = self.head(x.mean(1) if self.config.pooling == "mean" else x[:, -1])
        if self.shortcut is not None:
            logits = logits + self.shortcut(windows[:, -1])
        return logits.squeeze(-1)
