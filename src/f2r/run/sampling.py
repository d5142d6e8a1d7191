"""Read the part of a clip that noise and quality are measured on, and that is trained on."""

from dataclasses import dataclass, replace

from torch import Tensor

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.clip import ClipInfo, FrameReader
from f2r.method.planes import PlaneLayout, layout_of
from f2r.train.sample import (
    BYTES_PER_PIXEL,
    RUN,
    choose_stretches,
    frames_within,
    planes_of,
    read_stretches,
    region_size,
    spread_regions,
)

LOOK = 18
"""Frames that are prepared to measure noise and quality when nothing is trained."""

LOOK_GIB = 0.75
"""Memory for them; of larger frames a part is looked at."""

VARIETY = 4 * RUN
"""Frames to train on, at least, of a clip that has them; of large frames a part is taken."""


JUDGING = 1300
"""Bytes per pixel that both stages take when they judge a frame of the sample as a whole."""


@dataclass
class Sample:
    """Stretches of consecutive frames, or of the same part of them."""

    layout: PlaneLayout
    """How what was taken of a frame is cut into planes."""
    stretches: list[list[list[Tensor]]]
    """Per stretch, frame and plane: (C, H', W') nominal."""
    frames: int
    """Frames in all stretches."""


def _gib(config: DenoiseConfig) -> float:
    return config.sample_gib if config.trains else min(config.sample_gib, LOOK_GIB)


def sample_bytes(info: ClipInfo, config: DenoiseConfig) -> float:
    """Say how much memory the sample takes while it is judged."""
    size = _region(info, config)
    frames = _most_frames(info, size, config)
    frames = frames if info.frames is None else min(info.frames, frames)
    return int(size[0] * size[1] * planes_of(info) * (BYTES_PER_PIXEL * frames + JUDGING))


def _region(info: ClipInfo, config: DenoiseConfig) -> tuple[int, int]:
    return region_size(info, _gib(config), VARIETY if config.trains else LOOK)


def _most_frames(info: ClipInfo, size: tuple[int, int], config: DenoiseConfig) -> int:
    limit = frames_within(info, size, _gib(config))
    return limit if config.trains else min(limit, LOOK)


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
