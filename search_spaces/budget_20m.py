"""Transformers of 20M parameters within 5 %."""

from phase6c.space.axes import Int
from phase6c.space.budget import Budget
from phase6c.space.references import TOKENS
from phase6c.space.space import Space
from search_spaces.common import COMMON_AXES

BUDGET = Budget(name="20m", n_params=20_000_000, laptop=False)
SPACE = Space(
    name="budget_20m",
    axes={"n_layers": Int.of(4, 16), **COMMON_AXES},
    budget=BUDGET,
    rules=(TOKENS,),
)
