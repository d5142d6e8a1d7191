"""Folders of F2R that outlive a run; they appear complete, with their mark."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from f2r.errors import InputError
from f2r.system.claim import Claim
from f2r.system.durable import sync, write_durably
from f2r.system.owner import MARK, read_marked
from f2r.system.placing import cannot_write, discard
from f2r.system.sealed import damaged

STAMP = "run.json"
"""File that marks such a folder and names what it belongs to."""
CHECKSUM = "sha256"
"""Key of the SHA-256 of all other values of the stamp."""


def read_stamp(folder: Path) -> dict[str, Any] | None:
    """Read what a folder belongs to; None if there is none.

    Raises:
        InputError: F2R did not make it; it would be written to, and removed in the end.
    """
    if not os.path.lexists(folder):
        return None
    found = None if folder.is_symlink() else read_marked(folder / STAMP)
    if found is None:
        raise InputError(
            f"{folder}: is in the way and was not made by F2R: move it or name another output"
        )
    return found


def check_stamp(folder: Path, found: dict[str, Any]) -> None:
    """Verify the checksum of a stamp.

    Raises:
        DamagedError: it was.
    """
    content = {key: value for key, value in found.items() if key != CHECKSUM}
    if found.get(CHECKSUM) != _checksum(content):
        raise damaged(folder / STAMP, "its checksum is wrong")


def make_marked(claim: Claim, folder: Path, content: dict[str, Any]) -> None:
    """Make a folder beside the claim, with its stamp in it from the first instant.

    Raises:
        InputError: the disk is full.
    """
    text = json.dumps({"made_by": MARK, CHECKSUM: _checksum(content), **content})
    try:
        fresh = claim.part(folder)
        fresh.mkdir()
        write_durably(fresh / STAMP, lambda path: _write(path, text))
        fresh.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise cannot_write(folder, error) from error


def remove_marked(claim: Claim, folder: Path) -> None:
    """Remove such a folder; it is renamed first, so it disappears at once."""
    doomed = claim.part(folder)
    folder.rename(doomed)
    discard(doomed)


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
