"""Files that are whole or not there, whenever the process or the machine stops."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, bring it to the disk, and give it its name.

    A crash at any instant leaves the old file or the new one, never a part of one. The unfinished
    file has a name that nothing else can have.
    """
    partial = path.with_name(f".f2r-{secrets.token_hex(8)}{path.suffix}")
    try:
        partial.touch(exist_ok=False)
        write(partial)
        sync(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folders; it keeps its names in a journal
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
