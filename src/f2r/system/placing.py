"""Checks before files are moved into place."""

import json
import os
import shutil
from pathlib import Path

from f2r.errors import InputError


def check_free(path: Path, *, overwrite: bool) -> None:
    """Check that a name is free or may be overwritten.

    Raises:
        InputError: it exists and may not be overwritten, or is neither a file nor a folder.
    """
    if path.is_symlink():
        raise InputError(
            f"{path}: is a link to {path.readlink()}: name that instead, or remove the link"
        )
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path}: is a device or a pipe, not a file: name another output")
    if path.exists() and not overwrite:
        raise InputError(f"{path}: exists already: pass --overwrite or name another output")


def check_file(path: Path, *, overwrite: bool) -> None:
    """Check the name of a file as `check_free` does; a folder is never replaced by a file.

    Raises:
        InputError: as `check_free`, or a folder has that name.
    """
    check_free(path, overwrite=overwrite)
    if path.is_dir():
        raise InputError(f"{path}: is a folder, a file is to be written there: move it")


def cannot_write(path: Path, error: BaseException) -> InputError:
    """Describe in one line why an output cannot be written."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return InputError(
        f"{path}: cannot be written ({reason}): free some space or name another output with -o"
    )


def discard(path: Path) -> None:
    """Remove a file or folder of F2R's own."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def read_ledger(path: Path | None) -> dict[str, list[list[int]]]:
    """Read the ledger of an interrupted run: by name, what `inode_facts` says of what was placed.

    Raises:
        InputError: the ledger is damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, list) for v in found.values()):
        assert path is not None
        raise InputError(f"{path}: is damaged: remove {path.parent} and start again")
    return found


def inode_facts(path: Path) -> list[int]:
    """Identify a file or folder by inode, time and size; renaming keeps them."""
    try:
        facts = path.lstat()
    except OSError:
        return []
    return [facts.st_ino, facts.st_mtime_ns, 0 if path.is_dir() else facts.st_size]


def move_new(part: Path, path: Path) -> None:
    """Rename a file to a free name without race conditions."""
    try:
        os.link(part, path)
    except FileExistsError:
        check_free(path, overwrite=False)
        raise
    except OSError:  # a file system without links
        check_free(path, overwrite=False)
        part.rename(path)
    else:
        part.unlink()
