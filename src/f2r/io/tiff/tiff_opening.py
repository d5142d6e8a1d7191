"""Opening TIFF files so that broken structure is noticed and other files stay closed."""

import html
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

import tifffile

from f2r.errors import InputError, reading

SAVE_AGAIN = "it is no whole TIFF, save it again"


@contextmanager
def open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF; pages that it takes from other files are read only from files beside it.

    Raises:
        InputError: it is no TIFF, holds no images, or its chain of pages is broken.
    """
    with reading(path, SAVE_AGAIN), _opened(path) as (tif, complaints):
        elsewhere = [name for name in named_files(tif) if not _is_beside(name)]
        if elsewhere:
            raise InputError(
                f"{path}: takes pages from {elsewhere[0][:80]!r}, which does not lie beside it: "
                "save the whole stack as one file"
            )
        with listening(complaints):
            is_empty = not tif.series
        if complaints.missing:
            raise InputError(f"{path}: pages are in files that are missing: put them beside it")
        if is_empty or complaints.is_structural:
            raise cut_short(path)
        yield tif


def named_files(tif: tifffile.TiffFile) -> list[str]:
    """List the other files that an OME-TIFF says its pages lie in."""
    text = tif.pages.first.description if tif.is_ome else ""
    names = {html.unescape(name) for name in re.findall(r"""FileName\s*=\s*["']([^"']*)""", text)}
    return sorted(name for name in names if name.lower() != tif.filename.lower())


def _is_beside(name: str) -> bool:
    return name not in {"", ".", ".."} and (
        PurePosixPath(name).name == name and PureWindowsPath(name).name == name
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[tifffile.TiffFile, "Complaints"]]:
    complaints = Complaints()
    with listening(complaints):
        tif = tifffile.TiffFile(path)
    with tif:
        yield tif, complaints


@contextmanager
def listening(complaints: "Complaints") -> Iterator[None]:
    """Collect what tifffile logs, instead of letting it reach the terminal."""
    logger = logging.getLogger("tifffile")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(complaints)
    try:
        yield
    finally:
        logger.removeHandler(complaints)
        logger.propagate = propagate


class Complaints(logging.Handler):
    """Listens to tifffile, which logs broken page chains and goes on without the pages."""

    is_structural = False
    missing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one message."""
        message = record.getMessage()
        if record.levelno >= logging.WARNING and re.search(r"offset|corrupt", message):
            self.is_structural = True
        if "failed to read" in message:
            self.missing = True


def cut_short(path: Path) -> InputError:
    """Say that a TIFF ends too early."""
    return InputError(f"{path}: this TIFF is cut short or damaged: copy it again")
