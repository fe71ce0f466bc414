"""What runs on Ray: a search, probes or an evaluation."""

from __future__ import annotations

import numpy as np


def drawn_seed(*entropy: int) -> int:
    """A seed that follows from the study's own and what it is for."""
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
