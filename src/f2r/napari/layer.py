"""An image layer of napari as a clip, read frame by frame."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.clip import (
    ClipInfo,
    Frame,
    FrameReader,
    Indexed,
    Source,
    check_frame_size,
    sample_type,
    stack_info,
    to_nominal,
    to_samples,
)
from f2r.io.gaps import fill_from
from f2r.io.guard import GuardedReader

FEWEST = 3
"""Frames of the shortest series."""


class LayerReader(Indexed):
    """Frames of an array that may lie on disk (dask, Zarr); one frame in memory at a time.

    Args:
        data: (..., Y, X), or (..., Y, X, C) of colours; one of the leading axes is time.
        time: index of the time axis; all other leading axes become channels.
        is_colour: whether the last axis holds red, green and blue.

    Raises:
        InputError: the array is no time series.
    """

    def __init__(self, data: Any, time: int, *, is_colour: bool) -> None:
        self._data, self._time, self._is_colour = data, time, is_colour
        shape: Sequence[int] = data.shape
        leading = len(shape) - (3 if is_colour else 2)
        if not 0 <= time < leading or shape[time] < FEWEST:
            raise InputError(f"layer: axis {time} of {tuple(shape)} is no time of {FEWEST} frames")
        height, width = shape[leading], shape[leading + 1]
        check_frame_size(height, width, "layer")
        planes = prod(side for axis, side in enumerate(shape[:leading]) if axis != time)
        channels = shape[-1] if is_colour else planes
        if is_colour and (planes != 1 or channels != 3):
            raise InputError("layer: colours need the axes T, Y, X and three colours")
        dtype = sample_type(np.dtype(data.dtype), "layer")
        size = (height, width, channels)
        self.info = stack_info(shape[time], size, dtype, Source(None), is_colour=is_colour)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        assert self.info.source is not None
        return fill_from(start, self.info.frames or 0, self._read, self.info.source.gaps, "layer")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return tuple(self._data.shape)

    def place(self, frame: int) -> tuple[int | slice, ...]:
        """Give the index of a frame in the array."""
        axes = range(len(self._data.shape))
        return tuple(frame if axis == self._time else slice(None) for axis in axes)

    def _read(self, frame: int) -> Frame:
        samples = np.asarray(self._data[self.place(frame)])
        if not self._is_colour:
            size = self.info.height, self.info.width
            samples = np.moveaxis(samples.reshape(-1, *size), 0, -1)
        return to_nominal(samples.reshape(self.info.height, self.info.width, -1), self.info.scale)

    def put(self, frame: Frame, number: int, info: ClipInfo, target: NDArray[Any]) -> None:
        """Put a denoised frame into an array of the layer's shape and type, NaN where it has it."""
        assert self.info.source is not None
        restored = self.info.source.gaps.restore(frame, number)
        samples = to_samples(restored, info.dtype, info.scale)
        place = target[self.place(number)]
        place[...] = (samples if self._is_colour else np.moveaxis(samples, -1, 0)).reshape(
            place.shape
        )


def guarded(reader: LayerReader) -> FrameReader:
    """Give the reader with counts brought near 1, as the method expects."""
    return GuardedReader("layer", lambda: reader, counts_to_nominal=True)
