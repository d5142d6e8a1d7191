"""TIFF outputs: the mirror of a TIFF input, or a plain stack."""

import json
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile

from f2r.io.clip import ClipInfo, Frame, Samples, to_samples, written_scale
from f2r.io.output import FileWriter
from f2r.io.tiff.source import TiffSource
from f2r.system.claim import Claim

BIG = 2**32 - 2**25
"""Bytes of pixels beyond which only BigTIFF can hold the file."""
NO_CLOCK = "A TIFF stack keeps no timestamps, no sound and no colour tags."


def open_tiff_writer(claim: Claim, info: ClipInfo) -> FileWriter:
    """Choose between the mirror of a TIFF input and a plain stack."""
    source = info.source
    if isinstance(source, TiffSource):
        return MirrorTiffWriter(claim, info, source)
    if _is_ome(claim.path) and info.frames is not None:
        return MirrorTiffWriter(claim, info, _make_source(info))
    return PlainTiffWriter(claim, info)


def _is_ome(path: Path) -> bool:
    return path.name.lower().endswith((".ome.tif", ".ome.tiff"))


def _make_source(info: ClipInfo) -> TiffSource:
    """Describe the stack that a clip from elsewhere becomes."""
    axes = "TYX"
    shape: tuple[int, ...] = (info.frames or 0, info.height, info.width)
    if info.channels > 1:
        axes, shape = "TYXS", (*shape, info.channels)
    return TiffSource(path=None, axes=axes, shape=shape, dtype=info.dtype)


def _byte_count(info: ClipInfo) -> int | None:
    if info.frames is None:
        return None
    size = np.dtype(info.dtype).itemsize
    return info.frames * info.height * info.width * info.channels * size


class MirrorTiffWriter(FileWriter):
    """A TIFF with the axes, byte order and metadata of the TIFF that was read.

    The pages are laid out first, empty; frames are then put where their planes lie, so that any
    order of axes can be written frame by frame.
    """

    def __init__(self, claim: Claim, info: ClipInfo, source: TiffSource) -> None:
        super().__init__(claim, info, _mirror_losses(info, source))
        self._source = source
        self._dtype = np.dtype(info.dtype).newbyteorder(source.byteorder)
        is_mirror = info.source is source
        self._scale = info.scale if is_mirror else written_scale(info, info.dtype)
        with self._explained():
            self._offset = self._lay_out()
            self._file: BinaryIO = self._part.open("r+b")

    def _lay_out(self) -> int:
        source = self._source
        is_same_type = self.info.dtype == source.dtype
        makes_ome = _is_ome(self.path) and b"<OME" not in (source.description or b"")
        keeps_text = is_same_type and not makes_ome and _still_holds(source)
        options: dict[str, Any] = {
            "photometric": "rgb" if self.info.is_colour else min(source.photometric, 1),
            "software": source.software or False,
            "datetime": source.date,
        }
        if source.plane_axes != "YX":
            options["planarconfig"] = "separate" if source.plane_axes == "SYX" else "contig"
        if keeps_text:
            options |= {"metadata": None, "description": source.description or None}
        else:
            options["metadata"] = {"axes": _named(source.axes) if makes_ome else source.axes}
        if source.resolution is not None:
            options["resolution"] = source.resolution[:2]
            options["resolutionunit"] = source.resolution[2]
        if source.colormap is not None and is_same_type:
            options |= {"colormap": source.colormap, "photometric": "palette"}
        options["extratags"] = [
            (tag.code, tag.dtype, tag.count, tag.value, True) for tag in source.tags
        ]
        is_big = (_byte_count(self.info) or 0) > BIG
        with tifffile.TiffWriter(
            self._part, bigtiff=is_big, byteorder=source.byteorder, ome=makes_ome
        ) as tif:
            place = tif.write(shape=source.shape, dtype=self._dtype, returnoffset=True, **options)
        assert place is not None
        return place[0]

    def _pack(self, frame: Frame) -> Samples:
        return [to_samples(frame, self.info.dtype, self._scale)]

    def _put(self, samples: Samples) -> None:
        shape = self._source.plane_shape
        size = prod(shape) * self._dtype.itemsize
        ordered = samples[0].astype(self._dtype)
        planes = self._source.planes(self.count)
        for plane, values in zip(planes, np.split(ordered, len(planes), axis=2), strict=True):
            page = np.moveaxis(values, -1, 0) if self._source.plane_axes == "SYX" else values
            self._file.seek(self._offset + plane * size)
            self._file.write(page.tobytes())

    def _finish(self) -> None:
        self._file.close()
        if self.count != self.info.frames:
            self.abort()
            raise RuntimeError(f"{self.count} frames written of {self.info.frames}")

    def _release(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def _named(axes: str) -> str:
    """Call an unnamed page axis time, which is what F2R took it for."""
    return axes if "T" in axes else axes.replace("I", "T").replace("Q", "T")


def _still_holds(source: TiffSource) -> bool:
    """Tell whether the description fits the output; tifffile's own states the page layout."""
    text = source.description or b""
    if source.has_alpha and text.startswith((b"<", b"{")):  # it counts the samples of a pixel
        return False
    if not text.startswith(b'{"shape"'):
        return True
    return json.dumps(list(source.shape)).encode() in text and b'"truncated"' not in text


def _mirror_losses(info: ClipInfo, source: TiffSource) -> tuple[str, ...]:
    losses = [NO_CLOCK] if info.fps is not None else []
    if info.dtype != source.dtype:
        losses.append("The image description is written anew because the sample type changes.")
    if (_byte_count(info) or 0) > BIG and (source.description or b"").startswith(b"ImageJ"):
        losses.append("The output is BigTIFF, which ImageJ opens through Bio-Formats only.")
    return tuple(losses)


class PlainTiffWriter(FileWriter):
    """A stack that grows page by page, for clips that were no TIFF."""

    def __init__(self, claim: Claim, info: ClipInfo) -> None:
        super().__init__(claim, info, (NO_CLOCK,) if info.fps is not None else ())
        size = _byte_count(info)
        with self._explained():
            is_big = size is None or size > BIG
            self._tif = tifffile.TiffWriter(self._part, bigtiff=is_big, ome=False)

    def _pack(self, frame: Frame) -> Samples:
        samples = to_samples(frame, self.info.dtype, written_scale(self.info, self.info.dtype))
        return [samples[..., 0] if self.info.channels == 1 else samples]

    def _put(self, samples: Samples) -> None:
        options: dict[str, Any] = {
            "photometric": "rgb" if self.info.is_colour else "minisblack",
            "metadata": {"axes": "TYX" if self.info.channels == 1 else "TYXS"},
        }
        if self.info.channels > 1:
            options["planarconfig"] = "contig"
        self._tif.write(samples[0], contiguous=True, **options)

    def _finish(self) -> None:
        self._tif.close()

    def _release(self) -> None:
        if hasattr(self, "_tif"):
            self._tif.close()
