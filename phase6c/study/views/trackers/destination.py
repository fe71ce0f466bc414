"""The trackers that can be named, and what has to be there before one is told of anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from phase6c.errors import ConfigError, ResourceError
from phase6c.storage.redact import redact
from phase6c.study.study_config import StudyConfig
from phase6c.study.views.trackers.told import Tracker

Kind = Literal["mlflow", "wandb"]
# As people write them.
WORDS: dict[Kind, str] = {"mlflow": "MLflow", "wandb": "W&B"}


@dataclass(frozen=True)
class Destination:
    """A tracker and the place in it.

    Attributes:
        kind: Which tracker; also the name of its package and of its option.
        place: MLflow's address, or the name of a project of W&B's.
    """

    kind: Kind
    place: str

    def __str__(self) -> str:
        return f"{WORDS[self.kind]} at {self.place}"

    def check(self) -> None:
        """Checks what can be told without asking the tracker.

        Raises:
            ConfigError: The place holds a key, or is empty; or W&B has no key.
            ResourceError: The tracker's package is not installed.
        """
        if not self.place.strip():
            rule = f"`{self.kind}` names where to send a study"
            raise ConfigError(rule, repr(self.place), "Name it, or leave the option out.")
        # Checked first: the message about a missing package would repeat it.
        shown = redact(self.place)
        if shown != self.place:
            rule = "A key or a password comes from the environment alone"
            names = {
                "mlflow": "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
                "wandb": "WANDB_API_KEY",
            }[self.kind]
            raise ConfigError(rule, shown, f"Put it in {names}.")
        if not _is_installed(self.kind):
            raise ResourceError(
                f"`{self.kind}` needs the package {self.kind}",
                f"{self.kind} is not installed",
                f"Install it with: pip install 'phase6c[{self.kind}]'",
            )
        is_online = os.environ.get("WANDB_MODE", "online") in ("online", "shared")
        if self.kind == "wandb" and is_online and not os.environ.get("WANDB_API_KEY"):
            raise ConfigError(
                "W&B takes its key from the environment",
                "WANDB_API_KEY is not set",
                "Set it, or set WANDB_MODE=offline and send what is kept with 'wandb sync' later.",
            )

    def open(self, config: StudyConfig, folder: Path) -> Tracker:
        """The tracker, which is asked what it knows of the study already."""
        # Imported here: only the tracker that is named has to be installed.
        if self.kind == "mlflow":
            from phase6c.study.views.trackers.mlflow import MlflowTracker

            return MlflowTracker(self.place, config)
        from phase6c.study.views.trackers.wandb import WandbTracker

        return WandbTracker(self.place, config, folder)


def destinations(mlflow: str | None, wandb: str | None) -> list[Destination]:
    """The trackers that are named, checked.

    Raises:
        See `Destination.check`.
    """
    named: dict[Kind, str | None] = {"mlflow": mlflow, "wandb": wandb}
    found = [Destination(kind, place) for kind, place in named.items() if place is not None]
    for destination in found:
        destination.check()
    return found


def _is_installed(package: str) -> bool:
    """Whether it can be imported; a folder of its name, as W&B makes one, is no package."""
    found = find_spec(package)
    return found is not None and found.origin is not None
