"""TIFF stacks: plain, OME and ImageJ, read plane by plane with their axes and metadata."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.clip import (
    ClipInfo,
    Closing,
    Frame,
    SampleType,
    Source,
    check_finite,
    check_frame_size,
    sample_type,
    to_nominal,
    white,
)
from f2r.io.tiff.opening import cut_short, open_tiff

MAX_CHANNELS = 4096
CARRIED_TAGS = {269, 271, 272, 285, 315, 316, 700, 33432, 34675, 50838, 50839, 51123}
"""Document name, make, model, page name, artist, host, XMP, copyright, ICC profile, ImageJ's two
tags, MicroManager: copied as raw bytes. Structure tags are written anew."""


@dataclass(frozen=True)
class RawTag:
    """A TIFF tag as it lies in the file."""

    code: int
    dtype: int
    count: int
    value: bytes


@dataclass(frozen=True)
class TiffSource(Source):
    """Layout and metadata of a TIFF stack."""

    axes: str = "TYX"
    """Names of the axes of `shape`: T time, Z depth, C channel, Y rows, X columns, S samples."""
    shape: tuple[int, ...] = ()
    """Lengths of the axes."""
    time_axis: int | None = 0
    """Index of the axis along which frames follow each other; None for one frame."""
    dtype: SampleType = "uint16"
    """Type of the samples in the file."""
    byteorder: Literal["<", ">"] = "<"
    """Byte order of the file."""
    photometric: int = 1
    """Photometric interpretation of the first page."""
    description: bytes | None = None
    """Image description of the first page: OME-XML, ImageJ's lines, or free text."""
    resolution: tuple[Any, Any, int] | None = None
    """X and Y resolution as the file's rationals, and their unit."""
    software: str | None = None
    date: str | None = None
    colormap: Any = None
    tags: tuple[RawTag, ...] = ()
    """Further tags of the first page, copied byte by byte."""

    @property
    def plane_axes(self) -> str:
        """Axes within a page: YX, YXS or SYX."""
        return next(axes for axes in ("YXS", "SYX", "YX") if self.axes.endswith(axes))

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Lengths of the axes within a page."""
        return self.shape[-len(self.plane_axes) :]

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """Lengths of the axes that count pages."""
        return self.shape[: -len(self.plane_axes)]

    def planes(self, frame: int) -> list[int]:
        """List the pages of one frame, in the order of its channels."""
        index = np.arange(prod(self.leading_shape)).reshape(self.leading_shape)
        if self.time_axis is not None:
            index = np.take(index, frame, axis=self.time_axis)
        return [int(plane) for plane in index.ravel()]


class TiffReader(Closing):
    """Frames of a TIFF stack; pages are read when they are needed.

    Time is the axis T; without one, the first axis that is not C (Z, or an unnamed one). All
    other axes become channels: every Z plane and every C of a frame is its own grey channel.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_tiff(path) as tif:
            self._source = _describe_source(path, tif)
            self.info = _describe(self._source, tif)
            planes = _Planes(path, tif, self._source)
            planes.read(prod(self._source.leading_shape) - 1)  # a cut file lacks its last page

    def __iter__(self) -> Iterator[Frame]:
        with open_tiff(self._path) as tif:
            planes = _Planes(self._path, tif, self._source)
            for i in range(self.info.frames or 0):
                samples = [planes.read(plane) for plane in self._source.planes(i)]
                frame = to_nominal(np.concatenate(samples, axis=2), self.info.scale)
                if self.info.dtype == "float32":
                    check_finite(frame, i, self._path)
                yield frame


class _Planes:
    """Pages of a stack by number, each as (H, W, S)."""

    def __init__(self, path: Path, tif: tifffile.TiffFile, source: TiffSource) -> None:
        series = tif.series[0]
        self._path = path
        self._source = source
        self._handle = tif.filehandle
        self._dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
        self._offset: int | None = None if _is_one_page_per_series(tif) else series.dataoffset
        self._pages = _pages(tif)
        if self._offset is None and len(self._pages) != prod(source.leading_shape):
            raise InputError(f"{path}: this layout of pages is not supported: save it as OME-TIFF")
        if self._offset is not None and self._offset + series.nbytes > self._handle.size:
            raise cut_short(path)

    def read(self, plane: int) -> NDArray[Any]:
        samples = self._read_raw(plane) if self._offset is not None else self._read_page(plane)
        if self._source.plane_axes == "SYX":
            return np.moveaxis(samples, 0, -1)
        return samples.reshape(*self._source.plane_shape[:2], -1)

    def _read_raw(self, plane: int) -> NDArray[Any]:
        shape = self._source.plane_shape
        size = prod(shape) * self._dtype.itemsize
        assert self._offset is not None
        self._handle.seek(self._offset + plane * size)
        return np.frombuffer(self._handle.read(size), self._dtype).reshape(shape)

    def _read_page(self, plane: int) -> NDArray[Any]:
        page = self._pages[plane]
        if page is None:
            raise InputError(f"{self._path}: page {plane + 1} is missing: save the stack again")
        ends = [
            start + size for start, size in zip(page.dataoffsets, page.databytecounts, strict=True)
        ]
        if max(ends) > self._handle.size:
            raise cut_short(self._path)
        try:
            samples: NDArray[Any] = page.asarray()
        except Exception as error:  # each compression has errors of its own
            raise InputError(
                f"{self._path}: page {plane + 1} cannot be decoded ({error}): save it again"
            ) from error
        if samples.shape != self._source.plane_shape:
            raise InputError(f"{self._path}: page {plane + 1} differs in size from the first page")
        return samples


