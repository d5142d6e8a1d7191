"""Write files that are complete or absent after a crash."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file atomically: write a temporary file, sync it, rename it.

    A crash at any instant leaves the old file or the new one. The temporary file has a unique name.

    Args:
        path: file to write.
        write: called with the path of the temporary file.

    Raises:
        OSError: with the name of the file, and the reason of the system.
    """
    partial = path.with_name(f".f2r-{secrets.token_hex(8)}{path.suffix}")
    try:
        partial.touch(exist_ok=False)
        write(partial)
        sync(partial)
        partial.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open folders; NTFS journals their entries
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
