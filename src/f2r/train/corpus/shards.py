"""Prepare clips for a training that several processes share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow
from f2r.io.clip import Frame
from f2r.isp.inverse import inverse_isp_of_clip, sample_shot_read
from f2r.method.planes import PlaneLayout, layout_of
from f2r.method.prepared_clip import PreparedClip, prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.models.prior import Prior
from f2r.noise.models import NoiseModel, PoissonGaussian
from f2r.noise.normalise import normalise
from f2r.system.processes import Processes
from f2r.system.progress import Progress, ProgressCallback
from f2r.train.corpus.coded_noise import code_noisy
from f2r.train.corpus.footage import ClipSource, Footage, list_sources, plan_frames
from f2r.train.sample import (
    choose_stretches,
    read_stretches,
    spread_regions,
    without_padding,
)

CLEAN = 0.5 / 255
"""Noise below this cannot teach stage 2 anything but to copy its input."""

Announce = Callable[[str], None]


@dataclass
class Shards:
    """The clips of this process."""

    clips: dict[int, list[PreparedClip]]
    """Prepared clips by the number of their shard."""
    found: list[dict[str, Any]]
    """Per clip that is trained on: name, frames, noise; JSON values."""


def prepare_shards(
    footage: Footage,
    prior: Prior,
    seed: int,
    count: int,
    *,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> Shards:
    """Prepare the clips of this process's shards; clip i belongs to shard i modulo `count`.

    Args:
        footage: all clips, the same for all processes.
        prior: frozen image denoiser, on the device to work on.
        seed: seed of the order of the clips and of added noise.
        count: number of shards over all processes.
        processes: this process among the connected ones.
        announce: receives a sentence on each clip that is left out.
        progress: called after each clip.

    Raises:
        InputError: a clip cannot be read, or a shard is left without one.
    """
    everything = list_sources(footage, seed)
    own = processes.share(range(count))
    sources = [source for source in everything if source.index % count in own]
    shards = Shards({shard: [] for shard in own}, [])
    for done, (source, limit) in enumerate(
        zip(sources, plan_frames(sources, footage), strict=True)
    ):
        prepared = prepare_source(source, limit, footage, prior, seed) if limit else []
        reason = reason_against(prepared, limit)
        if reason:
            announce(f"left out: {source.name}: {reason}")
        else:
            shards.clips[source.index % count] += prepared
            shards.found += [_describe(source, clip) for clip in prepared]
        if progress:
            progress(Progress("prior and flow", (done + 1) / len(sources)))
    if not all(shards.clips.values()):
        raise InputError(_too_few(len(everything), count))
    return shards


def _too_few(clips: int, count: int) -> str:
    if count == 1:
        return f"none of {clips} clip(s) can be trained on: see what was left out, and why"
    return f"{clips} clips, some left out, are too few for {count} shards: add clips or use fewer"


def _describe(source: ClipSource, clip: PreparedClip) -> dict[str, Any]:
    return {"clip": Path(source.name).name, "frames": len(clip.frames), **clip.noise.to_dict()}


def reason_against(prepared: Sequence[PreparedClip], limit: int) -> str | None:
    """Give the reason why a clip cannot be trained on; None if it can."""
    if not limit:
        return "no memory is left for it: pass --memory with more GiB"
    if not prepared:
        return "it has no two consecutive frames of one scene"
    if all(_noise_power(clip) < CLEAN**2 for clip in prepared):
        return "it has no noise to learn from: for clean clips pass --add-noise"
    return None


def _noise_power(clip: PreparedClip) -> float:
    """Give the variance of a clip's noise at mid-grey."""
    level = torch.full((1, clip.channels, 1, 1), 0.5)
    return float(clip.noise.variance(level).mean())


