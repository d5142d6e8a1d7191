"""Train the network that estimates the noise level of coded video."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from f2r.errors import InputError
from f2r.io import open_reader
from f2r.io.output import check_output
from f2r.models.layers import channels_last
from f2r.models.noise_level import (
    LEAST_LEVEL,
    LEVEL_QUANTILES,
    PATCH_SIDE,
    NoiseLevelNet,
    NoiseLevels,
    save_noise_level,
)
from f2r.noise.patches import follow_patch
from f2r.system.progress import Progress, ProgressCallback
from f2r.train.corpus.coded_clips import (
    ENCODED_FRAMES,
    LUMA_STEPS,
    CodedExample,
    SceneConfig,
    draw_example,
)
from f2r.train.corpus.footage import find_clips
from f2r.train.corpus.motion import MotionConfig, photo_clips
from f2r.train.corpus.textures import load_stills
from f2r.train.loop import FitConfig, Trainer

CHUNK = 14
"""Frames of a clip from which windows are drawn; longer clips give several."""


@dataclass(frozen=True)
class NoiseLevelConfig:
    """How the network is trained."""

    scenes: SceneConfig = field(default_factory=SceneConfig)
    making_share: float = 0.35
    """Share of the time for making examples, in (0, 1)."""
    most_examples: int = 8000
    """Largest number of examples; about 0.7 MB each."""
    reductions: tuple[float, ...] = (3.0, 4.5)
    """Reduction factors of the photographs, from which moving clips are made."""
    motions: tuple[MotionConfig, ...] = (
        MotionConfig(),
        MotionConfig(pan=20.0, fast_pan=40.0, still_every=2),
    )
    """Motion of these clips, per reduction."""
    batch: int = 12
    """Clips per step; > 0."""
    patches: int = 16
    """Patches of a clip; inference takes more."""
    learning_rate: float = 2e-3
    faint_weight: float = 0.4
    """Weight of a clip whose noise the codec removed, relative to one that kept a fifth of it."""
    usual: float = 7 / 255
    """Level of the luma's noise whose weight is 1; stronger noise costs more where it is missed."""
    visible: float = 1.3 / 255
    """Noise that is weaker than this after coding counts for less in telling noisy from clean."""
    head_share: float = 0.2
    """Share of the remaining time in which only the last layers are trained, on stored descriptions
    of all examples."""
    head_batch: int = 256
    head_patches: int = 24
    """Patches of a description."""
    head_rate: float = 1e-3


def train_noise_level(
    clips: Sequence[Path],
    photos: Sequence[Path],
    output: Path,
    seconds: float,
    seed: int,
    *,
    config: NoiseLevelConfig = NoiseLevelConfig(),
    progress: ProgressCallback | None = None,
) -> NoiseLevelNet:
    """Make coded examples for a part of the time, train on them for the rest, write the weights.

    Args:
        clips: clean clips, or folders of them.
        photos: photographs, or folders of them, from which moving clips are made.
        output: weights file.
        seconds: time in all.
        seed: seed of scenes, noise, encoders, patches and initial weights.
        config: how to train.
        progress: called a few times a second.
    """
    check_output(output, None, overwrite=False)
    end = time.monotonic() + seconds
    rng = np.random.default_rng(seed)
    scenes = load_scenes(clips, photos, config, rng)
    making = seconds * config.making_share
    examples = make_examples(scenes, load_stills(photos), config, making, rng, progress)
    network = fit_noise_level(examples, config, end - time.monotonic(), seed, progress)
    facts = {
        "made": "f2r.train.corpus.noise_level_training, on noise sent through real encoders",
        "scenes": str(len(scenes)),
        "examples": str(len(examples)),
        "seconds": f"{seconds:.0f}",
        "seed": str(seed),
    }
    save_noise_level(output, network, facts)
    return network


