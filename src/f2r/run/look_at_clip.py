"""Read a sample of the clip, estimate the noise of each plane, prepare the sample."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from f2r.io.clip import FrameReader
from f2r.method.networks import Networks
from f2r.method.planes import PlaneLayout
from f2r.method.prepared_clip import PreparedClip, prepare_clip
from f2r.method.speed import EVERY_STEP, Steps, measure_speed, seconds_of_draft
from f2r.method.storage import Keep, choose_keep
from f2r.models.draft import DraftDenoiser
from f2r.quality.sample_tiles import typical_targets
from f2r.quality.whole_frames import WholeFrames
from f2r.run.look import PlaneLook, look_at_plane
from f2r.run.sampling import Sample, WholePlanes, take_sample
from f2r.run.setup import Setup
from f2r.system.progress import StageClock
from f2r.train.sample import Region

TIMED_FRAMES = 5
"""Frames that are prepared where only the time of a frame is measured: a window of stage 1."""


@dataclass(frozen=True)
class FirstLook:
    """The sample of a clip and the noise of its planes."""

    frames: int
    """Frames of the clip; those of the sample if the length is unknown."""
    sample: Sample
    """The sample."""
    looks: Sequence[PlaneLook]
    """One per plane."""
    seconds_to_read: float
    """Time to read a frame."""


@dataclass(frozen=True)
class Looked(FirstLook):
    """The prepared sample of a clip and its measurements; its stretches were taken out."""

    clips: Sequence[Sequence[PreparedClip]]
    """Per plane: its prepared stretches."""
    wholes: Sequence[Sequence[WholeFrames]]
    """Per plane: whole frames of the stretches of which only a part was prepared."""
    speed: Steps
    """Measured seconds per pixel of a frame, all planes together."""
    seconds_per_frame: float
    """Time of inference, measured on one frame of the sample."""


def first_look(reader: FrameReader, setup: Setup, clock: StageClock) -> FirstLook:
    """Read a sample of the clip and estimate the noise of each plane."""
    with clock.stage("read sample"):
        sample = take_sample(reader, setup.config)
    with clock.stage("estimate noise"):
        looks = [look_at_plane(seen, setup) for seen in first_stretch(sample, setup)]
    to_read = clock.seconds["read sample"] / sample.frames
    return FirstLook(setup.info.frames or sample.frames, sample, looks, to_read)


def look(
    reader: FrameReader,
    networks: Networks,
    setup: Setup,
    clock: StageClock,
    checkpoints: Path | None = None,
) -> Looked:
    """Read a sample of the clip, estimate the noise of each plane, prepare the sample."""
    first = first_look(reader, setup, clock)
    keep = choose_keep(checkpoints, setup.device)
    with clock.stage("prior and flow"):
        clips, wholes = _prepare(first, networks, setup, clock, keep)
    if not setup.config.trains:
        clips = [[_aimed(clip, first.frames) for clip in of_plane] for of_plane in clips]
    prepared = sum(len(clip.frames) for of_plane in clips for clip in of_plane)
    speed = _speed(clips, networks, clock.seconds["prior and flow"] / max(prepared, 1))
    per_frame = round(speed.seconds(EVERY_STEP.times(math.prod(setup.layout.padded))), 4)
    seen = first.frames, first.sample, first.looks, first.seconds_to_read
    return Looked(*seen, clips, wholes, speed, per_frame)


def _prepare(
    first: FirstLook,
    networks: Networks,
    setup: Setup,
    clock: StageClock,
    keep: Keep,
) -> tuple[list[list[PreparedClip]], list[list[WholeFrames]]]:
    """Apply prior and flow to the stretches of each plane; give some of their whole frames, too."""
    sample, looks = first.sample, first.looks
    clips: list[list[PreparedClip]] = [[] for _ in looks]
    wholes: list[list[WholeFrames]] = [[] for _ in looks]
    preprocessors = [setup.preprocessor(networks.prior, one.clipped_noise) for one in looks]
    total = len(looks) * sum(min(len(stretch), sample.run) for stretch in sample.stretches)
    done = 0
    for k, stretch, whole in _planes_of_stretches(sample, looks):

        def count(number: int, before: int = done) -> None:
            clock.tell("prior and flow", (before + number) / total)

        grey, radius = setup.layout.is_grey(k), networks.temporal.radius
        wholes[k] += [whole] if whole else []
        clips[k].append(
            prepare_clip(stretch, preprocessors[k], grey, count, keep=keep, radius=radius)
        )
        done += len(stretch)
    return clips, wholes


def _aimed(clip: PreparedClip, frames: int) -> PreparedClip:
    """Restrict anchors to typical frames of a clip of `frames` frames."""
    return replace(clip, aims=typical_targets(clip, frames))


def first_stretch(sample: Sample, setup: Setup) -> Iterator[list[Tensor]]:
    """Give per plane the frames of the first stretch, without padding and repeated channels."""
    height, width = sample.layout.height, sample.layout.width
    for k in range(len(setup.layout.groups)):
        channels = slice(1 if sample.layout.is_grey(k) else None)
        yield [planes[k][channels, :height, :width] for planes in sample.stretches[0]]


def _planes_of_stretches(
    sample: Sample, looks: Sequence[PlaneLook]
) -> Iterator[tuple[int, list[Tensor], WholeFrames | None]]:
    """Yield the frames of each plane of each stretch that are prepared, and free the stretch.

    Some whole frames come with them where only a part is prepared.

    Where errors cannot be estimated, one window is prepared, to measure the time of a frame.
    """
    for n, region in enumerate(sample.judged):
        stretch, is_first = sample.stretches.pop(0), n == 0
        for k, look in enumerate(looks):
            if look.is_noise_free or not (look.is_measurable or is_first):
                continue
            frames = _middle(stretch, sample.run if look.is_measurable else TIMED_FRAMES)
            parts = [look.scale * _cut(planes[k], region, sample.layout) for planes in frames]
            yield k, parts, _whole_frames(sample.wholes[n], k, sample.layout.is_grey(k), look)


def _whole_frames(whole: WholePlanes, k: int, is_grey: bool, look: PlaneLook) -> WholeFrames | None:
    """Give the whole frames of a plane; None where there are none, or nothing is judged."""
    if not (whole.planes and look.is_measurable):
        return None
    part, chosen = whole.part, [look.scale * planes[k] for planes in whole.planes]
    rows = slice(part.top, part.top + part.height)
    columns = slice(part.left, part.left + part.width)
    return WholeFrames(chosen, (rows, columns), 1 if is_grey else len(chosen[0]))


def _middle(stretch: list[list[Tensor]], most: int) -> list[list[Tensor]]:
    first = max(len(stretch) - most, 0) // 2
    return stretch[first : first + most]


def _cut(plane: Tensor, region: Region, layout: PlaneLayout) -> Tensor:
    """Cut a region out of a plane, (C, H, W); sides as large as those of the plane keep padding."""
    rows = slice(region.top, region.top + region.height)
    columns = slice(region.left, region.left + region.width)
    all_rows, all_columns = region.height == layout.height, region.width == layout.width
    return plane[:, slice(None) if all_rows else rows, slice(None) if all_columns else columns]


def _speed(clips: Sequence[Sequence[PreparedClip]], networks: Networks, prepared: float) -> Steps:
    """Measure every step on one frame of each plane of the sample.

    Args:
        clips: per plane, its prepared stretches.
        networks: the networks of the run.
        prepared: seconds of prior and flow for a frame of a plane.
    """
    firsts = (of_plane[0] for of_plane in clips if of_plane)
    return sum((measure_speed(networks, clip, prepared) for clip in firsts), Steps())


def seconds_per_draft(network: DraftDenoiser, setup: Setup, first: FirstLook) -> float:
    """Measure the draft of one frame of the sample and scale it to whole frames."""
    planes, of_sample = first.sample.stretches[0][0], first.sample.layout.padded
    seconds = sum(
        seconds_of_draft(network, look.clipped_noise, look.scale * plane)
        for plane, look in zip(planes, first.looks, strict=True)
        if not look.is_noise_free
    )
    return round(seconds * math.prod(setup.layout.padded) / math.prod(of_sample), 4)
