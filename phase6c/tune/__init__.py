"""The search on Ray Tune: the only room that imports ray."""

import os

# Ray asks for the home folder as it is imported, and fails where a user has none, as in containers
# that run under a number without a name.
if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path.home() would fail as well
    os.environ["HOME"] = "/nonexistent"
