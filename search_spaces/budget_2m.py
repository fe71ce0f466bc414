"""Transformers of 2M parameters within 5 %."""

from phase6c.space.axes import Int
from phase6c.space.budget import Budget
from phase6c.space.references import TOKENS
from phase6c.space.space import Space
from search_spaces.common import COMMON_AXES

BUDGET = Budget(name="2m", n_params=2_000_000)
SPACE = Space(
    name="budget_2m",
    axes={"n_layers": Int.of(1, 12), **COMMON_AXES},
    budget=BUDGET,
    rules=(TOKENS,),
    references=("january_best", "january_baseline"),
)
