"""What a tracker lacks is said before anything starts."""

from __future__ import annotations

import pytest

from phase6c.errors import ConfigError, ResourceError
from phase6c.study.views.trackers import destination
from phase6c.study.views.trackers.destination import destinations


@pytest.mark.parametrize("kind", ["mlflow", "wandb"])
def test_a_missing_package_is_a_missing_resource_and_named_with_the_extra(kind, monkeypatch):
    monkeypatch.setattr(destination, "find_spec", lambda _: None)
    with pytest.raises(ResourceError, match="is not installed") as caught:
        destinations(**{"mlflow": None, "wandb": None, kind: "somewhere"})
    assert f"pip install 'phase6c[{kind}]'" in caught.value.remedy


def test_a_folder_named_like_a_package_is_no_package(tmp_path, monkeypatch):
    (tmp_path / "only_a_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert destination.find_spec("only_a_folder") is not None
    assert not destination._is_installed("only_a_folder")
    assert destination._is_installed("pytest")


def test_a_password_is_taken_from_the_environment_alone_and_not_repeated():
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_PASSWORD") as caught:
        destinations("https://user:secret@host/mlflow", None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("mode", "key", "is_enough"), [
    (None, None, False),
    ("online", None, False),
    ("online", "0" * 40, True),
    ("offline", None, True),
])  # fmt: skip
def test_wandb_needs_a_key_in_the_environment_unless_it_is_offline(
    mode, key, is_enough, monkeypatch
):
    monkeypatch.setattr(destination, "_is_installed", lambda _: True)
    for name, value in (("WANDB_MODE", mode), ("WANDB_API_KEY", key)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    if is_enough:
        assert [str(one) for one in destinations(None, "project")] == ["W&B at project"]
        return
    with pytest.raises(ConfigError, match="WANDB_API_KEY is not set"):
        destinations(None, "project")


@pytest.mark.parametrize("place", ["", " "])
def test_an_empty_place_is_refused(place):
    with pytest.raises(ConfigError, match="names where to send a study"):
        destinations(place, None)


def test_no_tracker_is_named_unless_asked_for():
    assert destinations(None, None) == []
