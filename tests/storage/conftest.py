"""Files on a disk that is waited for, as everywhere but in the other tests."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def disk() -> None:
    """The machine's own."""
