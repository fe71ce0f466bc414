"""The axes that all budgets share: training grids, shapes and windows."""

from phase6c.space.axes import Axis, Choice, Grid

# Grids, so that samplers see an order; `ranges=True` makes intervals of them, with 0 kept.
TRAINING_AXES: dict[str, Axis] = {
    "dropout": Grid.of(0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7),
    "weight_decay": Grid.of(0.0, 1e-5, 1e-4, 1e-3, 5e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "learning_rate": Grid.of(2e-6, 5e-6, 1e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3),
}
SHAPE_AXES: dict[str, Axis] = {
    "n_heads": Grid.of(2, 4, 8, 16),
    "d_ff_ratio": Grid.of(2, 4),
    "context_days": Grid.of(1, 2, 4, 8, 16, 32),
    "patch_days": Grid.of(1, 2, 4, 8),
    # On the demo index day tokens with the last token alone, or with the shortcut from the last
    # day, reached .78 to .80 where averaged patches of eight days reached .69 to .73 (AUC).
    "pooling": Choice.of("mean", "last"),
    "shortcut": Choice.of(True, False),
    "bins": Grid.of(0, 6, 12),
    "auxiliary": Choice.of("none", "range"),
}
COMMON_AXES: dict[str, Axis] = {
    **SHAPE_AXES,
    **TRAINING_AXES,
    # Ordered by how much old windows weigh.
    "half_life_days": Grid.of(750, 1500, 3000, "none"),
}
