"""Opening TIFF files so that broken structure is noticed and other files stay closed."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tifffile

from f2r.errors import InputError, reading
from f2r.io.tiff.other_files import check_named_files

SAVE_AGAIN = "it is no whole TIFF, save it again"


@contextmanager
def open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF; pages that it takes from other files are read only from files beside it.

    Raises:
        InputError: it is no TIFF, holds no images, or its chain of pages is broken.
    """
    with reading(path, SAVE_AGAIN), _opened(path) as (tif, complaints):
        check_named_files(path, tif)
        with listening(complaints):
            is_empty = not tif.series
        if complaints.missing:
            raise InputError(f"{path}: pages are in files that are missing: put them beside it")
        if is_empty or complaints.is_structural:
            raise cut_short(path)
        yield tif


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
