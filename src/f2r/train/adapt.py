"""Train both stages on the clip itself, starting from given weights."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from f2r.method.prepare_clip import clip_anchors
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import Networks
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.quality.stein import Blend
from f2r.train.holdout import (
    RefinedCase,
    anchor_errors,
    refined_blend,
    refined_cases,
    refined_errors,
    withhold,
)
from f2r.train.loop import FitConfig, ProgressCallback, Trainer
from f2r.train.stage_1 import FLOOR, temporal_loss
from f2r.train.stage_2 import refiner_loss
from f2r.train.windows import CropConfig, CropSampler, TrainingClip

STAGE_1_SHARE = 0.5
"""Share of the training time that stage 1 gets."""


JUDGING_SHARE = 0.2
"""Share of a stage's time that judging may take: short trainings are judged less often."""


@dataclass(frozen=True)
class AdaptConfig:
    """How to train on the clip."""

    seconds: float
    """Training time of both stages and of the anchors between them; >= 0."""
    steps: int = 1_000_000
    """Most optimiser steps of each stage; with it the run is repeatable."""
    learning_rate: float = 8e-4
    """Peak rate of both stages."""
    crops: CropConfig = field(default_factory=lambda: CropConfig(varied=False))
    """Training crops."""


@dataclass(frozen=True)
class Change:
    """How much the mean squared errors of a clip changed by training, nominal units squared.

    Measured on tiles that were never trained on; below zero is better.
    """

    anchor: float
    """Of stage 1."""
    refined: float
    """Of stage 2."""

    def since(self, earlier: "Change") -> "Change":
        """Give the difference to an earlier judgement."""
        return Change(self.anchor - earlier.anchor, self.refined - earlier.refined)


@dataclass
class Adaptation:
    """What the training did."""

    seconds: float
    """Wall-clock time."""
    temporal_steps: int
    """Optimiser steps of stage 1."""
    refiner_steps: int
    """Optimiser steps of stage 2."""
    temporal_seconds: float
    """Of the time, what stage 1 took, judgements included."""
    refiner_seconds: float
    """The same of stage 2."""
    temporal_loss: float
    """Last training loss of stage 1, in units of the noise variance."""
    refiner_loss: float
    """Last training loss of stage 2, likewise."""
    stopped_early: bool
    """Whether a stage ended because its error on withheld tiles had stopped falling."""
    changes: list[Change]
    """Per clip: what training brought."""
    blends: list[Blend]
    """Per clip: how much of the prior the refined frame takes afterwards."""


def adapt(
    networks: Networks,
    preprocessor: Preprocessor,
    clips: Sequence[TrainingClip],
    config: AdaptConfig,
    seed: int,
    checkpoints: Path | None = None,
    progress: ProgressCallback | None = None,
) -> Adaptation:
    """Train stage 1, compute the anchors, train stage 2; the networks change in place.

    Of each stage the weights are kept that were best on the withheld tiles, be it those that it
    started from.

    Args:
        networks: weights to start from.
        preprocessor: applies the prior.
        clips: prepared shots with at least one target that has a neighbour; anchors that they
            have already are by the networks as they are now.
        config: time and crops.
        seed: seed of withheld tiles, crops and recorruption noise.
        checkpoints: folder for training state; an interrupted run resumes from it.
        progress: called a few times a second.
    """
    generator = torch.Generator().manual_seed(seed)
    start = time.monotonic()
    for clip in clips:
        withhold(clip, generator)
        clip.anchors = clip.anchors or clip_anchors(clip, networks.temporal)
    cases = [refined_cases(clip, preprocessor, seed) for clip in clips]
    prepared = time.monotonic()
    before = [_judge(networks, *pair) for pair in zip(clips, cases, strict=True)]
    judging = time.monotonic() - start
    once = (time.monotonic() - prepared) / 2
    sampler = CropSampler(clips, config.crops)
    fit = _fit(config, config.seconds * STAGE_1_SHARE - judging, once)
    first = temporal_trainer(networks.temporal, sampler, fit, generator, checkpoints)
    first.run(progress)
    start = time.monotonic()
    for clip in clips:
        clip.anchors = clip_anchors(clip, networks.temporal)
    cases = [refined_cases(clip, preprocessor, seed) for clip in clips]
    spent = 2 * judging + first.elapsed + time.monotonic() - start
    fit = _fit(config, config.seconds - spent, once)
    second = refiner_trainer(
        networks.refiner, preprocessor, sampler, cases, fit, generator, checkpoints
    )
    second.run(progress)
    after = [_judge(networks, *pair) for pair in zip(clips, cases, strict=True)]
    return Adaptation(
        spent + second.elapsed,
        *(first.step, second.step),
        *(first.elapsed, second.elapsed),
        *(first.loss, second.loss),
        first.stalled or second.stalled,
        [late.since(early) for early, late in zip(before, after, strict=True)],
        [refined_blend(networks.refiner, case) for case in cases],
    )


def temporal_trainer(
    estimator: TemporalEstimator,
    sampler: CropSampler,
    fit: FitConfig,
    generator: torch.Generator,
    folder: Path | None,
) -> Trainer:
    """Make the trainer of stage 1, judged on withheld tiles."""

    def judge(averaged: TemporalEstimator) -> Tensor:
        return torch.cat([anchor_errors(averaged, c) / _power(c) for c in sampler.clips])

    return Trainer(
        "stage 1",
        estimator,
        lambda g: temporal_loss(estimator, sampler, g),
        fit,
        generator,
        folder / "temporal.ckpt" if folder else None,
        judge=judge,
    )


def refiner_trainer(
    refiner: SpatialRefiner,
    preprocessor: Preprocessor,
    sampler: CropSampler,
    cases: Sequence[Sequence[RefinedCase]],
    fit: FitConfig,
    generator: torch.Generator,
    folder: Path | None,
) -> Trainer:
    """Make the trainer of stage 2, judged on withheld tiles (`cases`, per clip)."""

    def judge(averaged: SpatialRefiner) -> Tensor:
        pairs = zip(cases, sampler.clips, strict=True)
        return torch.cat([refined_errors(averaged, case) / _power(c) for case, c in pairs])

    return Trainer(
        "stage 2",
        refiner,
        lambda g: refiner_loss(refiner, preprocessor, sampler, g),
        fit,
        generator,
        folder / "refiner.ckpt" if folder else None,
        judge=judge,
    )


def _judge(networks: Networks, clip: TrainingClip, cases: Sequence[RefinedCase]) -> Change:
    """Give both errors on withheld tiles, up to the energy of the noise."""
    errors = anchor_errors(networks.temporal, clip), refined_errors(networks.refiner, cases)
    return Change(*(float(error.mean()) for error in errors))


def _power(clip: TrainingClip) -> float:
    """Give the mean noise variance of a clip, so that clips of all noise levels count alike."""
    return float(clip.frames[0].sigma.square().mean()) + FLOOR


def _fit(config: AdaptConfig, seconds: float, once: float) -> FitConfig:
    """Configure the training of a stage in `seconds`, where judging takes `once` each time."""
    affordable = min(JUDGING_SHARE * seconds / once, FitConfig.judgements)
    return FitConfig(
        judgements=max(int(affordable), 1),
        seconds=max(seconds, 1.0),
        steps=config.steps,
        learning_rate=config.learning_rate,
        warmup=0.05,
    )
