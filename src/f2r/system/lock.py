"""A lock on a file, released when its process ends."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from f2r.system.owner import MARK, Owner

TAKEN = {errno.EACCES, errno.EAGAIN}
"""Error numbers of a lock that another process holds."""


class TakenError(Exception):
    """Another process holds the lock.

    Args:
        owner: which one, if it says so.
    """

    def __init__(self, owner: Owner | None) -> None:
        super().__init__(owner)
        self.owner = owner


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on a file, which is created and kept.

    File systems without locks exclude no process.

    Raises:
        TakenError: another process holds it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _lock(handle):
            raise TakenError(Owner.read(path))
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps({"made_by": MARK, **asdict(Owner.current())}).encode())
        yield
    finally:
        os.close(handle)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on a file."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Take a lock without waiting; False if another process holds it."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return True
    except OSError as error:
        return error.errno not in TAKEN
    return True
