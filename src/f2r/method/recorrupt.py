"""The recorrupted pair: two noisy versions of one frame with independent noise."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.correlated import Correlated
from f2r.noise.models import Gamma, Gaussian, NoiseModel, Poisson, draw_gamma, draw_normal


class Recorrupted(NamedTuple):
    """A training pair made from one noisy frame; every field is shaped as the frame."""

    input: Tensor
    """y', the input of the network; noisier than y."""
    target: Tensor
    """y'', the target of the loss; noisier still."""
    target_variance: Tensor
    """Variance of the noise of `target`, nominal units squared."""


def recorrupt(
    noisy: Tensor,
    noise: NoiseModel,
    alpha: float,
    generator: torch.Generator,
    level: Tensor | None = None,
) -> Recorrupted:
    """Split a noisy frame into an input and a target with independent noises.

    For every model the noise of y' has (1 + alpha^2) times, that of y'' (1 + 1 / alpha^2) times
    the variance of the noise of y. Gaussian noise, white or correlated: y' = y + alpha n',
    y'' = y - n' / alpha, with n' a fresh draw of the same law; exact. Poisson noise (thinned
    photon counts) and gamma noise (a beta split): exact as well, if the frame holds whole counts or
    positive values. Otherwise, and always for Poisson-Gaussian noise: the Gaussian pair with the
    variance at `level`. Both halves are then unbiased and their noises uncorrelated if `level` is
    unbiased and independent of the noise; higher moments stay dependent. The default level, the
    mean of 5 x 5 pixels of `noisy`, is independent only approximately.

    Args:
        noisy: y, (..., C, H, W), nominal units, not clipped.
        noise: model of the noise in `noisy`.
        alpha: strength of the added noise relative to the present one; > 0.
        generator: the only source of randomness.
        level: estimate of the clean frame, blind to the noise of `noisy` (stage 1's anchor),
            shaped as `noisy`.

    Source: Pang et al. 2021, "Recorrupted-to-Recorrupted"; Monroy, Bacca, Tachella 2025,
    "Generalized Recorrupted-to-Recorrupted" (thinning share p = alpha^2 / (1 + alpha^2)).
    """
    share = alpha**2 / (1 + alpha**2)
    if isinstance(noise, Gaussian):
        scale = noise.sigma
        drawn = draw_normal(noisy, generator).mul_(scale)
        variance = noisy.new_full((), scale**2).expand_as(noisy)
        return _gaussian_pair(noisy, drawn, variance, alpha)
    if isinstance(noise, Poisson) and _holds_counts(noisy, noise.gain):
        kept = _thin(noisy / noise.gain, share, generator) * noise.gain
        pair = (noisy - kept) / (1 - share), kept / share
    elif isinstance(noise, Gamma) and bool((noisy > 0).all()):
        kept = noisy * _draw_beta(noise.looks * share, noise.looks * (1 - share), noisy, generator)
        pair = (noisy - kept) / (1 - share), kept / share
    else:
        level = _local_mean(noisy) if level is None else level
        variance = noise.variance(level)
        if isinstance(noise, Correlated):
            drawn = noise.draw(level, generator)
        else:
            drawn = variance.sqrt() * draw_normal(noisy, generator)
        return _gaussian_pair(noisy, drawn, variance, alpha)
    variance = noise.variance(_local_mean(noisy) if level is None else level)
    return Recorrupted(*pair, variance / share)


def _gaussian_pair(noisy: Tensor, drawn: Tensor, variance: Tensor, alpha: float) -> Recorrupted:
    return Recorrupted(
        noisy + alpha * drawn,
        noisy - drawn / alpha,
        variance * (1 + 1 / alpha**2),
    )


def _holds_counts(noisy: Tensor, gain: float) -> bool:
    counts = noisy / gain
    # float32 resolves a count to about 1e-7 of its value.
    slack = 1e-3 + 1e-6 * counts.abs()
    return bool(((counts - counts.round()).abs() < slack).all() and (counts > -0.5).all())


def _thin(counts: Tensor, share: float, generator: torch.Generator) -> Tensor:
    whole = counts.round().to(generator.device)
    kept = torch.binomial(whole, torch.full_like(whole, share), generator=generator)
    return kept.to(counts.device)


def _draw_beta(a: float, b: float, like: Tensor, generator: torch.Generator) -> Tensor:
    first = draw_gamma(torch.full_like(like, a), generator)
    second = draw_gamma(torch.full_like(like, b), generator)
    tiny = math.sqrt(torch.finfo(like.dtype).tiny)
    return first.clamp(min=tiny) / (first + second).clamp(min=2 * tiny)


def _local_mean(noisy: Tensor) -> Tensor:
    flat = noisy.reshape(-1, 1, *noisy.shape[-2:])
    padded = functional.pad(flat, (2, 2, 2, 2), mode="replicate")
    return functional.avg_pool2d(padded, 5, stride=1).reshape(noisy.shape)
