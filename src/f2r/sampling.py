"""Read the part of a clip that noise and quality are measured on, and that is trained on."""

from dataclasses import dataclass, replace

from torch import Tensor

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.infer.planes import PlaneLayout, layout_of
from f2r.io.clip import FrameReader
from f2r.train.sample import (
    RUN,
    choose_stretches,
    frames_within,
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


@dataclass
class Sample:
    """Stretches of consecutive frames, or of the same part of them."""

    layout: PlaneLayout
    """How what was taken of a frame is cut into planes."""
    stretches: list[list[list[Tensor]]]
    """Per stretch, frame and plane: (3, H', W') nominal."""
    frames: int
    """Frames in all stretches."""


def sample_gib(config: DenoiseConfig) -> float:
    """Say how much memory the prepared sample may take, in GiB."""
    return config.sample_gib if config.trains else min(config.sample_gib, LOOK_GIB)


def take_sample(reader: FrameReader, config: DenoiseConfig) -> Sample:
    """Read the sample of a clip in one pass.

    Raises:
        InputError: the clip has no frames.
    """
    info, gib = reader.info, sample_gib(config)
    wanted = VARIETY if config.trains else LOOK
    size = region_size(info, gib, min(info.frames or wanted, wanted))
    limit = frames_within(info, size, gib)
    limit = limit if config.trains else min(limit, LOOK)
    stretches = choose_stretches(info.frames or limit, limit)
    read = read_stretches(reader, stretches, spread_regions(info, size, len(stretches)))
    if not read:
        raise InputError("the clip has no frames")
    layout = layout_of(replace(info, height=size[0], width=size[1]))
    planes = [[layout.split(frame) for frame in stretch] for stretch in read]
    return Sample(layout, planes, sum(len(stretch) for stretch in read))
