"""Clips at the border: description, reader and writer protocols."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.gaps import Gaps
from f2r.io.raw.mosaic import Mosaic

Frame: TypeAlias = NDArray[np.float32]
"""One frame, (H, W, C) float32 in nominal units: 1 is the file's white, values are not clipped."""

SampleType: TypeAlias = Literal["uint8", "uint16", "int16", "uint32", "float32"]

COUNTED: tuple[SampleType, ...] = ("uint32", "float32")
"""Types of samples that may count photons or units rather than be relative to a white."""

Samples: TypeAlias = list[NDArray[Any]]
"""One frame as its file stores it: one array per plane, rounded and clipped."""

MAX_PIXELS = 2**27
"""Pixels of the largest frame that is accepted; 16K video (15360x8640) just fits."""


MAX_CHANNELS = 4096
"""Channels of the widest frame that is accepted."""

MAX_FRAMES = 10**7
"""Frames of the longest stack that is accepted: more than four days of video."""


@dataclass(frozen=True)
class Source:
    """Origin of a clip; readers extend it by all that a writer can carry over."""

    path: Path | None
    """File or folder, None for an array in memory."""
    unread: tuple[str, ...] = ()
    """Properties that the reader could not keep, one sentence each."""
    doubts: tuple[str, ...] = field(default=(), kw_only=True)
    """Doubtful guesses of the reader, one sentence each."""
    gaps: Gaps = field(default_factory=Gaps, kw_only=True, compare=False, repr=False)
    """Positions of NaN; recorded on reading, restored on writing."""

    def piece(self, frames: range) -> "Source":
        """Describe some consecutive frames: what a writer can carry over of them."""
        return replace(self, gaps=self.gaps.from_frame(frames.start))


@dataclass(frozen=True)
class ClipInfo:
    """Everything about a clip except its pixels."""

    frames: int | None
    """Number of frames by the file's index; None if unknown."""
    height: int
    """Rows of a frame as stored; a rotation tag is carried over, not applied."""
    width: int
    """Columns of a frame as stored."""
    channels: int
    """1 for grey, 3 for colour, anything else for independent channels."""
    is_colour: bool
    """The three channels are red, green and blue rather than three independent measurements."""
    bit_depth: int
    """Significant bits of a sample: 8 to 16, or 32."""
    dtype: SampleType
    """Type of the file's samples, and of what is written for it."""
    scale: float
    """White in file units: nominal = sample / scale; 1 for float, unless it counts something."""
    chroma_subsampled: bool = False
    """Colour was stored at lower resolution, so its noise is not independent between pixels."""
    coding: str | None = None
    """Name of the lossy codec that the frames went through, such as 'H.264'; None without one or if
    unknown."""
    fps: Fraction | None = None
    """Mean frames per second, None when the file has no clock."""
    time_base: Fraction | None = None
    """Seconds per tick of the file's timestamps, None when it has no clock."""
    source: Source | None = None
    """Origin and metadata for a writer; None for a clip made from nothing."""
    mosaic: Mosaic | None = None
    """Pattern, levels and colours of a raw clip. Its frames are packed: half the rows and columns
    of the file; channels red, green of the red rows, green of the blue rows, blue."""


@dataclass(frozen=True)
class EncodeOptions:
    """How to compress the output; the defaults are visually lossless or better."""

    codec: str | None = None
    """Video encoder (libx264, libx265, libsvtav1, libvpx-vp9, prores_ks, ffv1, mjpeg), or for a
    folder the kind of picture (png, tiff, bmp, exr); None takes what suits the container."""
    quality: float | None = None
    """Constant rate factor or quantiser of the encoder, lower is better; None takes its default."""


