"""Transformers of 50,000 parameters within 20 %: for first contact and for tests."""

from phase6c.space.axes import Int
from phase6c.space.budget import Budget
from phase6c.space.references import TOKENS
from phase6c.space.space import Space
from search_spaces.common import COMMON_AXES

# Another 8 of width change so small a count by a fifth to a half: at 5 % few shapes would be left.
BUDGET = Budget(name="tiny", n_params=50_000, tolerance=0.20, width_step=8)
SPACE = Space(
    name="tiny",
    axes={"n_layers": Int.of(1, 4), **COMMON_AXES},
    budget=BUDGET,
    rules=(TOKENS,),
)
