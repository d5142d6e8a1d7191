"""Clips as arrays, (T, H, W) or (T, H, W, C): `.npy` files and arrays in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError, reading
from f2r.io.axis_names import doubt_guess
from f2r.io.clip import (
    ClipInfo,
    Frame,
    Indexed,
    Samples,
    Source,
    check_frame_count,
    check_frame_size,
    sample_type,
    stack_info,
    to_nominal,
    to_samples,
    written_scale,
)
from f2r.io.gaps import fill_from
from f2r.io.output import FileWriter
from f2r.system.claim import Claim

MOST_LAST = 16
"""Largest last axis that counts as channels; above it the array is probably transposed."""
SAMPLED_SHAPE = (16, 256, 256)
"""Frames, rows and columns by which guessed axes are checked."""


@dataclass(frozen=True)
class ArraySource(Source):
    """An array, with or without a channel axis."""

    has_channel_axis: bool = True


class ArrayReader(Indexed):
    """Frames of an array in memory.

    Args:
        array: (T, H, W) or (T, H, W, C); uint8, uint16 or float.
        name: what to call it in errors.
        units: what floats are divided by to be nominal.
    """

    def __init__(self, array: NDArray[Any], name: str = "array", units: float = 1.0) -> None:
        self._array = array
        self._name = name
        info = _describe(array, name, None)
        self.info = replace(info, scale=units) if info.dtype == "float32" else info

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Give the frames from `start` on."""
        return _frames(self.info, start, self._array.__getitem__, self._name)


class NpyReader(Indexed):
    """Frames of a `.npy` file, one in memory at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.info = _describe(map_npy(path), path, path)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        # A map that outlives its frame would count as resident memory, page by page.
        return _frames(self.info, start, lambda i: map_npy(self._path)[i], self._path)


def map_npy(path: Path) -> NDArray[Any]:
    """Map a `.npy` file into memory.

    Raises:
        InputError: it holds no single array of numbers.
    """
    with reading(path, "it is not a complete .npy array, save it again with numpy.save"):
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: holds several arrays: save the clip alone as .npy")
    return array


def _describe(array: NDArray[Any], name: object, path: Path | None) -> ClipInfo:
    if array.ndim not in {3, 4}:
        raise InputError(
            f"{name}: has {array.ndim} axes: a clip is (T, H, W) or (T, H, W, C), frames first"
        )
    dtype = sample_type(array.dtype, name)
    frames, height, width = array.shape[:3]
    channels = array.shape[3] if array.ndim == 4 else 1
    check_frame_count(frames, name)
    check_frame_size(height, width, name)
    if not 1 <= channels <= MOST_LAST:
        raise InputError(
            f"{name}: has {channels} channels: the axes are (T, H, W, C) with 1 to {MOST_LAST} "
            "channels last; name others by --axes"
        )
    source = _describe_source(array, path)
    return stack_info(frames, (height, width, channels), dtype, source, is_colour=channels == 3)


def _describe_source(array: NDArray[Any], path: Path | None) -> ArraySource:
    is_double = array.dtype.kind == "f" and array.dtype.itemsize > 4
    unread = ("Samples are kept as float32, the input has float64.",) if is_double else ()
    middle = tuple(
        slice(max(0, (side - most) // 2), (side + most) // 2)
        for side, most in zip(array.shape, SAMPLED_SHAPE, strict=False)
    )
    doubts = doubt_guess(array[middle], array.shape) if array.ndim == 3 and path else ()
    return ArraySource(path, unread, has_channel_axis=array.ndim == 4, doubts=doubts)


def _frames(
    info: ClipInfo, start: int, samples: Callable[[int], NDArray[Any]], name: object
) -> Iterator[Frame]:
    def read(index: int) -> Frame:
        size = info.height, info.width, info.channels
        return to_nominal(samples(index), info.scale).reshape(size)

    frames = info.frames or 0
    if info.dtype != "float32" or info.source is None:
        return map(read, range(start, frames))
    return fill_from(start, frames, read, info.source.gaps, name)


def has_channel_axis(info: ClipInfo) -> bool:
    """Whether the frames of an array have a channel axis."""
    if isinstance(info.source, ArraySource):
        return info.source.has_channel_axis
    return info.channels > 1


class NpyWriter(FileWriter):
    """A `.npy` file that grows frame by frame; its header is completed at the end."""

    def __init__(self, claim: Claim, info: ClipInfo) -> None:
        super().__init__(claim, info, _losses(info))
        self._frame_shape: tuple[int, ...] = (info.height, info.width)
        if has_channel_axis(info):
            self._frame_shape += (info.channels,)
        with self._explained():
            self._file: BinaryIO = self._part.open("wb")
            self._write_header()

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(np.dtype(self.info.dtype).newbyteorder("<")),
            "fortran_order": False,
            "shape": (self.count, *self._frame_shape),
        }
        # numpy pads the header so that the first axis can grow in place
        np.lib.format.write_array_header_1_0(self._file, header)

    def _pack(self, frame: Frame) -> Samples:
        return [to_samples(frame, self.info.dtype, written_scale(self.info, self.info.dtype))]

    def _put(self, samples: Samples) -> None:
        little = samples[0].dtype.newbyteorder("<")
        self._file.write(samples[0].astype(little, copy=False).tobytes())

    def _finish(self) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _release(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


def _losses(info: ClipInfo) -> tuple[str, ...]:
    if info.fps is None:
        return ()
    return ("A .npy array keeps no timestamps, no sound and no colour tags.",)


class ArrayWriter:
    """Frames collected in memory.

    Args:
        info: the clip; decides whether the array gets a channel axis.
    """

    losses: tuple[str, ...] = ()

    def __init__(self, info: ClipInfo) -> None:
        self._info = info
        self._frames: list[Frame] = []

    @property
    def array(self) -> Frame:
        """(T, H, W) or (T, H, W, C) float32, nominal, in the layout of the input."""
        clip = np.stack(self._frames)
        return clip if has_channel_axis(self._info) else clip[..., 0]

    def write(self, frame: Frame) -> None:
        """Append a copy of one (H, W, C) frame, NaN where the input has it."""
        source = self._info.source
        copied = frame.astype(np.float32)
        self._frames.append(source.gaps.restore(copied, len(self._frames)) if source else copied)

    def close(self) -> None:
        """Do nothing: the array is always ready."""

    def abort(self) -> None:
        """Forget the frames."""
        self._frames.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
