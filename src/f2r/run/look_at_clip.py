"""Read a sample of the clip, estimate the noise of each plane, prepare the sample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from f2r.io.clip import FrameReader
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip, prepare_clip
from f2r.method.speed import seconds_of_draft, seconds_of_stages
from f2r.method.storage import choose_keep
from f2r.models.draft import DraftDenoiser
from f2r.run.look import PlaneLook, look_at_plane
from f2r.run.sampling import Sample, take_sample
from f2r.run.setup import Setup
from f2r.system.progress import StageClock


@dataclass(frozen=True)
class Looked:
    """The prepared sample of a clip and its measurements."""

    frames: int
    """Frames of the clip; those of the sample if the length is unknown."""
    sample: Sample
    """The sample, without its frames."""
    looks: Sequence[PlaneLook]
    """One per plane."""
    clips: Sequence[Sequence[PreparedClip]]
    """Per plane: its prepared stretches."""
    seconds_per_frame: float
    """Time of inference, measured on one frame of the sample."""


def look(
    reader: FrameReader,
    networks: Networks,
    setup: Setup,
    clock: StageClock,
    checkpoints: Path | None = None,
) -> Looked:
    """Read a sample of the clip, estimate the noise of each plane, prepare the sample."""
    with clock.stage("read sample"):
        sample = take_sample(reader, setup.config)
    with clock.stage("estimate noise"):
        looks = [look_at_plane(seen, setup, networks) for seen in first_stretch(sample, setup)]
    frames = setup.info.frames or sample.frames
    if networks.draft is not None:
        seconds = _seconds_of_draft(networks.draft, setup, sample, looks)
        return Looked(frames, sample, looks, [[] for _ in looks], seconds)
    keep = choose_keep(checkpoints, setup.device)
    clips: list[list[PreparedClip]] = [[] for _ in looks]
    with clock.stage("prior and flow"):
        total, done = sample.frames * len(looks), 0
        for k, stretch in _planes_of_stretches(sample, looks):
            if looks[k].is_noise_free:
                continue

            def count(number: int, before: int = done) -> None:
                clock.tell("prior and flow", (before + number) / total)

            grey, radius = setup.layout.is_grey(k), networks.temporal.radius
            clips[k].append(
                prepare_clip(stretch, looks[k].preprocessor, grey, count, keep=keep, radius=radius)
            )
            done += len(stretch)
    seconds = _seconds_per_frame(clips, networks, setup, sample, clock)
    return Looked(frames, sample, looks, clips, seconds)


def first_stretch(sample: Sample, setup: Setup) -> Iterator[list[Tensor]]:
    """Give per plane the frames of the first stretch, without padding and repeated channels."""
    height, width = sample.layout.height, sample.layout.width
    for k in range(len(setup.layout.groups)):
        channels = slice(1 if sample.layout.is_grey(k) else None)
        yield [planes[k][channels, :height, :width] for planes in sample.stretches[0]]


def _planes_of_stretches(
    sample: Sample, looks: Sequence[PlaneLook]
) -> Iterator[tuple[int, list[Tensor]]]:
    """Yield the frames of each plane of each stretch, and free the stretch."""
    while sample.stretches:
        stretch = sample.stretches.pop(0)
        for k, plane in enumerate(looks):
            yield k, [plane.scale * planes[k] for planes in stretch]


def _seconds_per_frame(
    clips: Sequence[Sequence[PreparedClip]],
    networks: Networks,
    setup: Setup,
    sample: Sample,
    clock: StageClock,
) -> float:
    """Measure inference on one frame of the sample and scale it to whole frames."""
    prepared = clock.seconds["prior and flow"] / sample.frames
    stages = sum(seconds_of_stages(networks, of_plane[0]) for of_plane in clips if of_plane)
    return _for_whole_frames(prepared + stages, setup, sample)


def _seconds_of_draft(
    network: DraftDenoiser, setup: Setup, sample: Sample, looks: Sequence[PlaneLook]
) -> float:
    """Measure the draft of one frame of the sample and scale it to whole frames."""
    seconds = sum(
        seconds_of_draft(network, look.preprocessor.noise, look.scale * plane)
        for plane, look in zip(sample.stretches[0][0], looks, strict=True)
        if not look.is_noise_free
    )
    return _for_whole_frames(seconds, setup, sample)


def _for_whole_frames(seconds: float, setup: Setup, sample: Sample) -> float:
    whole, seen = setup.layout.padded, sample.layout.padded
    return round(seconds * (whole[0] * whole[1]) / (seen[0] * seen[1]), 4)
