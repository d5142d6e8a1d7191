"""The sample of a clip, for measurements and training."""

from dataclasses import dataclass, replace

from torch import Tensor

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.clip import ClipInfo, FrameReader
from f2r.method.planes import PlaneLayout, layout_of
from f2r.train.sample import (
    BYTES_PER_PIXEL,
    STRETCH_FRAMES,
    choose_stretches,
    colour_frames_worth,
    frames_within,
    read_stretches,
    region_size,
    spread_regions,
)

JUDGED_FRAMES = 18
"""Frames that are prepared to measure noise and quality when nothing is trained."""

JUDGED_GIB = 0.75
"""Memory for them in GiB; larger frames are cropped."""

TRAINING_FRAMES = 4 * STRETCH_FRAMES
"""Least number of frames to train on, if the clip has them; large frames are cropped."""


JUDGING_BYTES = 1300
"""Bytes per pixel that both stages take when they judge a frame of the sample as a whole."""


@dataclass
class Sample:
    """Stretches of consecutive frames, or of the same part of them."""

    layout: PlaneLayout
    """How the region of a frame is cut into planes."""
    stretches: list[list[list[Tensor]]]
    """Per stretch, frame and plane: (C, H', W') nominal."""
    frames: int
    """Frames in all stretches."""


def _gib(config: DenoiseConfig) -> float:
    return config.sample_gib if config.trains else min(config.sample_gib, JUDGED_GIB)


def sample_size(info: ClipInfo, config: DenoiseConfig) -> tuple[int, int]:
    """Give the frames of the sample, at most, and the pixels of each."""
    size = _region(info, config)
    most = _most_frames(info, size, config)
    return most if info.frames is None else min(info.frames, most), size[0] * size[1]


def sample_bytes(info: ClipInfo, config: DenoiseConfig) -> float:
    """Give the memory of the sample while it is judged, in bytes."""
    frames, pixels = sample_size(info, config)
    return int(pixels * colour_frames_worth(info) * (BYTES_PER_PIXEL * frames + JUDGING_BYTES))


def _region(info: ClipInfo, config: DenoiseConfig) -> tuple[int, int]:
    return region_size(info, _gib(config), TRAINING_FRAMES if config.trains else JUDGED_FRAMES)


def _most_frames(info: ClipInfo, size: tuple[int, int], config: DenoiseConfig) -> int:
    limit = frames_within(info, size, _gib(config))
    return limit if config.trains else min(limit, JUDGED_FRAMES)


def take_sample(reader: FrameReader, config: DenoiseConfig) -> Sample:
    """Read the sample of a clip in one pass.

    Raises:
        InputError: the clip has no frames.
    """
    info, size = reader.info, _region(reader.info, config)
    limit = _most_frames(info, size, config)
    stretches = choose_stretches(info.frames or limit, limit)
    read = read_stretches(reader, stretches, spread_regions(info, size, len(stretches)))
    if not read:
        raise InputError("the clip has no frames")
    layout = layout_of(replace(info, height=size[0], width=size[1]))
    planes = [[layout.split(frame) for frame in stretch] for stretch in read]
    return Sample(layout, planes, sum(len(stretch) for stretch in read))
