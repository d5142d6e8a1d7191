"""Repair of hot pixels and fixed pattern while a clip is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from f2r.config import DenoiseConfig
from f2r.io.clip import Closing, Frame, FrameReader
from f2r.noise.estimate import estimate_sigma
from f2r.noise.hot_pixels import find_hot_pixels, replace_hot_pixels
from f2r.run.inspect import INSPECTED, inspect_reader


@dataclass(frozen=True)
class Repair:
    """Repairs while a clip is read."""

    hot_pixels: int
    """Pixels that are replaced."""
    fixed_pattern: float
    """Standard deviation of the offsets that are subtracted, nominal units."""


@dataclass(frozen=True)
class Defects:
    """Defects of a sensor, the same in every frame."""

    hot: Tensor | None
    """(C, H, W), true at pixels to be replaced; None replaces none."""
    offsets: Tensor | None
    """(C, H, W), what is subtracted from every frame; None subtracts nothing."""

    @property
    def repair(self) -> Repair:
        """Count and measure what is repaired."""
        return Repair(
            0 if self.hot is None else int(self.hot.any(0).sum()),
            0.0 if self.offsets is None else float(self.offsets.std()),
        )

    def mend(self, frame: Frame) -> Frame:
        """Repair one (H, W, C) frame."""
        image = _to_tensor(frame)
        if self.offsets is not None:
            image = image - self.offsets
        if self.hot is not None:
            image = replace_hot_pixels(image[None], self.hot)[0]
        mended: Frame = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
        return mended


class RepairedReader(Closing):
    """A clip whose frames are repaired while they are read."""

    def __init__(self, reader: FrameReader, defects: Defects) -> None:
        self._reader, self._defects = reader, defects
        self.info = reader.info

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read and repair the frames from `start` on."""
        return map(self._defects.mend, self._reader.starting_at(start))

    def entry_before(self, start: int) -> int:
        """Give the frame at which decoding must begin to reach frame `start`."""
        return self._reader.entry_before(start)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def find_defects(reader: FrameReader, config: DenoiseConfig) -> Defects | None:
    """Find the defects that a user asked to repair; None without any.

    Args:
        reader: the clip; its first frames are read.
        config: the options of the run.
    """
    hot = _find_hot(reader) if config.hot_pixels == "remove" else None
    offsets = _find_offsets(reader) if config.fixed_pattern == "remove" else None
    return None if hot is None and offsets is None else Defects(hot, offsets)


def repaired(reader: FrameReader, config: DenoiseConfig) -> tuple[FrameReader, Repair | None]:
    """Wrap a clip in the repairs of the options; without any, return it unchanged."""
    defects = find_defects(reader, config)
    if defects is None:
        return reader, None
    return RepairedReader(reader, defects), defects.repair


def _find_hot(reader: FrameReader) -> Tensor:
    frames = torch.stack([_to_tensor(frame) for frame in islice(reader, INSPECTED)])
    return find_hot_pixels(frames, estimate_sigma(frames))


def _find_offsets(reader: FrameReader) -> Tensor:
    parts = []
    for plane in inspect_reader(reader, side=max(reader.info.height, reader.info.width)):
        pattern, hot = plane.diagnosis.pattern, plane.diagnosis.hot
        parts.append(torch.zeros(hot.shape) if pattern is None else pattern.offsets / plane.scale)
    return torch.cat(parts)


def _to_tensor(frame: Frame) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)
