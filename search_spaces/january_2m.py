"""The axes of the earlier hand-run search ("January"), with a free width.

It called its models 2M and never counted their parameters.
"""

from phase6c.space.axes import Grid
from phase6c.space.references import TOKENS, WINDOW
from phase6c.space.space import Space
from search_spaces.common import SHAPE_AXES, TRAINING_AXES

SPACE = Space(
    name="january_2m",
    axes={
        "d_model": Grid.of(64, 96, 128, 192),
        "n_layers": Grid.of(2, 4, 6),
        "n_heads": SHAPE_AXES["n_heads"],
        "d_ff_ratio": SHAPE_AXES["d_ff_ratio"],
        **TRAINING_AXES,
    },
    fixed=WINDOW,
    rules=(TOKENS,),
    references=("january_best", "january_baseline"),
)
