"""The CPU time of some functions of the product, added up while a benchmark runs."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from functools import wraps
from typing import Any


class CpuTime:
    """Seconds and calls of the functions that are timed, by the name of their part."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()

    def add(self, part: str, owner: Any, name: str) -> None:
        """Has each call of a function of a class or module counted from now on."""
        function = getattr(owner, name)

        @wraps(function)
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                self.spent[part] += time.process_time() - begun
                self.calls[part] += 1

        setattr(owner, name, call)
