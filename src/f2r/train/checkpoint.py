"""Training state on disk, with a checksum."""

import io
from pathlib import Path
from typing import Any

import torch

from f2r.system.sealed import read_sealed, write_sealed


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` atomically: a crash leaves the old file or the new one."""
    content = io.BytesIO()
    torch.save(state, content)
    write_sealed(path, content.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state written by `save_checkpoint`; tensors and plain values only, no pickled code.

    Raises:
        InputError: the file was changed since.
    """
    content = io.BytesIO(read_sealed(path))
    state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    return state
