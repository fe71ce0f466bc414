"""Every module of search_spaces keeps the contract: its grids, its budget, its rules."""

import importlib
import pkgutil

import numpy as np
import pytest
import torch

import search_spaces
from phase6c.nn.model import LaneTransformer, count_parameters
from phase6c.space import model_of
from search_spaces.common import REFERENCES

N_FEATURES = 30
TRAINING_GRIDS = {
    "dropout": (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7),
    "weight_decay": (0, 1e-5, 1e-4, 1e-3, 5e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "learning_rate": (2e-6, 5e-6, 1e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3),
}
BUDGETS = {
    "tiny": (50_000, 0.20, 8, range(1, 5)),
    "2m": (2_000_000, 0.05, 16, range(1, 13)),
    "20m": (20_000_000, 0.05, 16, range(4, 17)),
    "200m": (200_000_000, 0.05, 16, range(8, 25)),
}
SHAPES = {
    "n_heads": {2, 4, 8, 16},
    "d_ff_ratio": {2, 4},
    "context_days": {8, 16, 32},
    "patch_days": {1, 2, 4, 8},
    "pooling": {"mean", "last"},
    "shortcut": {True, False},
}
MODULES = [
    importlib.import_module(f"search_spaces.{module.name}")
    for module in pkgutil.iter_modules(search_spaces.__path__)
]
SPACES = [module.SPACE for module in MODULES if hasattr(module, "SPACE")]
every_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)


def count(model):
    return count_parameters(model, N_FEATURES)


def built_count(model):
    with torch.device("meta"):
        built = LaneTransformer(model, N_FEATURES)
    return sum(parameter.numel() for parameter in built.parameters())


@every_space
def test_a_space_keeps_the_contract(space):
    for name, values in TRAINING_GRIDS.items():
        assert space.axes[name].values == values
    rng = np.random.default_rng(0)
    models = []
    for draw in range(1000):
        values = space.sample(rng, count)
        assert space.broken_rule(dict(values), count) is None
        model = model_of(values)
        assert 2 <= model.n_tokens <= 16
        assert model.d_model % model.n_heads == 0
        if space.budget:
            assert model.d_model % space.budget.width_step == 0
            assert space.budget.contains(count(model))
        if draw % 100 == 0:
            models.append(model)
    assert [count(model) for model in models] == [built_count(model) for model in models]


@every_space
def test_a_budget_is_that_of_the_contract(space):
    if space.budget is None:
        assert "d_model" in space.axes
        return
    budget = space.budget
    n_params, tolerance, width_step, layers = BUDGETS[budget.name]
    settled = (budget.n_params, budget.tolerance, budget.width_step)
    assert settled == (n_params, tolerance, width_step)
    assert space.axes["n_layers"].points == tuple(layers)
    for name, values in SHAPES.items():
        assert set(space.axes[name].points) == values
    assert set(space.axes) == {"n_layers", *TRAINING_GRIDS, *SHAPES}


def test_each_budget_of_the_contract_has_its_space():
    assert {space.budget.name for space in SPACES if space.budget} == set(BUDGETS)


@pytest.mark.parametrize(
    ("name", "reported", "values"),
    [
        ("january_best", 0.7178, {"d_model": 96, "n_layers": 2, "n_heads": 8, "d_ff_ratio": 4}),
        ("january_best", 0.7178, {"learning_rate": 1e-5, "dropout": 0.1, "weight_decay": 1e-3}),
        ("january_baseline", 0.7049, {"d_model": 64, "n_layers": 4, "dropout": 0.5}),
        ("january_baseline", 0.7049, {"learning_rate": 1e-4}),
        ("january_20m", 0.7342, {"d_model": 512, "n_layers": 6}),
    ],
)
def test_references_are_what_january_recorded(name, reported, values):
    reference = REFERENCES[name]
    assert reference.reported_auc == reported
    assert reference.values.items() >= values.items()
    assert not set(values) & set(reference.assumed)


def test_only_named_searches_run_the_large_reference():
    ran = {space.name: set(space.references) for space in SPACES}
    assert ran["budget_2m"] == ran["january_2m"] == {"january_best", "january_baseline"}
    assert not any("january_20m" in references for references in ran.values())


def test_the_winner_of_january_was_never_a_two_million_model():
    assert count(model_of(REFERENCES["january_best"].values)) < 400_000
