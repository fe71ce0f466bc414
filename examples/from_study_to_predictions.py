"""From a study to calibrated probabilities: search, evaluate, load the model, predict.

Run it with `python examples/from_study_to_predictions.py`; it takes about a minute and a half on a
laptop. The evaluation opens the test block of the demo bars, and writes that down.
"""

import phase6c
from search_spaces import tiny


def main() -> None:
    """Searches four configurations, re-trains the best one, and predicts with it."""
    bars = phase6c.load_bars("sp500")
    study = phase6c.run_study(
        tiny.SPACE,
        bars,
        n_trials=4,
        epochs=3,
        data={"tier": "a20"},
        name="to_predictions",
        overwrite=True,
    )
    evaluated = phase6c.run_evaluation(study.folder, top=1, seeds=1, name="example")
    print(evaluated.card["sentence"])

    model = phase6c.load_model(evaluated.folder)
    print(model)
    predictions = model.predict(bars)
    print(predictions.tail())


if __name__ == "__main__":
    main()
