"""Evaluations with fewer draws: what is asked here does not hang on the width of an interval."""

from collections.abc import Iterator
from functools import partial

import pytest

from phase6c.evaluation.outcomes import Draws
from phase6c.tune.evaluation import run


@pytest.fixture(scope="module", autouse=True)
def few_draws() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "Draws", partial(Draws, n=200))
        yield
