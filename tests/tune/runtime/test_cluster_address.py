"""A cluster that is not there is said to be missing at once; Ray's token is kept from others."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.exceptions import AuthenticationError

from phase6c.errors import ResourceError
from phase6c.tune.runtime.cluster import ray_cluster, remark_on_token
from phase6c.tune.runtime.resources import Resources


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


@pytest.mark.parametrize(
    ("address", "error", "remedy"),
    [
        (None, OSError(errno.ENOSPC, "No space left on device"), "Free space there, or name"),
        (None, OSError(errno.EACCES, "Permission denied"), "Name another place in RAY_TMPDIR"),
        (None, Exception("The current node timed out. This could be."), "Ray's logs are in /"),
        (None, UnicodeEncodeError("utf-8", "\udcc3", 0, 1, "surrogates"), "Set PYTHONUTF8=1"),
        ("auto", AuthenticationError("The token is wrong. For more"), "token in RAY_AUTH_TOKEN"),
        ("auto", ConnectionError("Failed to connect"), "ray start --head"),
    ],
)
def test_whatever_ray_raises_as_it_starts_is_a_missing_resource_with_the_remedy_that_helps(
    address: str | None, error: Exception, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", fail)
    own = Resources(n_cpus=1, n_gpus=0, gpus_per_trial=0.0) if address is None else None
    with pytest.raises(ResourceError) as refused, ray_cluster(address, own):
        pytest.fail("Ray did not start")
    assert remedy in refused.value.remedy
    assert ("space" in str(refused.value)) == (getattr(error, "errno", None) == errno.ENOSPC)
    assert ". " not in str(refused.value.value)


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
