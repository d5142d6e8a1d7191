"""Clips as arrays, (T, H, W) or (T, H, W, C): `.npy` files and arrays in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.clip import (
    ClipInfo,
    Closing,
    Frame,
    Samples,
    Source,
    check_finite,
    check_frame_size,
    sample_type,
    to_nominal,
    to_samples,
    white,
)
from f2r.io.output import FileWriter
from f2r.system.claim import Claim

MAX_CHANNELS = 16
"""More than this in the last axis is a transposed array rather than a clip."""

UNREADABLE = (ValueError, OSError, EOFError, OverflowError, SyntaxError, TokenError)
"""What numpy raises on files that are no arrays; it parses their header as Python."""


@dataclass(frozen=True)
class ArraySource(Source):
    """An array, with or without a channel axis."""

    has_channel_axis: bool = True


class ArrayReader(Closing):
    """Frames of an array in memory.

    Args:
        array: (T, H, W) or (T, H, W, C); uint8, uint16 or float.
        name: what to call it in errors.
    """

    def __init__(self, array: NDArray[Any], name: str = "array") -> None:
        self._array = array
        self._name = name
        self.info = _describe(array, name, None)

    def __iter__(self) -> Iterator[Frame]:
        for i in range(len(self._array)):
            yield _frame(self._array[i], self.info, i, self._name)


class NpyReader(Closing):
    """Frames of a `.npy` file, one in memory at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.info = _describe(self._map(), path, path)

    def __iter__(self) -> Iterator[Frame]:
        for i in range(self.info.frames or 0):
            # A map that outlives its frame would count as resident memory, page by page.
            yield _frame(self._map()[i], self.info, i, self._path)

    def _map(self) -> NDArray[Any]:
        try:
            array = np.load(self._path, mmap_mode="r", allow_pickle=False)
        except UNREADABLE as error:
            raise InputError(
                f"{self._path}: is not a complete .npy array ({_first_line(error)}): save it again "
                "with numpy.save"
            ) from error
        if not isinstance(array, np.ndarray):
            raise InputError(f"{self._path}: holds several arrays: save the clip alone as .npy")
        return array


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _describe(array: NDArray[Any], name: object, path: Path | None) -> ClipInfo:
    if array.ndim not in {3, 4}:
        raise InputError(
            f"{name}: has {array.ndim} axes: a clip is (T, H, W) or (T, H, W, C), frames first"
        )
    dtype = sample_type(array.dtype, name)
    frames, height, width = array.shape[:3]
    channels = array.shape[3] if array.ndim == 4 else 1
    if frames == 0:
        raise InputError(f"{name}: has no frames")
    check_frame_size(height, width, name)
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputError(
            f"{name}: has {channels} channels: the axes are (T, H, W, C) with 1 to {MAX_CHANNELS} "
            "channels last"
        )
    is_double = array.dtype.kind == "f" and array.dtype.itemsize > 4
    unread = ("Samples are kept as float32, the input has float64.",) if is_double else ()
    return ClipInfo(
        frames=frames,
        height=height,
        width=width,
        channels=channels,
        is_colour=channels == 3,
        bit_depth=32 if dtype == "float32" else 8 * array.dtype.itemsize,
        dtype=dtype,
        scale=white(dtype),
        source=ArraySource(path, unread, has_channel_axis=array.ndim == 4),
    )


def _frame(samples: NDArray[Any], info: ClipInfo, index: int, name: object) -> Frame:
    frame = to_nominal(samples, info.scale).reshape(info.height, info.width, info.channels)
    if info.dtype == "float32":
        check_finite(frame, index, name)
    return frame


def _has_channel_axis(info: ClipInfo) -> bool:
    if isinstance(info.source, ArraySource):
        return info.source.has_channel_axis
    return info.channels > 1


class NpyWriter(FileWriter):
    """A `.npy` file that grows frame by frame; its header is completed at the end."""

    def __init__(self, claim: Claim, info: ClipInfo) -> None:
        super().__init__(claim, info, _losses(info))
        self._frame_shape: tuple[int, ...] = (info.height, info.width)
        if _has_channel_axis(info):
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
        return [to_samples(frame, self.info.dtype, white(self.info.dtype))]

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
        return clip if _has_channel_axis(self._info) else clip[..., 0]

    def write(self, frame: Frame) -> None:
        """Append a copy of one (H, W, C) frame."""
        self._frames.append(frame.astype(np.float32))

    def close(self) -> None:
        """Do nothing: the array is always ready."""

    def abort(self) -> None:
        """Forget the frames."""
        self._frames.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
