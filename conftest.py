"""Shapes and types at the rooms' borders are checked at every call, except in `make test-fast`.

The hook stands above tests/conftest.py, which imports these rooms: a module that is imported before
the hook is there stays unchecked.
"""

import os

from jaxtyping import install_import_hook

# Modules are left out where checks would cost more than the tests: the indicators are called very
# often, and the bootstrap makes its scores as functions within functions, decorated at each call.
MODULES = (
    "phase6c.data.bars",
    "phase6c.data.catalogue",
    "phase6c.data.history",
    "phase6c.data.labels",
    "phase6c.data.panel",
    "phase6c.data.rows",
    "phase6c.data.scaling",
    "phase6c.data.splits",
    "phase6c.data.windows",
    "phase6c.statistics.calibrators",
    "phase6c.statistics.health",
    "phase6c.statistics.logits",
    "phase6c.statistics.metrics",
    "phase6c.statistics.selection",
    "phase6c.nn",
    "phase6c.evaluation",
    "phase6c.analysis.predictions",
    "phase6c.analysis.validation",
)
# An int is taken for a float, as type checkers take it (PEP 484).
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"

if not os.environ.get("PHASE6C_FAST_TESTS"):
    install_import_hook(MODULES, CHECKER)
