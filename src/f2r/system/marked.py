"""Folders of F2R's own that outlive a run: there whole, with their mark, or not there."""

import json
import os
from pathlib import Path
from typing import Any

from f2r.errors import InputError
from f2r.system.claim import Claim
from f2r.system.durable import sync, write_durably
from f2r.system.owner import MARK, read_marked
from f2r.system.placing import cannot_write, discard

STAMP = "run.json"
"""File by which such a folder is known; it says what the folder belongs to."""


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


def make_marked(claim: Claim, folder: Path, content: dict[str, Any]) -> None:
    """Make a folder beside the claim, with its stamp in it from the first instant.

    Raises:
        InputError: the disk is full.
    """
    text = json.dumps({"made_by": MARK, **content})
    try:
        fresh = claim.part(folder)
        fresh.mkdir()
        write_durably(fresh / STAMP, lambda path: _write(path, text))
        fresh.rename(folder)
        sync(folder.parent)
    except OSError as error:
        raise cannot_write(folder, error) from error


def remove_marked(claim: Claim, folder: Path) -> None:
    """Remove such a folder: it is gone at once, though its files take a while."""
    doomed = claim.part(folder)
    folder.rename(doomed)
    discard(doomed)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
