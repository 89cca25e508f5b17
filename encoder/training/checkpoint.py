"""Where interrupted training goes on: weights, optimiser and number of updates, replaced as one
file.

Beside the artifact that is being made, in `.NAME.training`: `state.pt` (torch.save of the table
below) and `log/` (TensorBoard). A checkpoint is only taken up by the same configuration on the same
corpus; `key` says which.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import torch

STATE, LOG = "state.pt", "log"


class Checkpoint:
    """The checkpoint of the artifact that will be at `out`."""

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f".{out.name}.training")

    def save(
        self, key: str, updates: int, model: dict[str, Any], optimiser: dict[str, Any]
    ) -> None:
        """Replace what is there; a crash in between leaves the one before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f"{STATE}.aside"
        torch.save({"key": key, "updates": updates, "model": model, "optimiser": optimiser}, aside)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.replace(self.folder / STATE)

    def load(self, key: str) -> dict[str, Any] | None:
        """The table that was saved, None where there is none for this key."""
        if not (self.folder / STATE).is_file():
            return None
        state: dict[str, Any] = torch.load(
            self.folder / STATE, map_location="cpu", weights_only=True
        )
        return state if state["key"] == key else None

    def remove(self) -> None:
        """Training is done: the state goes, the log stays beside the artifact."""
        (self.folder / STATE).unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            shutil.rmtree(self.folder)
