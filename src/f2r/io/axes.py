"""Stacks whose axes the user names."""

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.array import ArraySource, map_npy
from f2r.io.clip import (
    MAX_CHANNELS,
    ClipInfo,
    Frame,
    Indexed,
    check_frame_count,
    check_frame_size,
    sample_type,
    stack_info,
    to_nominal,
)
from f2r.io.gaps import fill_from
from f2r.io.recognise import ARRAY_SUFFIXES, TIFF_SUFFIXES

CHANNELS = "ZCS"


class AxesReader(Indexed):
    """Frames of a TIFF or `.npy` whose axes are named; written with time first.

    Args:
        path: the file.
        axes: a letter for each of its axes, as `parse_axes` returns them.

    Raises:
        InputError: the axes do not fit the file.
    """

    def __init__(self, path: Path, axes: str) -> None:
        self._path, self._axes = path, axes
        self._time = next((axes.index(name) for name in "TZ" if name in axes), None)
        array = self._open()
        if array.ndim != len(axes):
            sides = " x ".join(map(str, array.shape))
            raise InputError(f"{path}: has {array.ndim} axes ({sides}), --axes {axes} names others")
        self.info = self._describe(array)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        array = self._open()

        def read(index: int) -> Frame:
            return to_nominal(np.ascontiguousarray(self._samples(array, index)), self.info.scale)

        assert self.info.source is not None
        return fill_from(start, self.info.frames or 0, read, self.info.source.gaps, self._path)

    def _samples(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """Give (H, W, C) of one frame."""
        names = self._axes
        if self._time is not None:
            array = np.take(array, index, axis=self._time)
            names = names[: self._time] + names[self._time + 1 :]
        order = [names.index("Y"), names.index("X")]
        order += [i for i, name in enumerate(names) if name not in "YX"]
        return array.transpose(order).reshape(self.info.height, self.info.width, -1)

    def _open(self) -> NDArray[Any]:
        suffix = self._path.suffix.lower()
        if suffix in ARRAY_SUFFIXES:
            return map_npy(self._path)
        if suffix in TIFF_SUFFIXES:
            from f2r.io.tiff.whole import map_tiff

            return map_tiff(self._path)
        raise InputError(f"{self._path}: --axes goes with a TIFF or .npy only: leave it out")

    def _describe(self, array: NDArray[Any]) -> ClipInfo:
        sides = dict(zip(self._axes, array.shape, strict=True))
        height, width = sides["Y"], sides["X"]
        check_frame_size(height, width, self._path)
        frames = 1 if self._time is None else array.shape[self._time]
        check_frame_count(frames, self._path)
        channels = prod(array.shape) // (height * width * frames)
        if channels > MAX_CHANNELS or channels * height * width > 2**30:
            raise InputError(f"{self._path}: {channels} planes per frame are too many: split it")
        dtype = sample_type(array.dtype, self._path)
        has_channels = bool(set(self._axes) & set(CHANNELS) - {self._axes[self._time or 0]})
        written = "TYX" + ("C" if has_channels else "")
        source = ArraySource(
            self._path,
            (f"The axes {self._axes} are written as {written}, without other metadata.",),
            has_channel_axis=has_channels,
        )
        is_colour = sides.get("S") == 3 and channels == 3
        return stack_info(frames, (height, width, channels), dtype, source, is_colour=is_colour)
