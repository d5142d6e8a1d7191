"""OpenEXR pictures: half or float samples, which may exceed 1; of one part, filling its frame."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError, reading
from f2r.io.clip import check_frame_size
from f2r.io.quiet import caught_words

EXR_SUFFIXES = {".exr"}

DAMAGED = "this EXR is damaged, replace it or remove it"

KNOWN_CHANNELS = ("RGB", "RGBA", "Y")
"""Channels that a frame may have, as the library groups them."""


def read_exr_size(path: Path) -> tuple[int, int]:
    """Read (height, width) from the header.

    Raises:
        InputError: OpenEXR is not installed, or the file is not a picture of one part.
    """
    library = _library(path)
    with (
        reading(path, DAMAGED),
        caught_words(),
        redirect_stdout(StringIO()),  # the library complains there
        library.File(str(path), header_only=True) as file,
    ):
        windows = [file.header()[name] for name in ("dataWindow", "displayWindow")]
        parts = len(file.parts)
    if parts != 1:
        raise InputError(f"{path}: holds {parts} pictures: save the one to denoise alone")
    filled, frame = ([corner.tolist() for corner in window] for window in windows)
    if filled != frame:
        raise InputError(f"{path}: its pixels do not fill its frame: save it without a crop")
    (left, top), (right, bottom) = frame
    return bottom - top + 1, right - left + 1


def read_exr(path: Path) -> NDArray[Any]:
    """Decode samples (H, W) or (H, W, C), float32.

    Raises:
        InputError: as `read_exr_size`; the picture is damaged; its channels are no colours.
    """
    library = _library(path)
    check_frame_size(*read_exr_size(path), path)
    with (
        reading(path, DAMAGED),
        caught_words(),
        redirect_stdout(StringIO()),
        library.File(str(path)) as file,
    ):
        found = {name: channel.pixels for name, channel in file.channels().items()}
    if len(found) != 1 or next(iter(found)) not in KNOWN_CHANNELS:
        names = ", ".join(sorted(found)) or "none"
        raise InputError(f"{path}: has the channels {names}: frames have RGB, RGBA or Y")
    pixels: NDArray[Any] = next(iter(found.values()))
    return pixels.astype(np.float32, copy=False)


def write_exr(path: Path, pixels: NDArray[Any]) -> None:
    """Write (H, W) or (H, W, 3) samples as 32-bit float, losslessly compressed."""
    library = _library(path)
    header = {"compression": library.ZIP_COMPRESSION, "type": library.scanlineimage}
    name = "RGB" if pixels.ndim == 3 else "Y"
    try:
        library.File(header, {name: np.ascontiguousarray(pixels)}).write(str(path))
    except RuntimeError as error:
        raise OSError(str(error)) from error


def _library(path: Path) -> Any:
    try:
        import OpenEXR
    except ImportError:
        raise InputError(
            f"{path}: OpenEXR is needed for .exr: pip install 'frames2residual[exr]'"
        ) from None
    return OpenEXR
