"""Sample of a long clip: frames and regions within bounded memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from f2r.errors import UnevenError
from f2r.io.clip import ClipInfo, Frame, FrameReader
from f2r.method.planes import MULTIPLE, SMALLEST_SIDE

BYTES_PER_PIXEL = 2 * 12 + 12 + 4 * 3 * 2 + 4 * 6 * 2 + 12
"""Prepared frame: noisy, denoised and level in float32, four float16 flows and warped
neighbours, an anchor."""

STRETCH_FRAMES = 9
"""Consecutive frames of one stretch; enough for complete windows."""

MOST_REGION_PIXELS = 2**20
"""Largest region in pixels; judging works on whole regions."""

SMALLEST_REGION = 256
"""Least side of a region, unless the frame is smaller."""


class Region(NamedTuple):
    """Part of a frame in pixels."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, frame: Frame) -> Frame:
        """Copy the region of an (H, W, C) frame."""
        part: Frame = frame[self.top : self.top + self.height, self.left : self.left + self.width]
        return part if part.shape == frame.shape else part.copy()


class Choice(NamedTuple):
    """What is read of the frames of a stretch."""

    region: Region
    """The part that is read."""
    judged: Region
    """The part of it that is prepared, in rows and columns of the whole frame."""


Choose: TypeAlias = Callable[[Sequence[Frame]], Choice]
"""Chooses what is read of a stretch by its first whole frames, (H, W, C) each."""

LOOKED_AT = 2
"""Whole frames that a region is chosen by."""


def colour_frames_worth(info: ClipInfo) -> float:
    """Give the cost of a frame in colour frames: 4/3 for raw, one per channel for grey."""
    if info.mosaic is not None:
        return 4 / 3
    return 1 if info.is_colour else info.channels


def without_padding(info: ClipInfo) -> tuple[int, int]:
    """Give the rows and columns of a frame that need no padding, if it is large enough.

    Padding repeats noise, which training would learn to keep.
    """
    sides = (info.height, info.width)
    height, width = (s // MULTIPLE * MULTIPLE if s >= SMALLEST_SIDE else s for s in sides)
    return height, width


def region_size(info: ClipInfo, gib: float, frames: int) -> tuple[int, int]:
    """Choose rows and columns of each frame such that `frames` prepared ones fit into `gib` GiB."""
    whole = without_padding(info)
    pixels = min(
        gib * 2**30 / (BYTES_PER_PIXEL * colour_frames_worth(info) * frames), MOST_REGION_PIXELS
    )
    return shrunk(whole, pixels)


def shrunk(whole: tuple[int, int], pixels: float) -> tuple[int, int]:
    """Shrink rows and columns alike to `pixels`; a side keeps `SMALLEST_REGION` if it has it."""
    shrink = min((pixels / (whole[0] * whole[1])) ** 0.5, 1.0)
    if shrink == 1.0:
        return whole
    height, width = (
        min(max(int(side * shrink) // MULTIPLE * MULTIPLE, SMALLEST_REGION), side) for side in whole
    )
    return height, width


def spread_regions(info: ClipInfo, size: tuple[int, int], count: int) -> list[Region]:
    """Place `count` regions evenly over the frame; the first is central.

    Source: Roberts 2018, the R2 low-discrepancy sequence.
    """
    height, width = size
    return [
        Region(
            int((0.5 + k * 0.7548777) % 1 * (info.height - height)) // 2 * 2,
            int((0.5 + k * 0.5698403) % 1 * (info.width - width)) // 2 * 2,
            height,
            width,
        )
        for k in range(count)
    ]


def choose_stretches(frames: int, limit: int) -> list[range]:
    """Choose which frames to train on.

    Args:
        frames: length of the clip; > 0.
        limit: the most frames that fit in memory; >= 1.

    Returns:
        Stretches of consecutive frames in order: the whole clip if it fits, otherwise evenly
        spread runs.
    """
    if frames <= limit:
        return [range(frames)]
    run = limit if limit < 2 * STRETCH_FRAMES else STRETCH_FRAMES
    count = max(limit // run, 1)
    gap = (frames - run) / max(count - 1, 1)
    starts = [round(i * gap) for i in range(count)]
    return [range(start, start + run) for start in starts]


def frames_within(info: ClipInfo, size: tuple[int, int], gib: float) -> int:
    """Give the number of prepared frames of `size` in `gib` GiB; at least a window of five."""
    return max(int(gib * 2**30 / frame_bytes(info, size)), 5)


def frame_bytes(info: ClipInfo, size: tuple[int, int]) -> int:
    """Give the bytes of a prepared frame of `size` rows and columns."""
    return int(size[0] * size[1] * BYTES_PER_PIXEL * colour_frames_worth(info))


class Stretch(NamedTuple):
    """Consecutive frames of a clip, cut to a region."""

    frames: list[Frame]
    """The region of each frame, (H, W, C)."""
    choice: Choice
    """Where it lies."""
    first: list[Frame]
    """The first `LOOKED_AT` frames as a whole."""


def read_stretches(
    reader: FrameReader, stretches: Sequence[range], regions: Sequence[Region]
) -> list[list[Frame]]:
    """Read the region of each stretch; frames between them are skipped where the file allows."""
    return [stretch.frames for stretch in read_chosen(reader, stretches, given(regions))]


def given(regions: Sequence[Region]) -> list[Choose]:
    """Choose regions that are known before a frame is read; all of each is prepared."""
    return [partial(_choose, Choice(region, region)) for region in regions]


def _choose(choice: Choice, _: Sequence[Frame]) -> Choice:
    return choice


def read_chosen(
    reader: FrameReader, stretches: Sequence[range], choices: Sequence[Choose]
) -> list[Stretch]:
    """Read stretches, each cut to the region that is chosen by a look at its first frames."""
    try:
        frames = _hop(reader, stretches)
        taken = [_cut(frames, *pair) for pair in zip(stretches, choices, strict=True)]
    except UnevenError:
        every = enumerate(reader)
        taken = [_cut(every, *pair) for pair in zip(stretches, choices, strict=True)]
    return [stretch for stretch in taken if stretch.frames]


def _hop(reader: FrameReader, stretches: Sequence[range]) -> Iterator[tuple[int, Frame]]:
    """Yield the numbered frames of all stretches, and others that decoding passes anyway."""
    frames, place = iter(reader), 0
    for stretch in stretches:
        if reader.entry_before(stretch.start) > place:
            frames, place = reader.starting_at(stretch.start), stretch.start
        yield from enumerate(islice(frames, stretch.stop - place), start=place)
        place = stretch.stop


def _cut(frames: Iterable[tuple[int, Frame]], stretch: range, choose: Choose) -> Stretch:
    """Take the chosen region of the frames of a stretch; reading stops at its last."""
    within = (frame for number, frame in _up_to(frames, stretch[-1]) if number in stretch)
    first = list(islice(within, LOOKED_AT))
    if not first:
        nothing = Region(0, 0, 0, 0)
        return Stretch([], Choice(nothing, nothing), [])
    choice = choose(first)
    return Stretch([choice.region.cut(frame) for frame in chain(first, within)], choice, first)


def _up_to(frames: Iterable[tuple[int, Frame]], last: int) -> Iterator[tuple[int, Frame]]:
    for number, frame in frames:
        yield number, frame
        if number >= last:
            break
