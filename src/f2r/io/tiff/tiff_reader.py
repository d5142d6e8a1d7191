"""TIFF stacks: plain, OME and ImageJ, read plane by plane with their axes and metadata."""

import re
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from f2r.errors import InputError
from f2r.io.axis_names import doubt_guess
from f2r.io.clip import (
    COUNTED,
    MAX_CHANNELS,
    ClipInfo,
    Frame,
    Indexed,
    check_frame_count,
    check_frame_size,
    sample_type,
    to_nominal,
    white,
)
from f2r.io.gaps import fill_from
from f2r.io.tiff.other_files import named_files
from f2r.io.tiff.planes import Planes, is_one_page_per_series
from f2r.io.tiff.source import RawTag, TiffSource
from f2r.io.tiff.tiff_opening import open_tiff

WHOLE_RANGE = {"float32", "int16", "uint32"}
"""Types of samples whose white does not depend on the bits that the file declares."""
SAMPLED_PAGES, SAMPLED_SIDE = 16, 256
"""Pages, rows and columns that a guess of the axes is judged by."""
CARRIED_TAGS = {269, 271, 272, 285, 315, 316, 700, 33432, 34675, 50838, 50839, 51123}
"""Document name, make, model, page name, artist, host, XMP, copyright, ICC profile, ImageJ's two
tags, MicroManager: copied as raw bytes. Structure tags are written anew."""


class TiffReader(Indexed):
    """Frames of a TIFF stack; pages are read when they are needed.

    Time is the axis T; without one, the first axis that is not C (Z, or an unnamed one). All
    other axes become channels: every Z plane and every C of a frame is its own grey channel.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with open_tiff(path) as tif:
            source = _describe_source(path, tif)
            self.info = _describe(source, tif)
            planes = Planes(path, tif, source)
            planes.read(prod(source.leading_shape) - 1)  # a cut file lacks its last page
            self._source = replace(source, doubts=source.doubts + _doubts(source, planes))
            self.info = replace(self.info, source=self._source)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        frames = self.info.frames or 0
        with open_tiff(self._path) as tif:
            planes = Planes(self._path, tif, self._source)

            def read(index: int) -> Frame:
                samples = [planes.read(plane) for plane in self._source.planes(index)]
                return to_nominal(np.concatenate(samples, axis=2), self.info.scale)

            if self.info.dtype == "float32":
                yield from fill_from(start, frames, read, self._source.gaps, self._path)
            else:
                yield from map(read, range(start, frames))


def _describe_source(path: Path, tif: tifffile.TiffFile) -> TiffSource:
    series, page = tif.series[0], tif.pages.first
    axes, shape = series.axes, tuple(series.shape)
    if is_one_page_per_series(tif):
        axes, shape = "T" + axes, (len(tif.series), *shape)
    if not axes.endswith(("YX", "YXS")):
        raise InputError(
            f"{path}: axes {axes} are not supported: save it as T, Z, C, Y, X, or name the axes "
            "by --axes"
        )
    inner = next(names for names in ("YXS", "SYX", "YX") if axes.endswith(names))
    stored_shape = shape[-len(inner) :]
    has_alpha = "S" in inner and [int(kind) for kind in page.extrasamples] in ([1], [2])
    if has_alpha:
        axes, shape = _without_alpha(axes, shape)
    others = named_files(tif)
    source = TiffSource(
        path=path,
        unread=_unread(tif, axes, has_alpha=has_alpha),
        axes=axes,
        shape=shape,
        time_axis=_find_time(axes[: axes.index("YX")].rstrip("S")),
        dtype=sample_type(np.dtype(series.dtype), path),
        has_alpha=has_alpha,
        stored_axes=inner,
        stored_shape=stored_shape,
        doubts=(f"pages are read from other files: {', '.join(others)}",) if others else (),
    )
    return _with_metadata(source, tif)


def _unread(tif: tifffile.TiffFile, axes: str, *, has_alpha: bool) -> tuple[str, ...]:
    unread = []
    if len(tif.series) > 1 and not axes.startswith("T"):
        unread.append(f"Only the first of {len(tif.series)} image series is read.")
    if tif.pages.first.compression != 1:
        unread.append("A TIFF output is not compressed, the input is.")
    if has_alpha:
        unread.append("Transparency (the alpha channel) is left out.")
    return tuple(unread)


def _with_metadata(source: TiffSource, tif: tifffile.TiffFile) -> TiffSource:
    page = tif.pages.first
    text = page.tags.get(270)
    return replace(
        source,
        byteorder=tif.byteorder,
        photometric=int(page.photometric),
        description=_raw_value(tif, text).rstrip(b"\0") if text is not None else None,
        resolution=_resolution(page),
        software=_text(page, 305),
        date=_text(page, 306),
        colormap=page.colormap,
        tags=_raw_tags(tif),
    )


def _without_alpha(axes: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Take the last sample from each pixel; one that remains is grey."""
    place = axes.index("S")
    left = shape[place] - 1
    if left > 1:
        return axes, (*shape[:place], left, *shape[place + 1 :])
    return axes[:place] + axes[place + 1 :], (*shape[:place], *shape[place + 1 :])


def _doubts(source: TiffSource, planes: Planes) -> tuple[str, ...]:
    """Look at the middle of a stack whose first axis has no name."""
    if source.axes not in {"QYX", "IYX"}:
        return ()
    frames = source.shape[0]
    first = max(0, frames // 2 - SAMPLED_PAGES // 2)
    middle = range(first, min(frames, first + SAMPLED_PAGES))
    sample = np.stack([planes.read(i)[:SAMPLED_SIDE, :SAMPLED_SIDE, 0] for i in middle])
    return doubt_guess(sample, source.shape)


def _find_time(leading: str) -> int | None:
    if "T" in leading:
        return leading.index("T")
    return next((i for i, name in enumerate(leading) if name != "C"), None)


def _describe(source: TiffSource, tif: tifffile.TiffFile) -> ClipInfo:
    rows, columns = (-2, -1) if source.plane_axes != "YXS" else (-3, -2)
    height, width = source.shape[rows], source.shape[columns]
    check_frame_size(height, width, source.path)
    frames = source.shape[source.time_axis] if source.time_axis is not None else 1
    check_frame_count(frames, source.path)
    channels = prod(source.shape) // (height * width * frames)
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
        scale=white(source.dtype) if source.dtype in WHOLE_RANGE else float(2**bits - 1),
        source=source,
    )


def _significant_bits(source: TiffSource, tif: tifffile.TiffFile) -> int:
    """Return the bits that the file declares; a 12-bit camera in 16-bit samples may say so."""
    if source.dtype in COUNTED:
        return 32
    if source.dtype == "int16":
        return 16
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
