"""The second estimate of the noise, once stage 1 knows the clip."""

from collections.abc import Sequence

import torch
from torch import Tensor

from f2r.method.prepared_clip import anchors_of_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.noise_map import sigma_map
from f2r.models.temporal import TemporalEstimator
from f2r.noise.blocks import Limits
from f2r.noise.clipping import before_clipping, clip_noise
from f2r.noise.from_residual import Revision, revise
from f2r.noise.models import NoiseModel
from f2r.method.prepared_clip import PreparedClip

SEEN = 12
"""Frames that the second estimate is made from."""


def look_again(
    clips: Sequence[PreparedClip], noise: NoiseModel, size: tuple[int, int]
) -> Revision | None:
    """Hold a noise model against what the anchors of stage 1 leave.

    Args:
        clips: prepared shots of one plane with their anchors.
        noise: the model, before clipping.
        size: rows and columns of a frame without its padding.

    Returns:
        The model and the second estimate; None where no frame has a neighbour.
    """
    pairs = [
        (clip.frames[t].noisy, clip.anchors[t], clip.channels)
        for clip in clips
        for t in clip.targets
    ][:SEEN]
    if not pairs:
        return None
    noisy = torch.stack([_seen(y, channels, size) for y, _, channels in pairs])
    anchor = torch.stack([_seen(a, channels, size) for _, a, channels in pairs])
    return revise(noise, noisy, anchor)


def revise_noise(
    clips: Sequence[PreparedClip],
    preprocessor: Preprocessor,
    temporal: TemporalEstimator,
    size: tuple[int, int],
    limits: Limits,
) -> Revision | None:
    """Estimate the noise of a plane from its anchors and let everything after use the better model.

    Where the second estimate is believed, `preprocessor` and `clips` take it, and prior and
    anchors are computed anew; the flows stay.

    Args:
        clips: prepared shots of one plane with their anchors.
        preprocessor: prior, noise model and flow of the plane.
        temporal: stage 1.
        size: rows and columns of a frame without its padding.
        limits: where the frames clip.

    Returns:
        Both estimates; None where no frame has a neighbour.
    """
    revision = look_again(clips, before_clipping(preprocessor.noise), size)
    if revision is not None and revision.takes_second:
        preprocessor.noise = clip_noise(revision.model, limits)
        for clip in clips:
            _prepare_again(clip, preprocessor, temporal)
    return revision


def _seen(frame: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    return frame[:channels, : size[0], : size[1]].cpu()


def _prepare_again(
    clip: PreparedClip, preprocessor: Preprocessor, temporal: TemporalEstimator
) -> None:
    noise = clip.noise = preprocessor.noise
    for frame in clip.frames:
        sigma = sigma_map(noise, frame.noisy[None])
        denoised = preprocessor.denoise(frame.noisy[None], sigma)
        frame.sigma, frame.denoised = clip.keep(sigma[0]), clip.keep(denoised[0])
    if clip.targets:
        clip.anchors = anchors_of_clip(clip, temporal)
