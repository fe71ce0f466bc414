"""Configurations of the earlier hand-run search, kept as references to compare with."""

from collections.abc import Iterable

from phase6c.config import check_names
from phase6c.space.space import Reference, Rule

TOKENS = Rule(
    "a window has 2 to 16 tokens, or is one of at most 4 days",
    lambda values: (
        1 <= values["context_days"] // values["patch_days"] <= 16
        and (values["context_days"] <= 4 or values["context_days"] > values["patch_days"])
    ),
)
# Names under which studies have stored what is a rule of today with other words.
_FORMER_NAMES = {"a window has 2 to 16 tokens": TOKENS.name}


def rules_of_today(names: Iterable[str]) -> list[str]:
    """The names of a study's rules as they are called today.

    The spaces that were searched under a former name had no configuration on which both differ.
    """
    return [_FORMER_NAMES.get(name, name) for name in names]


# January recorded neither window nor pooling; patches of 8 days with mean pooling reproduce
# its scores, and a shortcut would have beaten them.
_ASSUMED = {"context_days": 32, "patch_days": 8, "pooling": "mean", "shortcut": False}

_JANUARY = [
    Reference(
        "january_best",
        {"d_model": 96, "n_layers": 2, "n_heads": 8, "d_ff_ratio": 4}
        | {"learning_rate": 1e-5, "dropout": 0.1, "weight_decay": 1e-3}
        | _ASSUMED,
        assumed=tuple(_ASSUMED),
        reported_auc=0.7178,
    ),
    Reference(
        "january_baseline",
        {"d_model": 64, "n_layers": 4, "n_heads": 8, "d_ff_ratio": 4}
        | {"learning_rate": 1e-4, "dropout": 0.5, "weight_decay": 1e-3}
        | _ASSUMED,
        assumed=("n_heads", "d_ff_ratio", "weight_decay", *_ASSUMED),
        reported_auc=0.7049,
    ),
    Reference(
        "january_20m",
        {"d_model": 512, "n_layers": 6, "n_heads": 8, "d_ff_ratio": 4}
        | {"learning_rate": 1e-5, "dropout": 0.1, "weight_decay": 1e-3}
        | _ASSUMED,
        assumed=("n_heads", "d_ff_ratio", "learning_rate", "dropout", "weight_decay", *_ASSUMED),
        reported_auc=0.7342,
    ),
]

REFERENCES = {reference.name: reference for reference in _JANUARY}


# Trials of January's file name no window: they are read as if they had the same.
WINDOW = {
    name: REFERENCES["january_best"].values[name] for name in REFERENCES["january_best"].assumed
}


def find_references(names: Iterable[str]) -> tuple[Reference, ...]:
    """The references of these names, each once.

    Raises:
        ConfigError: There is no such reference.
    """
    unique = tuple(dict.fromkeys(names))
    check_names(unique, REFERENCES, "reference")
    return tuple(REFERENCES[name] for name in unique)
