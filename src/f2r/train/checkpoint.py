"""Training state on disk: whole or not at all."""

from pathlib import Path
from typing import Any

import torch

from f2r.system.durable import write_durably


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` so that a crash at any instant leaves the old file or the new one."""
    write_durably(path, lambda partial: torch.save(state, partial))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state written by `save_checkpoint`; tensors and plain values only, no pickled code."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
