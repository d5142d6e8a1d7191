"""Pages of a TIFF stack by number, decoded when they are needed."""

from math import prod
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from f2r.errors import InputError, reading
from f2r.io.tiff.bounds import check_page
from f2r.io.tiff.source import TiffSource
from f2r.io.tiff.tiff_opening import Complaints, cut_short, listening


class Planes:
    """Pages of a stack, each as (H, W, S) without transparency.

    Args:
        name: the file in errors.
        tif: the open file.
        source: its layout.
    """

    def __init__(self, name: Any, tif: tifffile.TiffFile, source: TiffSource) -> None:
        series = tif.series[0]
        self._name = name
        self._source = source
        self._handle = tif.filehandle
        self._dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
        self._offset: int | None = None if is_one_page_per_series(tif) else series.dataoffset
        self._pages = _pages(tif)
        if self._offset is None and len(self._pages) != prod(source.leading_shape):
            raise InputError(f"{name}: this layout of pages is not supported: save it as OME-TIFF")
        if self._offset is not None and self._offset + series.nbytes > self._handle.size:
            raise cut_short(name)

    def read(self, plane: int) -> NDArray[Any]:
        """Decode one page."""
        source = self._source
        samples = self._read_raw(plane) if self._offset is not None else self._read_page(plane)
        if source.stored_axes == "SYX":
            samples = np.moveaxis(samples, 0, -1)
        samples = samples.reshape(*samples.shape[:2], -1)
        return samples[..., :-1] if source.has_alpha else samples

    def _read_raw(self, plane: int) -> NDArray[Any]:
        shape = self._source.stored_shape
        size = prod(shape) * self._dtype.itemsize
        assert self._offset is not None
        self._handle.seek(self._offset + plane * size)
        return np.frombuffer(self._handle.read(size), self._dtype).reshape(shape)

    def _read_page(self, plane: int) -> NDArray[Any]:
        page = self._pages[plane]
        if page is None:
            raise InputError(f"{self._name}: page {plane + 1} is missing: save the stack again")
        if page.shape != self._source.stored_shape:
            raise InputError(f"{self._name}: page {plane + 1} differs in size from the first page")
        samples = decode_page(page, f"{self._name}, page {plane + 1}")
        if samples.shape != self._source.stored_shape:
            raise InputError(f"{self._name}: page {plane + 1} differs in size from the first page")
        return samples


def decode_page(page: Any, name: object) -> NDArray[Any]:
    """Decode a page whose pieces lie within its file and unpack to what they should.

    Raises:
        InputError: they do not.
    """
    pieces = zip(page.dataoffsets, page.databytecounts, strict=False)
    handle = page.parent.filehandle
    was_closed = handle.closed
    if was_closed:  # a page of another file of the stack
        handle.open()
    try:
        if max((start + size for start, size in pieces), default=0) > handle.size:
            raise cut_short(page.parent.filename)
        with reading(name, "it cannot be decoded, save it again"), listening(Complaints()):
            check_page(page, name)
            samples: NDArray[Any] = page.asarray()
    finally:
        if was_closed:
            handle.close()
    return samples


def _pages(tif: tifffile.TiffFile) -> Any:
    """Return the pages of the clip: those of the first series, or one of each equal series."""
    if is_one_page_per_series(tif):
        return [series.pages[0] for series in tif.series]
    return tif.series[0].pages


def is_one_page_per_series(tif: tifffile.TiffFile) -> bool:
    """Recognise frames that were written one by one, each as a series of its own."""
    first = tif.series[0]
    return len(tif.series) > 1 and all(
        len(series.pages) == 1 and series.shape == first.shape and series.dtype == first.dtype
        for series in tif.series
    )
