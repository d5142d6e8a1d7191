"""Opening TIFF files so that broken structure is noticed."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tifffile

from f2r.errors import InputError


@contextmanager
def open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF.

    Raises:
        InputError: it is no TIFF, holds no images, or its chain of pages is broken.
    """
    try:
        with tifffile.TiffFile(path) as tif:
            with _listening() as complaints:
                is_empty = not tif.series
            if is_empty or complaints.is_structural:
                raise cut_short(path)
            yield tif
    except (tifffile.TiffFileError, ValueError, IndexError, KeyError, MemoryError) as error:
        raise InputError(f"{path}: cannot be read as TIFF ({error}): save it again") from error


@contextmanager
def _listening() -> Iterator["_Complaints"]:
    """Collect what tifffile logs, instead of letting it reach the terminal."""
    complaints = _Complaints()
    logger = logging.getLogger("tifffile")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(complaints)
    try:
        yield complaints
    finally:
        logger.removeHandler(complaints)
        logger.propagate = propagate


class _Complaints(logging.Handler):
    """Listens to tifffile, which logs broken page chains and goes on without the pages."""

    is_structural = False

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and re.search(r"offset|corrupt", record.getMessage()):
            self.is_structural = True


def cut_short(path: Path) -> InputError:
    """Say that a TIFF ends too early."""
    return InputError(f"{path}: this TIFF is cut short or damaged: copy it again")
