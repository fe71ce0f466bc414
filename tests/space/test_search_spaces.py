"""Every module of search_spaces keeps the contract: small data, sound axes, exact counts."""

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from collections import Counter
from itertools import islice
from operator import itemgetter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import search_spaces
from phase6c.config import digest_of
from phase6c.nn.model import LaneTransformer, count_parameters
from phase6c.space.axes import sample
from phase6c.space.references import REFERENCES
from phase6c.space.shapes import SHAPE_FIELDS, counted_shape
from phase6c.space.space import Space, model_of
from phase6c.tune.proposals.samplers import ray_domain

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
    "context_days": {1, 2, 4, 8, 16, 32},
    "patch_days": {1, 2, 4, 8},
    "pooling": {"mean", "last"},
    "shortcut": {True, False},
    "bins": {0, 6, 12},
    "auxiliary": {"none", "range"},
}
HALF_LIVES = (750, 1500, 3000, "none")
MAX_LINES = 60
# Of each space, and a million of all; what one draw in 70,000 shows is seen in 95 of 100 tests.
N_DRAWS = 200_000
SHIPPED = ("budget_200m", "budget_20m", "budget_2m", "january_2m", "tiny")


def modules():
    """All modules of the package, a user's own included, but for what they share."""
    names = [module.name for module in pkgutil.iter_modules(search_spaces.__path__)]
    return [importlib.import_module(f"search_spaces.{one}") for one in names if one != "common"]


SPACES = {module.__name__.rpartition(".")[2]: module.SPACE for module in modules()}
every_space = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
shipped_space = pytest.mark.parametrize("space", [SPACES[name] for name in SHIPPED], ids=SHIPPED)
every_axis = pytest.mark.parametrize(
    "axis",
    [
        pytest.param(axis, id=f"{name}-{field}")
        for name, space in SPACES.items()
        for ranged in (space, space.as_ranges())
        for field, axis in ranged.axes.items()
        if ranged is space or axis != space.axes[field]
    ],
)


def count(model):
    return count_parameters(model, N_FEATURES)


def built_count(model):
    with torch.device("meta"):
        built = LaneTransformer(model, N_FEATURES)
    return sum(parameter.numel() for parameter in built.parameters())


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_a_module_is_small_data_with_one_space(module):
    text = Path(module.__file__).read_text()
    assert len(text.splitlines()) <= MAX_LINES
    data = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    assert [type(node) for node in ast.parse(text).body if not isinstance(node, data)] == []
    assert isinstance(module.SPACE, Space)


def test_a_module_that_a_user_adds_is_covered_too(tmp_path, monkeypatch):
    (tmp_path / "added_by_a_user.py").write_text("from search_spaces.tiny import SPACE\n")
    monkeypatch.setattr(search_spaces, "__path__", [*search_spaces.__path__, str(tmp_path)])
    try:
        assert "search_spaces.added_by_a_user" in [module.__name__ for module in modules()]
    finally:
        sys.modules.pop("search_spaces.added_by_a_user", None)


@pytest.mark.slow
@every_space
def test_all_draws_are_feasible_and_counted_exactly(space):
    def kept(values):
        assert all(rule.holds(values) for rule in space.rules)
        return shape_of(values)

    drawn = islice(space.stream(np.random.default_rng(0), count), N_DRAWS)
    names = [name for name in SHAPE_FIELDS if name in {*space.axes, *space.fixed, "d_model"}]
    shape_of = itemgetter(*names)
    shapes = Counter(map(kept, drawn))
    assert shapes.total() == N_DRAWS
    built = {}
    for shape in shapes:
        values = dict(zip(names, shape, strict=True))
        model = model_of(values)
        assert space.budget is None or space.budget.contains(count(model))
        is_free = "d_model" in {*space.axes, *space.fixed}
        assert is_free or model.d_model % space.budget.width_step == 0
        same = model.model_copy(update={"n_heads": 1, "pooling": "mean"})
        if same not in built:
            built[same] = built_count(same)
        assert count(model) == built[same]


@every_space
def test_drawn_values_lie_in_their_axes(space):
    for values in islice(space.stream(np.random.default_rng(1), count), 1000):
        assert all(axis.contains(values[name]) for name, axis in space.axes.items())
        assert values.items() >= space.fixed.items()
        assert space.complete(values, count) == values


@every_axis
def test_every_countable_value_is_one_raw_value_of_ray(axis):
    if axis.points is None:
        assert [axis.decode(axis.encode(end)) for end in axis.edges] == list(axis.edges)
        return
    domain = ray_domain(axis)
    raws = getattr(domain, "categories", None) or range(domain.lower, domain.upper)
    assert [axis.decode(raw) for raw in raws] == list(axis.points)
    assert [axis.encode(value) for value in axis.points] == list(raws)


@every_axis
@given(seed=st.integers(0, 2**32 - 1))
def test_what_ray_or_the_axis_draws_survives_encoding(axis, seed):
    raw = ray_domain(axis).sample(random_state=np.random.RandomState(seed))
    for value in (axis.decode(raw), sample(axis, np.random.default_rng(seed))):
        assert axis.contains(value)
        assert axis.decode(axis.encode(value)) == value


@every_space
def test_a_space_is_described_in_strict_json(space):
    described = space.describe()
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert digest_of(json.loads(json.dumps(described))) == space.digest()


def test_digests_are_those_of_another_process():
    code = "import sys; from importlib import import_module as load\n"
    code += "for name in sys.argv[1:]: print(load(f'search_spaces.{name}').SPACE.digest())"
    done = subprocess.run(
        [sys.executable, "-c", code, *SPACES], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [space.digest() for space in SPACES.values()]


def test_no_two_spaces_are_the_same():
    assert len({space.digest() for space in SPACES.values()}) == len(SPACES)


@shipped_space
def test_a_shipped_space_has_the_grids_of_the_contract(space):
    for name, values in TRAINING_GRIDS.items():
        assert space.axes[name].values == values
    if space.budget is None:
        assert "d_model" in space.axes
        return
    budget = space.budget
    n_params, tolerance, width_step, layers = BUDGETS[budget.name]
    settled = (budget.n_params, budget.tolerance, budget.width_step)
    assert settled == (n_params, tolerance, width_step)
    assert space.axes["n_layers"].points == layers
    for name, values in SHAPES.items():
        assert set(space.axes[name].points) == values
    assert space.axes["half_life_days"].values == HALF_LIVES
    assert set(space.axes) == {"n_layers", *TRAINING_GRIDS, *SHAPES, "half_life_days"}
    shapes = {counted_shape(model.model_dump()) for model, _ in space.shapes(count)}
    for values in islice(space.stream(np.random.default_rng(0), count), 1000):
        assert 1 <= model_of(values).n_tokens <= 16
        assert counted_shape(model_of(values).model_dump()) in shapes


def test_each_budget_of_the_contract_has_its_space():
    shipped = [SPACES[name] for name in SHIPPED]
    assert {space.budget.name for space in shipped if space.budget} == set(BUDGETS)


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
    ran = {name: set(SPACES[name].references) for name in SHIPPED}
    assert ran["budget_2m"] == ran["january_2m"] == {"january_best", "january_baseline"}
    assert not any("january_20m" in references for references in ran.values())


def test_the_winner_of_january_was_never_a_two_million_model():
    assert count(model_of(REFERENCES["january_best"].values)) < 400_000
