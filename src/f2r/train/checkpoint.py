"""Training state on disk: whole or not at all."""

import os
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that a crash at any instant leaves the old file or the new one."""
    partial = path.with_suffix(path.suffix + ".part")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state written by `save_checkpoint`; tensors and plain values only, no pickled code."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
