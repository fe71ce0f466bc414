"""Transformers of 200M parameters within 5 %."""

from phase6c.space.axes import Int
from phase6c.space.budget import Budget
from phase6c.space.references import TOKENS
from phase6c.space.space import Space
from search_spaces.common import COMMON_AXES

BUDGET = Budget(name="200m", n_params=200_000_000, laptop=False)
SPACE = Space(
    name="budget_200m",
    axes={"n_layers": Int.of(8, 24), **COMMON_AXES},
    budget=BUDGET,
    rules=(TOKENS,),
)
