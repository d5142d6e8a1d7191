"""Check of output names before the run."""

import os
from pathlib import Path

from f2r.errors import InputError

LONGEST_NAME = 255
"""Largest length of a file name in bytes, if the file system gives none."""
LONGEST_SUFFIX = 24
"""Bytes that the suffixes of files beside an output (report, picture, unfinished file) add."""


def check_name(path: Path) -> None:
    """Check that an output name can be written.

    Raises:
        InputError: the message gives the reason.
    """
    try:
        size = len(path.name.encode("utf-8"))
    except UnicodeEncodeError as error:
        shown = path.name.encode("utf-8", "backslashreplace").decode()
        raise InputError(f"{shown}: this name is not UTF-8: name another output with -o") from error
    if str(path) == "-":
        raise InputError("-: this output cannot be standard output: name a file")
    if "\0" in str(path):
        raise InputError("the output's name holds a zero byte: name another output with -o")
    if size + LONGEST_SUFFIX > _longest(path.parent):
        raise InputError(f"{path.name[:40]}...: this name is too long: name another with -o")


def _longest(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        return LONGEST_NAME
