"""Files with a checksum, which is verified on reading."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from f2r.errors import InputError
from f2r.system.durable import write_durably

DIGEST = 32
"""Bytes of a SHA-256, which come before the content."""


class DamagedError(InputError):
    """A saved file is damaged, so the run cannot be resumed."""


def write_sealed(path: Path, content: bytes) -> None:
    """Write SHA-256 and bytes; a crash leaves the old file or the new one."""
    sealed = hashlib.sha256(content).digest() + content
    write_durably(path, lambda partial: _write(partial, sealed))


def read_sealed(path: Path) -> bytes:
    """Read what `write_sealed` wrote.

    Raises:
        DamagedError: the file cannot be read, or was changed since.
    """
    try:
        sealed = path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or "unreadable") from error
    if hashlib.sha256(sealed[DIGEST:]).digest() != sealed[:DIGEST]:
        raise damaged(path, "its checksum is wrong")
    return sealed[DIGEST:]


def damaged(path: Path, reason: str) -> DamagedError:
    """Describe a damaged file and the remedy."""
    return DamagedError(f"{path}: is damaged ({reason}): remove {path.parent} and start again")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON values, NaN and infinity included."""
    write_sealed(path, json.dumps(content).encode())


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises:
        DamagedError: the file was changed since.
    """
    content: dict[str, Any] = json.loads(read_sealed(path))
    return content


def write_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write tensors exactly."""
    write_sealed(path, save_tensors(weights))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read what `write_weights` wrote.

    Raises:
        DamagedError: the file was changed since.
    """
    return load_tensors(read_sealed(path))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