def prepare_source(
    source: ClipSource, limit: int, footage: Footage, prior: Prior, seed: int
) -> list[PreparedClip]:
    """Read a clip, add or find its noise, and prepare each plane of each stretch.

    Args:
        source: the clip.
        limit: most frames to read; > 0.
        footage: where the noise comes from.
        prior: frozen image denoiser, on the device to work on.
        seed: seed of added noise.
    """
    layout, stretches, made_raw = _read(source, limit, footage)
    split = [[layout.split(frame) for frame in frames] for frames in stretches]
    generator = torch.Generator().manual_seed((seed * 100_003 + source.index) % 2**63)
    flow = DisFlow()
    prepared = []
    for k in range(len(layout.groups)):
        grey = layout.is_grey(k) and not made_raw
        distinct = slice(1 if grey else None)
        clean = [torch.stack([planes[k][distinct] for planes in parts]) for parts in split]
        clean = as_raw(clean, generator) if made_raw else clean
        frames, noise = clean, footage.noise
        if footage.add_noise:
            frames, noise = add_noise(clean, source.index, footage, generator)
        scale, noise = _measured(frames, layout, noise)
        frames, clean = ([scale * part for part in parts] for parts in (frames, clean))
        targets = clean if footage.clean_targets else []
        prepared += _prepare_stretches(frames, targets, Preprocessor(prior, noise, flow), grey)
    return prepared


def _read(
    source: ClipSource, limit: int, footage: Footage
) -> tuple[PlaneLayout, list[list[Frame]], bool]:
    """Read stretches of a clip; say how frames are cut and whether they are yet to be made raw."""
    with source.open() as reader:
        info = reader.info
        chosen = choose_stretches(info.frames or limit, limit)
        height, width = without_padding(info)
        whole = spread_regions(info, (height, width), len(chosen))
        read = read_stretches(reader, chosen, whole)
    info = replace(info, height=height, width=width)
    turns_grey = footage.add_noise and not footage.raw and footage.spread.is_grey(source.index)
    if not (info.is_colour and turns_grey):
        return layout_of(info), read, footage.raw and info.mosaic is None
    grey = [[frame.mean(-1, keepdims=True) for frame in frames] for frames in read]
    return PlaneLayout(info.height, info.width, ((0,),)), grey, False


def _prepare_stretches(
    stretches: Sequence[Tensor],
    targets: Sequence[Tensor],
    preprocessor: Preprocessor,
    grey: bool,
) -> list[PreparedClip]:
    """Prepare (T, C, H, W) stretches; those without two consecutive frames are left out.

    Clean `targets` of the same shapes go with them, where there are any.
    """
    seen, aims = (
        [part.expand(-1, 3, -1, -1) if grey else part for part in parts]
        for parts in (stretches, targets)
    )
    clips = [prepare_clip(list(frames), preprocessor, grey) for frames in seen]
    if aims:
        pairs = zip(clips, aims, strict=True)
        clips = [clip.with_clean(list(aim.to(preprocessor.device))) for clip, aim in pairs]
    return [clip for clip in clips if clip.targets]


def add_noise(
    clean: Sequence[Tensor],
    index: int,
    footage: Footage,
    generator: torch.Generator,
) -> tuple[list[Tensor], NoiseModel]:
    """Give clean (T, C, H, W) stretches their noise, once; some go through a codec then.

    Args:
        clean: the stretches of a clip.
        index: number of the clip, which decides its noise.
        footage: describes the noise.
        generator: the only source of randomness.
    """
    if footage.coded and footage.coded.is_coded(index):
        return code_noisy(clean, footage.coded, generator)
    noise = footage.noise or (
        camera_noise(generator) if footage.raw else footage.spread.model(index)
    )
    return [noise.sample(part, generator) for part in clean], noise


def camera_noise(generator: torch.Generator) -> PoissonGaussian:
    """Draw the noise of a raw camera, nominal units."""
    gain, read = sample_shot_read(1, generator)
    return PoissonGaussian(float(gain), float(read))


def as_raw(stretches: Sequence[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Give packed raw of clean (T, 3, H, W) frames, as a camera sees them.

    Returns:
        (T, 4, H', W') per stretch at half the resolution, sides multiples of 8.
    """
    start = generator.get_state()
    planes = []
    for frames in stretches:
        generator.set_state(start)  # one camera and one light
        packed = inverse_isp_of_clip(frames, generator)
        height, width = (side // 8 * 8 for side in packed.shape[-2:])
        planes.append(packed[..., :height, :width])
    return planes


def _measured(
    stretches: Sequence[Tensor], layout: PlaneLayout, given: NoiseModel | None
) -> tuple[float, NoiseModel]:
    """Give the factor that brings (T, C, H, W) stretches to usual levels, and their noise then."""
    seen = stretches[0][..., : layout.height, : layout.width]
    return normalise(list(seen), given)
