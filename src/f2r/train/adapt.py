"""Train both stages on the clip itself, starting from given weights."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from f2r.config import Tuning
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip, anchors_of_clip
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.quality.stein import Blend
from f2r.system.progress import Progress, ProgressCallback
from f2r.train.holdout import (
    RefinedCase,
    anchor_errors,
    hold_out,
    refined_blend,
    refined_cases,
    refined_errors,
)
from f2r.train.loop import FitConfig, Trainer
from f2r.train.refiner_loss import refiner_loss
from f2r.train.temporal_loss import noise_power, temporal_loss
from f2r.train.windows import CropConfig, CropSampler

JUDGING_SHARE = 0.2
"""Largest share of a stage's time for judging; short trainings are judged less often."""


@dataclass(frozen=True)
class AdaptConfig:
    """How to train on the clip."""

    seconds: float
    """Training time of both stages and of the anchors between them; >= 0."""
    steps: int | None = None
    """Optimiser steps of each stage; with them the run is repeatable. None: time decides."""
    tuning: Tuning = field(default_factory=Tuning)
    """Learning rate, crops, held-out tiles and recorruption."""

    @property
    def crops(self) -> CropConfig:
        """Training crops; without augmentation, which costs quality on the clip itself."""
        return CropConfig(self.tuning.crop_side, self.tuning.crops, varied=False)


@dataclass(frozen=True)
class Change:
    """How much the mean squared errors of a clip changed by training, nominal units squared.

    Measured on held-out tiles; negative is better.
    """

    anchor: float
    """Of stage 1."""
    refined: float
    """Of stage 2."""

    def since(self, earlier: "Change") -> "Change":
        """Give the difference to an earlier judgement."""
        return Change(self.anchor - earlier.anchor, self.refined - earlier.refined)


@dataclass(frozen=True)
class Adaptation:
    """What the training did."""

    seconds: float
    """Wall-clock time."""
    temporal_steps: int
    """Optimiser steps of stage 1."""
    refiner_steps: int
    """Optimiser steps of stage 2."""
    temporal_seconds: float
    """Time of stage 1, judgements included."""
    refiner_seconds: float
    """The same of stage 2."""
    temporal_loss: float
    """Last training loss of stage 1, in units of the noise variance."""
    refiner_loss: float
    """Last training loss of stage 2, likewise."""
    stopped_early: bool
    """Whether a stage ended because its error on held-out tiles had stopped falling."""
    changes: list[Change]
    """Per clip: change of the errors by training."""
    blends: list[Blend]
    """Per clip: share of the prior in the refined frame after training."""


def adapt(
    networks: Networks,
    clips: Sequence[PreparedClip],
    config: AdaptConfig,
    seed: int,
    checkpoints: Path | None = None,
    progress: ProgressCallback | None = None,
) -> tuple[list[PreparedClip], Adaptation]:
    """Train stage 1, compute the anchors, train stage 2; the networks change in place.

    Each stage keeps the weights with the lowest held-out error, the initial ones included.

    Args:
        networks: weights to start from.
        clips: prepared shots with at least one target that has a neighbour; existing anchors are
            those of the given networks.
        config: time and crops.
        seed: seed of held-out tiles, crops and recorruption noise.
        checkpoints: folder for training state; an interrupted run resumes from it.
        progress: called a few times a second.

    Returns:
        The clips with the anchors of the trained stage 1, and the summary of the training.
    """
    generator = torch.Generator().manual_seed(seed)
    begin = _begin(networks, clips, config, seed, generator)
    fit = _fit(config, config.seconds * config.tuning.stage_1_share - begin.judging, begin.once)
    sampler = CropSampler(begin.clips, config.crops)
    first = temporal_trainer(networks.temporal, sampler, fit, generator, checkpoints)
    first.run(None if progress is None else _with_later(progress, config))
    start = time.monotonic()
    clips = [clip.with_anchors(anchors_of_clip(clip, networks.temporal)) for clip in begin.clips]
    cases = [refined_cases(clip, networks.prior, seed) for clip in clips]
    spent = 2 * begin.judging + first.elapsed + time.monotonic() - start
    fit = _fit(config, config.seconds - spent, begin.once)
    sampler = CropSampler(clips, config.crops)
    second = refiner_trainer(
        networks.refiner,
        lambda g: refiner_loss(networks.refiner, networks.prior, sampler, config.tuning.alpha, g),
        list(zip(clips, cases, strict=True)),
        fit,
        generator,
        checkpoints,
    )
    second.run(progress)
    after = [_judge(networks, *pair) for pair in zip(clips, cases, strict=True)]
    blends = [refined_blend(networks.refiner, case) for case in cases]
    changes = [late.since(early) for early, late in zip(begin.errors, after, strict=True)]
    return clips, _summary(first, second, spent, changes, blends)


