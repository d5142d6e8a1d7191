"""Repair a sensor's defects while a clip is read: hot pixels and fixed pattern."""

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
from f2r.run.inspect import FRAMES, inspect_reader


class RepairedReader(Closing):
    """A clip whose frames are repaired as they are read.

    Args:
        reader: the clip as it is.
        hot: (C, H, W), true at pixels to be replaced; None replaces none.
        offsets: (C, H, W), what is subtracted from every frame; None subtracts nothing.
    """

    def __init__(self, reader: FrameReader, hot: Tensor | None, offsets: Tensor | None) -> None:
        self._reader, self._hot, self._offsets = reader, hot, offsets
        self.info = reader.info

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read and repair the frames from `start` on."""
        for frame in self._reader.starting_at(start):
            image = _to_tensor(frame)
            if self._offsets is not None:
                image = image - self._offsets
            if self._hot is not None:
                image = replace_hot_pixels(image[None], self._hot)[0]
            repaired: Frame = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
            yield repaired

    def entry_before(self, start: int) -> int:
        """Give the frame that decoding has to begin with to reach frame `start`."""
        return self._reader.entry_before(start)

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()


@dataclass(frozen=True)
class Repair:
    """What is repaired while a clip is read."""

    hot_pixels: int
    """Pixels that are replaced."""
    fixed_pattern: float
    """Standard deviation of the offsets that are subtracted, nominal units."""


def repaired(reader: FrameReader, config: DenoiseConfig) -> tuple[FrameReader, Repair | None]:
    """Wrap a clip in the repairs that a user asked for; without any it comes back as it is.

    Args:
        reader: the clip; its first frames are read to find the defects.
        config: says what to remove.
    """
    hot = _find_hot(reader) if config.hot_pixels == "remove" else None
    offsets = _find_offsets(reader) if config.fixed_pattern == "remove" else None
    if hot is None and offsets is None:
        return reader, None
    found = Repair(
        0 if hot is None else int(hot.any(0).sum()),
        0.0 if offsets is None else float(offsets.std()),
    )
    return RepairedReader(reader, hot, offsets), found


def _find_hot(reader: FrameReader) -> Tensor:
    frames = torch.stack([_to_tensor(frame) for frame in islice(reader, FRAMES)])
    return find_hot_pixels(frames, estimate_sigma(frames))


def _find_offsets(reader: FrameReader) -> Tensor:
    parts = []
    for plane in inspect_reader(reader, side=max(reader.info.height, reader.info.width)):
        pattern, hot = plane.diagnosis.pattern, plane.diagnosis.hot
        parts.append(torch.zeros(hot.shape) if pattern is None else pattern.offsets / plane.scale)
    return torch.cat(parts)


def _to_tensor(frame: Frame) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)
