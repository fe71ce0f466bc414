"""A search space of one's own: a budget, axes, fixed fields and a rule.

Run it with `python examples/space_of_your_own.py`, or, since it names a SPACE, search it from the
shell with `phase6c tune --space space_of_your_own` in this folder.
"""

import phase6c
from phase6c import Budget, Choice, Float, Grid, Int, Rule, Space

SPACE = Space(
    name="shallow_100k",
    # The width is solved so that the exact parameter count lies within 10 % of 100,000.
    budget=Budget(name="100k", n_params=100_000, tolerance=0.10, width_step=8),
    axes={
        "n_layers": Int.of(1, 3),
        "n_heads": Grid.of(2, 4),
        "context_days": Grid.of(8, 16),
        "learning_rate": Float.of(1e-4, 3e-3, log=True),
        "dropout": Grid.of(0.0, 0.1, 0.2, 0.3),
        "pooling": Choice.of("mean", "last"),
    },
    fixed={"d_ff_ratio": 2, "patch_days": 2, "shortcut": True, "weight_decay": 1e-3},
    rules=(Rule("three layers want dropout", lambda v: v["n_layers"] < 3 or v["dropout"] > 0),),
)


def main() -> None:
    """Searches the space, and shows that every trial keeps the budget and the rule."""
    study = phase6c.run_study(
        SPACE, phase6c.load_bars("sp500"), n_trials=4, epochs=2, name="shallow", overwrite=True
    )
    history = study.history()
    print(history[["number", "value", "n_params"]])
    assert history["n_params"].between(90_000, 110_000).all()


if __name__ == "__main__":
    main()