def _pages(tif: tifffile.TiffFile) -> Any:
    """Return the pages of the clip: those of the first series, or one of each equal series."""
    if _is_one_page_per_series(tif):
        return [series.pages[0] for series in tif.series]
    return tif.series[0].pages


def _is_one_page_per_series(tif: tifffile.TiffFile) -> bool:
    """Recognise frames that were written one by one, each as a series of its own."""
    first = tif.series[0]
    return len(tif.series) > 1 and all(
        len(series.pages) == 1 and series.shape == first.shape and series.dtype == first.dtype
        for series in tif.series
    )


def _describe_source(path: Path, tif: tifffile.TiffFile) -> TiffSource:
    series = tif.series[0]
    page = tif.pages.first
    axes, shape = series.axes, tuple(series.shape)
    if _is_one_page_per_series(tif):
        axes, shape = "T" + axes, (len(tif.series), *shape)
    if not axes.endswith(("YX", "YXS")):
        raise InputError(f"{path}: axes {axes} are not supported: save it as T, Z, C, Y, X")
    leading = axes.rstrip("S")[:-2] if not axes.endswith("SYX") else axes[:-3]
    unread = []
    if len(tif.series) > 1 and not axes.startswith("T"):
        unread.append(f"Only the first of {len(tif.series)} image series is read.")
    if page.compression != 1:
        unread.append("A TIFF output is not compressed, the input is.")
    text = page.tags.get(270)
    return TiffSource(
        path=path,
        unread=tuple(unread),
        axes=axes,
        shape=shape,
        time_axis=_find_time(leading),
        dtype=sample_type(np.dtype(series.dtype), path),
        byteorder=tif.byteorder,
        photometric=int(page.photometric),
        description=_raw_value(tif, text).rstrip(b"\0") if text is not None else None,
        resolution=_resolution(page),
        software=_text(page, 305),
        date=_text(page, 306),
        colormap=page.colormap,
        tags=_raw_tags(tif),
    )


def _find_time(leading: str) -> int | None:
    if "T" in leading:
        return leading.index("T")
    return next((i for i, name in enumerate(leading) if name != "C"), None)


def _describe(source: TiffSource, tif: tifffile.TiffFile) -> ClipInfo:
    rows, columns = (-2, -1) if source.plane_axes != "YXS" else (-3, -2)
    height, width = source.shape[rows], source.shape[columns]
    check_frame_size(height, width, source.path)
    frames = source.shape[source.time_axis] if source.time_axis is not None else 1
    channels = prod(source.shape) // (height * width * frames) if frames else 0
    if frames == 0:
        raise InputError(f"{source.path}: has no frames")
    if not 1 <= channels <= MAX_CHANNELS or channels * height * width > 2**30:
        raise InputError(f"{source.path}: {channels} planes per frame are too many: split the file")
    bits = _significant_bits(source, tif)
    return ClipInfo(
        frames=frames,
        height=height,
        width=width,
        channels=channels,
        is_colour=channels == 3 and "S" in source.plane_axes,
        bit_depth=bits,
        dtype=source.dtype,
        scale=white(source.dtype) if source.dtype == "float32" else float(2**bits - 1),
        source=source,
    )


def _significant_bits(source: TiffSource, tif: tifffile.TiffFile) -> int:
    """Return the bits that the file declares; a 12-bit camera in 16-bit samples may say so."""
    if source.dtype == "float32":
        return 32
    stored = 8 if source.dtype == "uint8" else 16
    bits = min(stored, int(tif.pages.first.bitspersample))
    if tif.is_ome and source.description is not None:
        declared = re.search(rb'<Pixels[^>]*\bSignificantBits="(\d+)"', source.description)
        if declared and 8 <= int(declared[1]) <= stored:
            bits = int(declared[1])
    return bits


def _resolution(page: Any) -> tuple[Any, Any, int] | None:
    x, y, unit = (page.tags.get(code) for code in (282, 283, 296))
    if x is None or y is None:
        return None
    return tuple(x.value), tuple(y.value), int(unit.value) if unit is not None else 1


def _text(page: Any, code: int) -> str | None:
    tag = page.tags.get(code)
    return tag.value if tag is not None and isinstance(tag.value, str) else None


def _raw_tags(tif: tifffile.TiffFile) -> tuple[RawTag, ...]:
    return tuple(
        RawTag(tag.code, int(tag.dtype), tag.count, _raw_value(tif, tag))
        for tag in tif.pages.first.tags
        if tag.code in CARRIED_TAGS
    )


def _raw_value(tif: tifffile.TiffFile, tag: Any) -> bytes:
    tif.filehandle.seek(tag.valueoffset)
    data: bytes = tif.filehandle.read(tag.valuebytecount)
    return data
