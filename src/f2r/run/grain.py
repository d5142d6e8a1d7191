"""Film grain table for AV1 encoders, measured on the removed noise."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import torch

from f2r.errors import InputError
from f2r.flow.scene_cuts import SceneSummary, is_scene_cut, summarise_scene
from f2r.io.clip import ClipInfo, Frame, FrameReader
from f2r.io.video.pixels import LIMITED, Colour, PixelLayout, pack_frame
from f2r.noise.grain.fit import Grain, fit_grain
from f2r.noise.grain.measure import GrainMeasure, Plane
from f2r.noise.grain.table import TICKS, Scene

EVERY = 3
"""Step of the measured frames."""

MOST = 60
"""Frames of a scene that are measured."""

USUAL_RATE = Fraction(25)
"""Frames per second where the clip has no clock."""

DEPTH = 10
GREY, COLOUR = PixelLayout("grey", DEPTH), PixelLayout("yuv", DEPTH, (2, 2))
"""Planes that are compared: luma, and chroma at half the resolution."""


def measure_grain(noisy: FrameReader, denoised: FrameReader) -> list[Scene]:
    """Measure the grain of each scene of a clip.

    Args:
        noisy: the clip before denoising.
        denoised: the same frames after it.

    Raises:
        InputError: the clips are raw, or differ in size or length, or have other channels than
            grey or colour.
    """
    _check(noisy.info, denoised.info)
    scenes: list[Scene] = []
    measure, start, seen = GrainMeasure(), 0, 0
    last: SceneSummary | None = None
    for index, (before, after) in enumerate(_pairs(noisy, denoised)):
        scene = summarise_scene(_tensor(after))
        if last is not None and is_scene_cut(last, scene):
            scenes.append(Scene(_ticks(denoised.info, start), fit_grain(measure)))
            measure, start, seen = GrainMeasure(), index, 0
        if seen % EVERY == 0 and seen < EVERY * MOST:
            measure.add(*(_planes(frame, denoised.info) for frame in (before, after)))
        seen, last = seen + 1, scene
    return [*scenes, Scene(_ticks(denoised.info, start), fit_grain(measure))]


def describe_grain(scenes: list[Scene]) -> str:
    """Describe a table in one sentence."""
    found = [scene.grain for scene in scenes if scene.grain is not None]
    if not found:
        return "grain: nothing was removed, the table holds none"
    return f"grain: {len(found)} of {len(scenes)} scenes have some, luma {_strength(found[0])}"


def _strength(grain: Grain) -> str:
    scale = [y for _, y in grain.scaling[0]]
    return f"scaling {min(scale)} to {max(scale)} over 2^{grain.scaling_shift}"


def _check(noisy: ClipInfo, denoised: ClipInfo) -> None:
    if noisy.mosaic is not None:
        raise InputError("a raw clip has no film grain table: render it by f2r render first")
    if denoised.channels != 1 and not denoised.is_colour:
        raise InputError(f"{denoised.channels} independent channels have no film grain table")
    sizes = [(info.height, info.width, info.channels) for info in (noisy, denoised)]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"the clips differ: {noisy.width}x{noisy.height} with {noisy.channels} channels and "
            f"{denoised.width}x{denoised.height} with {denoised.channels}"
        )


def _pairs(noisy: FrameReader, denoised: FrameReader) -> Iterator[tuple[Frame, Frame]]:
    try:
        yield from zip(noisy, denoised, strict=True)
    except ValueError as error:
        raise InputError("the clips differ in length: give the same frames before and after") from (
            error
        )


def _planes(frame: Frame, info: ClipInfo) -> list[Plane]:
    """Give luma, and for colour both chroma at half the resolution, in 8-bit units."""
    # What is no YUV yet becomes so with limited range, unless an encoder is told otherwise.
    is_yuv = getattr(getattr(info.source, "layout", None), "family", "") == "yuv"
    colour: Colour = info.source.colour if is_yuv else Colour(range=LIMITED)  # type: ignore[union-attr]
    layout = GREY if info.channels == 1 else COLOUR
    packed = pack_frame(frame, layout, colour)
    return [plane.astype(np.float32) / 2 ** (DEPTH - 8) for plane in packed]


def _ticks(info: ClipInfo, frame: int) -> int:
    """Give the time of a frame after the first one."""
    timeline = getattr(info.source, "timeline", None)
    if timeline is not None and info.time_base is not None and timeline.at(frame) is not None:
        return round((timeline.at(frame) - timeline.at(0)) * info.time_base * TICKS)
    return round(frame / (info.fps or USUAL_RATE) * TICKS)


def _tensor(frame: Frame) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)
