"""Measured time of the steps of the method."""

import operator
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from f2r.flow.warp import visibility, warp_backward
from f2r.method.draft import DraftStream
from f2r.method.fusion import fuse
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import apply_prior
from f2r.method.stage_1 import anchor_of_frame, encode_frame
from f2r.method.stage_2 import refine_frame
from f2r.models.draft import DraftDenoiser
from f2r.noise.models import NoiseModel


@dataclass(frozen=True)
class Steps:
    """A number for each step of the method: pixels that it is applied to, or seconds per pixel."""

    prior: float = 0.0
    """D."""
    flow: float = 0.0
    """Both directions between two frames."""
    stage_1: float = 0.0
    """Encoder and stage 1."""
    stage_2: float = 0.0
    """Stage 2."""
    fusion: float = 0.0
    """Temporal fusion."""

    def __add__(self, other: "Steps") -> "Steps":
        return Steps(*map(operator.add, astuple(self), astuple(other)))

    def times(self, factor: float) -> "Steps":
        """Multiply every number."""
        return Steps(*(factor * number for number in astuple(self)))

    def seconds(self, pixels: "Steps") -> float:
        """Give the time of steps on `pixels`, where these are seconds per pixel."""
        return float(sum(map(operator.mul, astuple(self), astuple(pixels))))


EVERY_STEP = Steps(1, 1, 1, 1, 1)
"""Inference: every step once for each pixel."""


def measure_speed(networks: Networks, clip: PreparedClip, prepared: float) -> Steps:
    """Measure every step on one frame of a clip, in seconds per pixel.

    Args:
        networks: the three networks.
        clip: prepared frames.
        prepared: measured seconds of prior and flow for one of its frames.
    """
    pixels = clip.size[0] * clip.size[1]
    if not clip.targets:
        return Steps(prior=prepared / pixels)
    target = clip.targets[0]
    frame, around = clip.frames[target], clip.neighbours[target]
    frames = dict(enumerate(clip.frames[: target + networks.temporal.radius + 1]))
    features = {t: encode_frame(networks.temporal, one) for t, one in frames.items()}

    def predict() -> Tensor:
        encode_frame(networks.temporal, frame)
        return anchor_of_frame(networks.temporal, frames, features, around, target)

    prior, _ = _timed(lambda: apply_prior(networks.prior, frame.noisy[None], frame.sigma[None]))
    stage_1, anchor = _timed(predict)
    stage_2, refined = _timed(lambda: refine_frame(networks.refiner, frame, anchor))
    fusion, _ = _timed(lambda: _fuse(refined, around.flow.float()))
    spent = Steps(prior, max(prepared - prior, 0.0), stage_1, stage_2, fusion)
    return spent.times(1 / pixels)


def _fuse(refined: Tensor, flows: Tensor) -> Tensor:
    aligned = warp_backward(refined.expand(len(flows), -1, -1, -1), flows, "bicubic")
    neighbours = zip(aligned, visibility(flows, flows), strict=True)
    return fuse(refined, neighbours, torch.ones_like(refined[:1]))


def _timed(step: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Give the seconds of the second call of a step, the first warms up, and its result."""
    step()
    start = time.monotonic()
    result = step()
    return time.monotonic() - start, result


def seconds_of_draft(network: DraftDenoiser, noise: NoiseModel, frame: Tensor) -> float:
    """Measure the draft of one (C, H, W) frame, in seconds."""
    stream = DraftStream(network, noise)

    def denoise() -> Tensor:
        stream.push(stream.prepare(frame))
        estimate = stream.push(None)
        assert estimate is not None
        return estimate.refined

    return _timed(denoise)[0]
