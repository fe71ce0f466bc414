"""Spaces of models so small that a training takes a tenth of a second."""

from __future__ import annotations

from phase6c.space.axes import Choice, Float, Grid
from phase6c.space.space import Space

SMALL_SHAPE = {
    "n_layers": 1,
    "d_model": 16,
    "n_heads": 2,
    "d_ff_ratio": 2,
    "context_days": 8,
    "patch_days": 4,
}
FEW_POINTS = Space(
    name="few",
    axes={"dropout": Grid.of(0.0, 0.1, 0.2)},
    fixed={**SMALL_SHAPE, "learning_rate": 1e-3},
)
# Rates at which two epochs of a thousand windows leave the base rate.
SMALL_MODELS = Space(
    name="small_models",
    axes={
        "dropout": Grid.of(0.0, 0.1, 0.2),
        "learning_rate": Float.of(1e-3, 1e-2, log=True),
        "pooling": Choice.of("mean", "last"),
    },
    fixed=SMALL_SHAPE,
)