def _with_later(progress: ProgressCallback, config: AdaptConfig) -> ProgressCallback:
    """Add the time of stage 2 to the time left that stage 1 reports."""
    later = config.seconds * (1 - config.tuning.stage_1_share)

    def tell(report: Progress) -> None:
        progress(replace(report, left=None if report.left is None else report.left + later))

    return tell


class _Begin(NamedTuple):
    """The clips before training."""

    clips: list[PreparedClip]
    """With held-out tiles and the anchors of the initial networks."""
    errors: list[Change]
    """Errors on the held-out tiles, per clip."""
    judging: float
    """Seconds that this took."""
    once: float
    """Seconds of one judgement of one stage."""


def _begin(
    networks: Networks,
    clips: Sequence[PreparedClip],
    config: AdaptConfig,
    seed: int,
    generator: torch.Generator,
) -> _Begin:
    """Hold tiles out, predict the anchors unless they are there, and judge both stages."""
    start = time.monotonic()
    held = [hold_out(clip, generator, config.tuning.held_out_share) for clip in clips]
    ready = [
        clip if clip.anchors else clip.with_anchors(anchors_of_clip(clip, networks.temporal))
        for clip in held
    ]
    cases = [refined_cases(clip, networks.prior, seed) for clip in ready]
    prepared = time.monotonic()
    errors = [_judge(networks, *pair) for pair in zip(ready, cases, strict=True)]
    end = time.monotonic()
    return _Begin(ready, errors, end - start, (end - prepared) / 2)


def _summary(
    first: Trainer, second: Trainer, spent: float, changes: list[Change], blends: list[Blend]
) -> Adaptation:
    return Adaptation(
        seconds=spent + second.elapsed,
        temporal_steps=first.step,
        refiner_steps=second.step,
        temporal_seconds=first.elapsed,
        refiner_seconds=second.elapsed,
        temporal_loss=first.loss,
        refiner_loss=second.loss,
        stopped_early=first.stalled or second.stalled,
        changes=changes,
        blends=blends,
    )


def temporal_trainer(
    estimator: TemporalEstimator,
    sampler: CropSampler,
    fit: FitConfig,
    generator: torch.Generator,
    folder: Path | None,
) -> Trainer:
    """Make the trainer of stage 1, judged on held-out tiles."""

    def judge(averaged: TemporalEstimator) -> Tensor:
        return torch.cat([anchor_errors(averaged, c) / noise_power(c) for c in sampler.clips])

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
    loss_of: Callable[[torch.Generator], Tensor],
    judged: Sequence[tuple[PreparedClip, Sequence[RefinedCase]]],
    fit: FitConfig,
    generator: torch.Generator,
    folder: Path | None,
) -> Trainer:
    """Make the trainer of stage 2, judged on held-out tiles (`judged`, per clip)."""

    def judge(averaged: SpatialRefiner) -> Tensor:
        return torch.cat([refined_errors(averaged, case) / noise_power(c) for c, case in judged])

    return Trainer(
        "stage 2",
        refiner,
        loss_of,
        fit,
        generator,
        folder / "refiner.ckpt" if folder else None,
        judge=judge,
    )


def _judge(networks: Networks, clip: PreparedClip, cases: Sequence[RefinedCase]) -> Change:
    """Give both errors on held-out tiles, up to the energy of the noise."""
    errors = anchor_errors(networks.temporal, clip), refined_errors(networks.refiner, cases)
    return Change(*(float(error.mean()) for error in errors))


def _fit(config: AdaptConfig, seconds: float, once: float) -> FitConfig:
    """Configure the training of a stage in `seconds`, where judging takes `once` each time."""
    affordable = min(JUDGING_SHARE * seconds / once, FitConfig.judgements)
    return FitConfig(
        judgements=max(int(affordable), 1),
        seconds=max(seconds, 1.0),
        steps=FitConfig.steps if config.steps is None else config.steps,
        learning_rate=config.tuning.learning_rate,
        warmup=0.05,
    )
