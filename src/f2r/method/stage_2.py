"""Stage 2: the refined frame x~_t = x-_t + g_phi(x-_t, z'_t).

Source: Frames2Residual, figure 3.
"""

import math

import torch
from torch import Tensor

from f2r.method.noise_map import sigma_map
from f2r.method.precision import mixed_precision
from f2r.method.preprocess import PreparedFrame, observe
from f2r.method.recorrupt import recorrupt
from f2r.models.prior import Prior
from f2r.models.refiner import SpatialRefiner
from f2r.noise.models import NoiseModel


def refine(refiner: SpatialRefiner, anchor: Tensor, joint: Tensor, sigma: Tensor) -> Tensor:
    """Refine (B, C, H, W) anchors by (B, 2C, H, W) z' and its noise level: (B, C, H, W) float32."""
    with mixed_precision(anchor.device):
        refined: Tensor = refiner(anchor, joint, sigma)
    return refined


@torch.no_grad()
def refine_frame(refiner: SpatialRefiner, frame: PreparedFrame, anchor: Tensor) -> Tensor:
    """Refine one whole frame by the unchanged centre frame (alpha = 0): (C, H, W) float32."""
    return refine(refiner, anchor[None], frame.joint[None], frame.sigma[None])[0]


@torch.no_grad()
def refine_by_draws(  # noqa: PLR0913, PLR0917 - one more than allowed
    refiner: SpatialRefiner,
    prior: Prior,
    noise: NoiseModel,
    noisy: Tensor,
    anchor: Tensor,
    alpha: float,
    draws: int,
    generator: torch.Generator,
) -> Tensor:
    """Average stage 2 over `draws` recorrupted centre frames: (C, H, W) float32.

    As accurate as `refine_frame` and `draws` times slower.

    Args:
        refiner: network of stage 2.
        prior: frozen image denoiser D.
        noise: noise model of y_t.
        noisy: (1, H, W) for a grey clip, else (C, H, W): y_t.
        anchor: (C, H, W) x-_t.
        alpha: strength of the recorruption; > 0.
        draws: number of passes; > 0.
        generator: the only source of randomness.
    """
    total = torch.zeros_like(anchor)
    sigma = math.sqrt(1 + alpha**2) * sigma_map(noise, noisy.expand_as(anchor)[None])
    for _ in range(draws):
        level = anchor[None, : len(noisy)]
        pair = recorrupt(noisy[None], noise, alpha, generator, level=level)
        joint = observe(prior, pair.input.expand_as(anchor[None]), sigma)
        total += refine(refiner, anchor[None], joint, sigma)[0]
    return total / draws