class FrameReader(Protocol):
    """A clip that can be read from any frame as often as needed."""

    @property
    def info(self) -> ClipInfo:
        """Describe the clip."""

    def __iter__(self) -> Iterator[Frame]: ...

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read from frame `start` on, counted from 0, exactly the frames of a whole pass.

        Decoding begins with frame `entry_before(start)`.
        """

    def entry_before(self, start: int) -> int:
        """Give the frame at which decoding must begin to reach frame `start`."""

    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class FrameWriter(Protocol):
    """A clip being written; its file appears under its name only when it is complete."""

    @property
    def losses(self) -> tuple[str, ...]:
        """Properties that the output cannot keep, one sentence each."""

    def write(self, frame: Frame) -> None:
        """Append one (H, W, C) float32 frame in nominal units."""

    def pack(self, frame: Frame) -> Samples:
        """Convert a frame to the samples of the file, without writing."""

    def put(self, samples: Samples) -> None:
        """Append a packed frame: `put(pack(frame))` is `write(frame)`."""

    def close(self) -> None:
        """Finish the file and move it into place."""

    def abort(self) -> None:
        """Remove what was written."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Closing:
    """Base of the readers, which write one of the two passes themselves; a context manager."""

    def __iter__(self) -> Iterator[Frame]:
        return self.starting_at(0)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read from frame `start` on, counted from 0."""
        return islice(iter(self), start, None)

    def entry_before(self, start: int) -> int:  # noqa: ARG002 - of the protocol
        """Give the frame at which decoding must begin to reach frame `start`."""
        return 0

    def close(self) -> None:
        """Let go of the file; most readers hold none between frames."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Indexed(Closing):
    """Base of the readers that find every frame by its number."""

    def entry_before(self, start: int) -> int:
        """Give the frame at which decoding must begin to reach frame `start`."""
        return start


def bare_piece(source: Source, frames: range) -> Source:
    """Describe some frames of a stack whose metadata count all of them."""
    unread = (*source.unread, "A piece of a stack is written without its metadata.")
    gaps = source.gaps.from_frame(frames.start)
    return Source(source.path, unread, doubts=source.doubts, gaps=gaps)


def stack_info(
    frames: int, shape: tuple[int, int, int], dtype: SampleType, source: Source, *, is_colour: bool
) -> ClipInfo:
    """Describe frames of (height, width, channels) samples, all bits of which count."""
    height, width, channels = shape
    bits = 8 * np.dtype(dtype).itemsize
    size = (frames, height, width, channels)
    return ClipInfo(*size, is_colour, bits, dtype, white(dtype), source=source)


def sample_type(dtype: np.dtype[Any], name: object) -> SampleType:
    """Name the type in which samples of `dtype` are kept.

    Raises:
        InputError: the type is none that F2R can hold without loss of meaning.
    """
    if dtype.kind == "f" and dtype.itemsize <= 8:
        return "float32"
    if dtype == np.uint8:
        return "uint8"
    if dtype.kind in "ui" and dtype.itemsize == 2:
        return "uint16" if dtype.kind == "u" else "int16"
    if dtype.kind == "u" and dtype.itemsize == 4:
        return "uint32"
    raise InputError(
        f"{name}: samples of type {dtype.name} are not supported: convert them to uint8, uint16, "
        "int16, uint32 or float32"
    )


def white(dtype: SampleType) -> float:
    """Return the nominal white of a sample type in its own units."""
    return 1.0 if dtype in COUNTED else float(np.iinfo(dtype).max)


def written_scale(info: ClipInfo, dtype: SampleType) -> float:
    """Return white in the units of an output with samples of type `dtype`."""
    return info.scale if dtype == info.dtype and dtype in COUNTED else white(dtype)


def to_nominal(samples: NDArray[Any], scale: float) -> Frame:
    """Convert file samples to nominal float32; overflow becomes infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        nominal = samples.astype(np.float32)
    if scale != 1:
        nominal /= np.float32(scale)
    return nominal


def to_samples(frame: Frame, dtype: SampleType, scale: float) -> NDArray[Any]:
    """Convert nominal values to file samples; integers are rounded and clipped, floats are not."""
    if dtype == "float32":
        kept = frame.astype(np.float32, copy=False)
        return kept if scale == 1 else kept * np.float32(scale)
    limits = np.iinfo(dtype)
    exact = np.float64 if dtype == "uint32" else np.float32
    levels = np.rint(frame * exact(scale)).clip(limits.min, limits.max)
    samples: NDArray[Any] = levels.astype(dtype)
    return samples


def check_frame_count(frames: int, name: object) -> None:
    """Refuse a stack without frames, or with implausibly many."""
    if frames < 1:
        raise InputError(f"{name}: has no frames")
    if frames > MAX_FRAMES:
        raise InputError(
            f"{name}: has {frames} frames, more than F2R accepts ({MAX_FRAMES}): split it"
        )


def check_frame_size(height: int, width: int, name: object) -> None:
    """Refuse an empty or implausibly large frame."""
    if height < 1 or width < 1:
        raise InputError(f"{name}: frames of {width}x{height} pixels hold nothing to denoise")
    if height * width > MAX_PIXELS:
        raise InputError(
            f"{name}: frames of {width}x{height} pixels are more than F2R accepts "
            f"({MAX_PIXELS} pixels): crop or scale the clip first"
        )
