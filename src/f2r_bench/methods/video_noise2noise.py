"""Video Noise2Noise: an image denoiser that learns from the motion-compensated next frame.

The noise of the neighbour is independent, so its noisy pixels, warped to this frame, are targets
as good as clean ones on average (Noise2Noise), wherever the two flows agree that both frames show
the same point. Starting from a trained denoiser, a short fine-tuning adapts it to the clip.

Source: Ehret, Davy, Morel, Facciolo, Arias 2019, "Model-blind video denoising via frame-to-frame
training" (image denoiser, absolute error, occlusion mask); Frames2Residual, figure 1a.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from f2r.flow.estimator import DisFlow
from f2r.flow.warp import visibility, warp_backward
from f2r.models.layers import channels_last
from f2r.models.weights import load_prior
from f2r.noise.models import NoiseModel
from f2r_bench.core import PreparedFrame, Preprocessor, fit_network
from f2r_bench.methods.frames import chosen, draw_places, pad_sides, prepare_frames
from f2r_bench.methods.method import Learning, TrainsOnClip
from f2r_bench.methods.plain import apply_prior

LEARNING_RATE = 2e-4
"""Peak rate of the fine-tuning."""
LEAST_STEPS = 100
"""The prior that it starts from denoises already; fine-tuning it takes few steps."""
BATCH, SIDE = 8, 96
"""Crops a step, and their side in pixels."""


@dataclass(frozen=True)
class Pair:
    """A frame and the neighbour that is its target."""

    frame: PreparedFrame
    """The input."""
    neighbour: PreparedFrame
    """Whose noisy pixels are the target."""
    flow: Tensor
    """(2, H, W) on the grid of the frame, into the neighbour."""
    visible: Tensor
    """(1, H, W) in [0, 1]: the neighbour shows the point too."""


class VideoNoise2Noise(TrainsOnClip):
    """Fine-tunes the shipped image prior on each clip.

    Args:
        device: where to compute.
    """

    name = "video-noise2noise"
    learning = Learning.SELF_SUPERVISED
    takes_grey = True
    least_steps = LEAST_STEPS

    def __init__(self, device: torch.device) -> None:
        self.start = load_prior(device)
        self.network = self.start

    def networks(self) -> Sequence[nn.Module]:
        """Give the denoiser."""
        return (self.network,)

    def fit(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> int:
        """Fine-tune a fresh copy of the prior on pairs of adjacent frames."""
        begin = time.monotonic()
        self.network = self.start
        padded = pad_sides(noisy, self.start.size_multiple)
        pairs = adjacent_pairs(prepare_frames(padded, Preprocessor(self.start, noise, DisFlow())))
        if not pairs:
            return 0
        tuned = channels_last(copy.deepcopy(self.start)).requires_grad_(True).train()
        loss = partial(pair_loss, tuned, pairs)
        left, generator = seconds - (time.monotonic() - begin), torch.Generator().manual_seed(seed)
        steps = fit_network(self.name, tuned, loss, left, LEARNING_RATE, generator)
        self.network = tuned.eval().requires_grad_(False)
        return steps

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise frame by frame."""
        return apply_prior(Preprocessor(self.network, noise, DisFlow()), noisy)


def adjacent_pairs(frames: Sequence[PreparedFrame]) -> list[Pair]:
    """Pair each frame with the next and with the previous one, unless a cut parts them."""
    pairs = []
    for earlier, later in pairwise(frames):
        if earlier.to_next is None or later.to_previous is None:
            continue
        there, back = earlier.to_next.float(), later.to_previous.float()
        pairs.append(Pair(earlier, later, there, visibility(there[None], back[None])[0]))
        pairs.append(Pair(later, earlier, back, visibility(back[None], there[None])[0]))
    return pairs


def pair_loss(network: nn.Module, pairs: Sequence[Pair], generator: torch.Generator) -> Tensor:
    """Give the mean absolute error against warped neighbours where they show the same point.

    Args:
        network: maps (B, 3, S, S) frames and noise levels to denoised frames.
        pairs: what to draw from.
        generator: the only source of randomness.
    """
    size = pairs[0].frame.noisy.shape[-2], pairs[0].frame.noisy.shape[-1]
    crops = []
    for choice, rows, columns in draw_places(BATCH, size, SIDE, generator):
        pair = chosen(pairs, choice)
        corner = torch.tensor([columns.start, rows.start], device=pair.flow.device)
        flow = pair.flow[:, rows, columns] + corner[:, None, None]
        target = warp_backward(pair.neighbour.noisy[None], flow[None], "bicubic")[0]
        crops.append(
            (
                pair.frame.noisy[:, rows, columns],
                pair.frame.sigma[:, rows, columns],
                target,
                pair.visible[:, rows, columns],
            )
        )
    noisy, sigma, target, visible = (torch.stack(part) for part in zip(*crops, strict=True))
    with torch.autocast(noisy.device.type, torch.bfloat16):
        denoised = network(noisy, sigma)
    errors = visible * (denoised - target).abs() / sigma.clamp(min=1e-3)
    return errors.sum() / (3 * visible.sum()).clamp(min=1.0)
