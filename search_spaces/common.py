"""What all budgets share: the training grids, the window axes and the references."""

from phase6c.space.axes import Axis, Choice, Grid

TRAINING_AXES: dict[str, Axis] = {
    "dropout": Grid.of(0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7),
    "weight_decay": Grid.of(0.0, 1e-5, 1e-4, 1e-3, 5e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "learning_rate": Grid.of(2e-6, 5e-6, 1e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3),
}
SHAPE_AXES: dict[str, Axis] = {
    "n_heads": Grid.of(2, 4, 8, 16),
    "d_ff_ratio": Grid.of(2, 4),
    "context_days": Grid.of(8, 16, 32),
    "patch_days": Grid.of(1, 2, 4, 8),
    "pooling": Choice.of("mean", "last"),
    "shortcut": Choice.of(True, False),
}
