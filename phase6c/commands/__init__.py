"""The commands: click, and nothing but the translation of its options."""

import os

# A training runs on one thread, and so do measurements and draws; numpy reads this at its import.
os.environ.setdefault("OMP_NUM_THREADS", "1")
