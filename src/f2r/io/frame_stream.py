"""Frames that come one by one from an iterator and are never held together."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.array import ArrayReader
from f2r.io.clip import Closing, Frame, to_nominal


class FrameStream(Closing):
    """A clip of unknown length that is read once.

    Args:
        frames: (H, W) or (H, W, C) each, of one shape and type.
        units: what floats are divided by to be nominal.

    Raises:
        InputError: there is no frame, or it cannot be used; while reading, a frame is of another
            shape or type than the first.
    """

    def __init__(self, frames: Iterator[NDArray[Any]], units: float = 1.0) -> None:
        first = next(frames, None)
        if first is None:
            raise InputError("frames: there are none")
        self._first, self._rest = first, frames
        self.info = replace(ArrayReader(first[None], "frames", units).info, frames=None)

    def __iter__(self) -> Iterator[Frame]:
        yield self._read(self._first, 0)
        for index, frame in enumerate(self._rest, start=1):
            if frame.shape != self._first.shape or frame.dtype != self._first.dtype:
                raise InputError(
                    f"frames: number {index + 1} is {frame.dtype} of shape {frame.shape}, the "
                    f"first is {self._first.dtype} of shape {self._first.shape}"
                )
            yield self._read(frame, index)

    def _read(self, samples: NDArray[Any], index: int) -> Frame:
        info, source = self.info, self.info.source
        frame = to_nominal(samples, info.scale).reshape(info.height, info.width, info.channels)
        if info.dtype != "float32" or source is None:
            return frame
        return source.gaps.fill(frame, index, "frames")
