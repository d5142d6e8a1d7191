"""A TIFF stack as one array, for axes across its pages."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError, reading
from f2r.io.tiff.planes import decode_page, is_one_page_per_series
from f2r.io.tiff.tiff_opening import cut_short, open_tiff

MOST_STACK_BYTES = 2**32
"""Bytes that a compressed stack may unpack to in memory."""


def map_tiff(path: Path) -> NDArray[Any]:
    """Map the samples of a TIFF into memory, or unpack them there if they are compressed.

    Raises:
        InputError: it cannot be read, or is too large to unpack.
    """
    with open_tiff(path) as tif:
        series = tif.series[0]
        is_apart = is_one_page_per_series(tif)
        if series.dataoffset is not None and not is_apart:
            return _map(path, series, tif.byteorder)
        pages: list[Any] = [one.pages[0] for one in tif.series] if is_apart else [*series.pages]
        if any(page is None or page.shape != series.keyframe.shape for page in pages):
            raise cut_short(path)
        if len(pages) * series.keyframe.nbytes > MOST_STACK_BYTES:
            raise InputError(f"{path}: is too large to unpack for --axes: save it uncompressed")
        stack = np.stack([decode_page(page, path) for page in pages])
        return stack if is_apart else stack.reshape(series.shape)


def _map(path: Path, series: Any, byteorder: str) -> NDArray[Any]:
    if series.dataoffset + series.nbytes > path.stat().st_size:
        raise cut_short(path)
    with reading(path, "save it again"):
        dtype = np.dtype(series.dtype).newbyteorder(byteorder)
        return np.memmap(path, dtype, "r", series.dataoffset, tuple(series.shape))
