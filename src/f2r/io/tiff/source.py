"""Layout and metadata of a TIFF stack, as a reader finds and a writer keeps them."""

from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np

from f2r.io.clip import SampleType, Source, bare_piece


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

    has_alpha: bool = False
    """The last sample of each stored pixel is transparency, which `axes` and `shape` leave out."""
    stored_axes: str = "YX"
    """Axes within a page of the file."""
    stored_shape: tuple[int, ...] = ()
    """Lengths of the axes within a page of the file."""

    def piece(self, frames: range) -> Source:
        """Describe some consecutive frames."""
        return bare_piece(self, frames)

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