def load_scenes(
    clips: Sequence[Path],
    photos: Sequence[Path],
    config: NoiseLevelConfig,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Read clean clips, cut to 14 frames, and make moving ones of photographs.

    Returns:
        (T, H, W, 3) RGB uint8 each, T >= 12.
    """
    scenes = []
    for path in find_clips(clips) if clips else []:
        with open_reader(path) as reader:
            frames = [np.rint(255 * f).clip(0, 255).astype(np.uint8) for f in reader]
        for start in range(0, len(frames) - ENCODED_FRAMES + 1, CHUNK):
            part = np.stack(frames[start : start + CHUNK])
            if len(part) >= ENCODED_FRAMES:
                scenes.append(np.broadcast_to(part, (*part.shape[:3], 3)))
    for reduction, motion in product(config.reductions, config.motions) if photos else ():
        made = replace(motion, frames=ENCODED_FRAMES, reduction=reduction)
        scenes += photo_clips(photos, made, rng)
    if not scenes:
        raise InputError(f"no scenes: give photographs, or clips of {ENCODED_FRAMES} frames")
    return scenes


def make_examples(
    scenes: Sequence[np.ndarray],
    stills: Sequence[np.ndarray],
    config: NoiseLevelConfig,
    seconds: float,
    rng: np.random.Generator,
    progress: ProgressCallback | None = None,
) -> list[CodedExample]:
    """Draw coded examples until the time or the room for them is used up; one at least."""
    examples = [draw_example(scenes, config.scenes, rng, stills)]
    start = reported = time.monotonic()
    while len(examples) < config.most_examples and time.monotonic() - start < seconds:
        examples.append(draw_example(scenes, config.scenes, rng, stills))
        if progress and time.monotonic() - reported > 0.5:
            reported = time.monotonic()
            fraction = max((reported - start) / seconds, len(examples) / config.most_examples)
            progress(Progress("coded examples", min(1.0, fraction), step=len(examples)))
    return examples


def fit_noise_level(
    examples: Sequence[CodedExample],
    config: NoiseLevelConfig,
    seconds: float,
    seed: int,
    progress: ProgressCallback | None = None,
) -> NoiseLevelNet:
    """Train the network on examples for a time; see `train_noise_level`."""
    torch.manual_seed(seed)
    network = channels_last(NoiseLevelNet())
    generator = torch.Generator().manual_seed(seed)
    end = time.monotonic() + seconds
    trainer = Trainer(
        "noise level",
        network,
        lambda generator: noise_level_loss(network, examples, config, generator),
        FitConfig(
            seconds * (1 - config.head_share), learning_rate=config.learning_rate, ema_decay=0.998
        ),
        generator,
    )
    trainer.run(progress)
    fit_head(network, examples, config, end - time.monotonic(), generator)
    return network.eval()


def fit_head(
    network: NoiseLevelNet,
    examples: Sequence[CodedExample],
    config: NoiseLevelConfig,
    seconds: float,
    generator: torch.Generator,
) -> None:
    """Train the last layers further, in place, each output separately.

    Their batches are descriptions that are computed once, in two thirds of the time.
    """
    start = time.monotonic()
    described, known = describe_examples(network, examples, config, seconds * 2 / 3, generator)

    def loss(generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(known), (config.head_batch,), generator=generator)
        drawn = [known[k] for k in chosen.tolist()]
        first, second = network.opinions(described[chosen])
        return loss_of(first, drawn, config) + loss_of(second, drawn, config)

    left = max(1.0, seconds - (time.monotonic() - start))
    fit = FitConfig(left, learning_rate=config.head_rate, weight_decay=0.01)
    last = nn.ModuleList([network.clip, network.blocks])
    Trainer("noise level, last layers", last, loss, fit, generator).run()


@torch.no_grad()
def describe_examples(
    network: NoiseLevelNet,
    examples: Sequence[CodedExample],
    config: NoiseLevelConfig,
    seconds: float,
    generator: torch.Generator,
) -> tuple[Tensor, list[CodedExample]]:
    """Describe examples in random order until the time is used up: (N, F), and which ones."""
    network.eval()
    end = time.monotonic() + seconds
    rows: list[Tensor] = []
    known: list[CodedExample] = []
    for k in torch.randperm(len(examples), generator=generator).tolist():
        if rows and time.monotonic() > end:
            break
        patches = draw_patches(examples[k], config.head_patches, generator)
        with torch.autocast("cpu", torch.bfloat16):
            rows.append(network.describe(patches[None])[0].float())
        known.append(examples[k])
    return torch.stack(rows), known


def noise_level_loss(
    network: NoiseLevelNet,
    examples: Sequence[CodedExample],
    config: NoiseLevelConfig,
    generator: torch.Generator,
) -> Tensor:
    """Give the loss of one batch: quantiles of the levels, free or not, what remains."""
    chosen = torch.randint(len(examples), (config.batch,), generator=generator).tolist()
    drawn = [examples[k] for k in chosen]
    patches = torch.stack([draw_patches(e, config.patches, generator) for e in drawn])
    with torch.autocast("cpu", torch.bfloat16):
        said = network(patches)
    return loss_of(said, drawn, config)


def loss_of(said: NoiseLevels, drawn: Sequence[CodedExample], config: NoiseLevelConfig) -> Tensor:
    """Compare the output for B clips with the true values.

    The levels are judged by the pinball loss, whose minimum is the quantile (Koenker and Bassett
    1978). Of clips without noise only the other outputs are judged.
    """
    noise, survived, left = torch.tensor([[e.noise, e.survived, e.remaining] for e in drawn]).T
    is_noisy = noise > 0
    weight = (survived / 0.2).clamp(config.faint_weight, 1) * is_noisy
    weight = weight * (noise / config.usual).clamp(0.3, 3)
    quantiles = torch.tensor(LEVEL_QUANTILES)
    above = torch.log2(255 * noise.clamp(min=0.1 / 255))[:, None] - said.levels.float()
    pinball = torch.maximum(quantiles * above, (quantiles - 1) * above).mean(1)
    levels = (weight * pinball).sum() / weight.sum().clamp(min=1)
    traces = torch.where(is_noisy, (survived * noise / config.visible).clamp(0.05, 1), 1.0)
    is_free = (~is_noisy).float()
    free = functional.binary_cross_entropy_with_logits(said.free.float(), is_free, weight=traces)
    error = said.remaining.float() - torch.log2(255 * left + LEAST_LEVEL)
    return 4 * levels + 0.5 * free + 0.5 * error.abs().mean()


def draw_patches(example: CodedExample, count: int, generator: torch.Generator) -> Tensor:
    """Draw patches of one example, (P, 3, 64, 64) nominal luma, as any clip might show them.

    Mostly on the codec's grid. Some clips have no other frames, some a cut or black bars.
    """
    luma = torch.from_numpy(example.luma)
    frames, height, width = luma.shape
    draws = torch.rand(count, 3, generator=generator)
    odds = torch.rand(5, generator=generator).tolist()
    shift = torch.randint(8, (2,), generator=generator).tolist() if odds[0] < 0.2 else [0, 0]
    patches = []
    for time_, *place in draws.tolist():
        t = 1 + int(time_ * (frames - 2))
        times = [t, t, t] if odds[1] < 0.06 else [t - 1, t, t + 1]
        top, left = (
            min(8 * int(share * ((full - PATCH_SIDE) // 8 + 1)) + off, full - PATCH_SIDE)
            for share, full, off in zip(place, (height, width), shift, strict=True)
        )
        patches.append(follow_patch(luma[times].float() / LUMA_STEPS, top, left))
    stacked = torch.stack(patches)
    if odds[2] < 0.06:  # bars, put in after the noise
        stacked[: int(count * 0.6 * odds[3])] = 0.1 * odds[4] if odds[3] < 0.5 else 0.0
    flips = [d for d, share in ((2, odds[3]), (3, odds[4])) if share < 0.5]
    return stacked.flip(flips)
