"""Raw clips as packed frames: between files of mosaics and the four channels that F2R works on."""

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Closing, Frame, FrameReader, FrameWriter, Samples, white
from f2r.io.raw.mosaic import Mosaic


class MosaicReader(Closing):
    """Packs the frames of a clip that holds one mosaic a frame.

    Args:
        inner: reads the mosaics as grey frames.
        mosaic: pattern and levels.

    Raises:
        InputError: the clip is no mosaic.
    """

    def __init__(self, inner: FrameReader, mosaic: Mosaic) -> None:
        found = inner.info
        name = found.source.path if found.source and found.source.path else "clip"
        if found.channels != 1:
            raise InputError(
                f"{name}: has {found.channels} channels, raw frames have one: leave --pattern away"
            )
        if found.height % 2 or found.width % 2:
            raise InputError(
                f"{name}: frames of {found.width}x{found.height} do not hold whole 2x2 cells of a "
                "mosaic: crop them to even sides"
            )
        self._inner, self._mosaic = inner, mosaic
        self.info = raw_info(found, mosaic)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        scale = np.float32(self._inner.info.scale)
        for frame in self._inner.starting_at(start):
            yield self._mosaic.to_nominal(frame[..., 0] * scale)

    def entry_before(self, start: int) -> int:
        """Give the frame at which decoding must begin to reach frame `start`."""
        return self._inner.entry_before(start)

    def close(self) -> None:
        """Close the file."""
        self._inner.close()


def raw_info(mosaics: ClipInfo, mosaic: Mosaic) -> ClipInfo:
    """Describe packed frames, when `mosaics` describes the grey frames that they come from."""
    return replace(
        mosaics,
        height=mosaics.height // 2,
        width=mosaics.width // 2,
        channels=4,
        is_colour=False,
        mosaic=mosaic,
    )


def mosaic_info(info: ClipInfo) -> ClipInfo:
    """Describe the grey frames that packed frames are written as."""
    return replace(
        info,
        height=2 * info.height,
        width=2 * info.width,
        channels=1,
        scale=white(info.dtype),
        mosaic=None,
    )


class MosaicWriter:
    """Puts packed frames back into mosaics, in the units of the file.

    Args:
        inner: writes grey frames as `mosaic_info` describes them.
        info: the packed clip.
    """

    def __init__(self, inner: FrameWriter, info: ClipInfo) -> None:
        assert info.mosaic is not None
        self._inner, self._mosaic = inner, info.mosaic
        self._scale = np.float32(white(info.dtype))

    @property
    def losses(self) -> tuple[str, ...]:
        """Properties that the output cannot keep, one sentence each."""
        return self._inner.losses

    def write(self, frame: Frame) -> None:
        """Append one (H/2, W/2, 4) float32 frame in nominal units."""
        self.put(self.pack(frame))

    def pack(self, frame: Frame) -> Samples:
        """Convert a frame to the samples of the file, without writing."""
        return self._inner.pack((self._mosaic.to_samples(frame) / self._scale)[..., None])

    def put(self, samples: Samples) -> None:
        """Append a packed frame."""
        self._inner.put(samples)

    def close(self) -> None:
        """Finish the file and move it into place."""
        self._inner.close()

    def abort(self) -> None:
        """Remove what was written."""
        self._inner.abort()

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inner.__exit__(kind, error, trace)
