"""A cluster that is not there is said to be missing at once; Ray's token is kept from others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from phase6c.errors import ResourceError
from phase6c.tune.runtime.cluster import ray_cluster, remark_on_token


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_an_address_without_a_cluster_is_refused_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests of this process may have a Ray, which is neither used nor ended here.
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    # Ray itself would go on trying for minutes.
    monkeypatch.setattr(ray, "init", lambda *_, **__: pytest.fail("Ray was asked"))
    with pytest.raises(ResourceError, match="ray start --head"), ray_cluster(address, None):
        pytest.fail("there is no cluster")


@pytest.fixture
def token() -> Iterator[Path]:
    """A file where others could get to it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "auth_token"
        path.write_text("secret")
        yield path


def test_a_token_that_others_can_read_is_warned_of_once(
    token: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token.chmod(0o644)
    remark_on_token(token)
    remark_on_token(token)
    assert caplog.text.count(f"chmod 600 {token}") == 1


@pytest.mark.parametrize(("mode", "folder_mode"), [(0o600, 0o755), (0o644, 0o700)])
def test_a_token_that_others_cannot_get_to_is_no_matter(
    token: Path, caplog: pytest.LogCaptureFixture, mode: int, folder_mode: int
) -> None:
    token.chmod(mode)
    token.parent.chmod(folder_mode)
    remark_on_token(token)
    assert not caplog.text
