"""The sample of a clip, for measurements and training."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Frame, FrameReader
from f2r.method.planes import PlaneLayout, layout_of
from f2r.run.typical_region import surrounding, typical_region
from f2r.train.sample import (
    BYTES_PER_PIXEL,
    STRETCH_FRAMES,
    Choice,
    Choose,
    Region,
    Stretch,
    choose_stretches,
    colour_frames_worth,
    frames_within,
    given,
    read_chosen,
    region_size,
    shrunk,
    spread_regions,
    without_padding,
)

JUDGED_FRAMES = 18
"""Frames that the noise is measured on when nothing is trained."""

SHORT_FRAMES = 12
"""The same of a clip of less than twice as many frames."""

JUDGED_GIB = 0.75
"""Memory for them in GiB; larger frames are cropped."""

QUALITY_FRAMES = 7
"""Frames in the middle of each stretch that quality is measured on when nothing is trained: three
complete windows."""

QUALITY_SHARE = 0.2
"""Largest share of the pixels of a clip that quality is measured on then."""

QUALITY_PIXELS = 2**18
"""Pixels of a frame that quality is measured on at least."""

TRAINING_FRAMES = 4 * STRETCH_FRAMES
"""Least number of frames to train on, if the clip has them; large frames are cropped."""


WHOLE_PIXELS = 2**20
"""Of frames with more pixels one is judged as a whole, of smaller ones two."""

MOST_WHOLE_PIXELS = 2**22
"""Frames with more pixels are not judged as a whole: that takes 100 bytes a pixel."""

JUDGING_BYTES = 1300
"""Bytes per pixel that both stages take when they judge a frame of the sample as a whole."""


@dataclass(frozen=True)
class WholePlanes:
    """Whole frames of a stretch."""

    planes: list[list[Tensor]]
    """Per frame and plane: (C, H, W) nominal, without padding."""
    part: Region
    """The part that is prepared."""


@dataclass
class Sample:
    """Stretches of consecutive frames, or of the same part of them."""

    layout: PlaneLayout
    """How the region of a frame is cut into planes."""
    stretches: list[list[list[Tensor]]]
    """Per stretch, frame and plane: (C, H', W') nominal."""
    frames: int
    """Frames in all stretches."""
    judged: list[Region]
    """Per stretch: the part of its planes that is prepared."""
    run: int
    """Frames in the middle of each stretch that are prepared, at most."""
    wholes: list[WholePlanes]
    """Per stretch: some whole frames, where only a part of them is prepared."""


def _gib(config: DenoiseConfig) -> float:
    return config.sample_gib if config.trains else min(config.sample_gib, JUDGED_GIB)


def prepared_size(info: ClipInfo, config: DenoiseConfig) -> tuple[int, int]:
    """Give the frames that are prepared and the pixels of each."""
    size = _region(info, config)
    stretches = _stretches(info, size, config)
    frames = _prepared_frames(stretches, config)
    return frames, math.prod(_judged_size(info, size, frames, config))


def sample_bytes(info: ClipInfo, config: DenoiseConfig) -> float:
    """Give the memory of the sample while it is judged, in bytes."""
    size = _region(info, config)
    frames = sum(map(len, _stretches(info, size, config)))
    bytes_per_pixel = BYTES_PER_PIXEL * frames + JUDGING_BYTES
    return int(math.prod(size) * colour_frames_worth(info) * bytes_per_pixel)


def _stretches(info: ClipInfo, size: tuple[int, int], config: DenoiseConfig) -> list[range]:
    """Choose the frames of the sample; all that fit where the length of the clip is unknown."""
    limit = _most_frames(info, size, config)
    return choose_stretches(info.frames or limit, limit)


def _run(config: DenoiseConfig) -> int:
    """Give the frames in the middle of each stretch that are prepared, at most."""
    return sys.maxsize if config.trains else QUALITY_FRAMES


def _region(info: ClipInfo, config: DenoiseConfig) -> tuple[int, int]:
    return region_size(info, _gib(config), TRAINING_FRAMES if config.trains else JUDGED_FRAMES)


def _most_frames(info: ClipInfo, size: tuple[int, int], config: DenoiseConfig) -> int:
    limit = frames_within(info, size, _gib(config))
    if config.trains:
        return limit
    is_short = info.frames is not None and info.frames < 2 * JUDGED_FRAMES
    return min(limit, SHORT_FRAMES if is_short else JUDGED_FRAMES)


def _judged_size(
    info: ClipInfo, size: tuple[int, int], frames: int, config: DenoiseConfig
) -> tuple[int, int]:
    """Choose rows and columns of the part of the sample's frames that is prepared.

    Args:
        info: the clip.
        size: rows and columns of the sample.
        frames: frames that are prepared.
        config: options of the run.
    """
    if config.trains or info.frames is None:
        return size
    pixels = QUALITY_SHARE * info.frames * info.height * info.width / frames
    return shrunk(size, max(pixels, QUALITY_PIXELS))


def take_sample(reader: FrameReader, config: DenoiseConfig) -> Sample:
    """Read the sample of a clip in one pass.

    Raises:
        InputError: the clip has no frames.
    """
    info, size = reader.info, _region(reader.info, config)
    stretches = _stretches(info, size, config)
    judged = _judged_size(info, size, _prepared_frames(stretches, config), config)
    choices: list[Choose] = [partial(_typical, judged, size)] * len(stretches)
    if config.trains:
        choices = given(spread_regions(info, size, len(stretches)))
    read = read_chosen(reader, stretches, choices)
    if not read:
        raise InputError("the clip has no frames")
    layout = layout_of(replace(info, height=size[0], width=size[1]))
    planes = [[layout.split(frame) for frame in stretch.frames] for stretch in read]
    return Sample(
        layout,
        planes,
        sum(len(stretch.frames) for stretch in read),
        [in_planes(_relative(stretch.choice), layout) for stretch in read],
        _run(config),
        [_wholes(info, stretch, len(read)) for stretch in read],
    )


def _prepared_frames(stretches: Sequence[range], config: DenoiseConfig) -> int:
    return sum(min(len(stretch), _run(config)) for stretch in stretches)


def _typical(judged: tuple[int, int], size: tuple[int, int], first: Sequence[Frame]) -> Choice:
    """Choose the part that is like the whole frame, and `size` rows and columns around it."""
    height, width = first[0].shape[:2]
    part = typical_region(first, judged)
    return Choice(surrounding(part, size, (height, width)), part)


def _relative(choice: Choice) -> Region:
    """Give the judged part in rows and columns of the part that is read."""
    region, judged = choice
    return judged._replace(top=judged.top - region.top, left=judged.left - region.left)


def in_planes(region: Region, layout: PlaneLayout) -> Region:
    """Follow the flips of a layout."""
    top = layout.height - region.top - region.height if 1 in layout.flips else region.top
    left = layout.width - region.left - region.width if 2 in layout.flips else region.left
    return region._replace(top=top, left=left)


def _wholes(info: ClipInfo, stretch: Stretch, stretches: int) -> WholePlanes:
    """Take some whole frames of a stretch; none where all of a frame is prepared."""
    part, (height, width) = stretch.choice.judged, without_padding(info)
    count = 1 if stretches > 1 or height * width > WHOLE_PIXELS else 2
    if part.height * part.width >= height * width or height * width > MOST_WHOLE_PIXELS:
        count = 0
    layout = layout_of(replace(info, height=height, width=width))
    frames = [frame[:height, :width] for frame in stretch.first[:count]]
    return WholePlanes([layout.split(frame) for frame in frames], in_planes(part, layout))
