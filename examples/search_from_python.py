"""A search from Python: run it, watch it, and read what came of it.

Run it with `python examples/search_from_python.py`; it takes about half a minute on a laptop.
"""

from typing import Any

import phase6c
from search_spaces import tiny


class BestSoFar:
    """A listener: it is called with every new row of the ledger, and keeps what it wants."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def __call__(self, row: dict[str, Any], trial: phase6c.Trial) -> None:
        """Notes the value of each epoch."""
        if row["kind"] == "result" and row["measurement"]["value"] is not None:
            self.values.append(row["measurement"]["value"])


def main() -> None:
    """Searches six configurations of 50,000 parameters on twenty years of S&P 500 bars."""
    bars = phase6c.load_bars("sp500")
    best_so_far = BestSoFar()
    study = phase6c.run_study(
        tiny.SPACE,
        bars,
        n_trials=6,
        epochs=4,
        data={"tier": "a20", "horizon_days": 1, "label": "high"},
        name="from_python",
        overwrite=True,
        listeners=[best_so_far],
    )
    print(study)
    print("best value", study.best_value, "of", len(best_so_far.values), "measured epochs")
    print("best parameters", study.best_params)
    print(study.history()[["number", "state", "value", "epochs", "n_params"]])
    print(study.curves().groupby("number")["value"].max())


if __name__ == "__main__":
    main()
