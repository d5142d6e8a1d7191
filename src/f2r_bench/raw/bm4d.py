"""BM4D on the stack of each raw channel, after a transform that makes its noise uniform.

The package `bm4d` is free for non-commercial use only and no part of F2R.
"""

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.noise.models import PoissonGaussian

Stack = NDArray[np.float64]
"""(T, H, W, 4) packed frames, nominal units."""


def denoise_bm4d(noisy: Stack, noise: PoissonGaussian) -> Stack:
    """Denoise each channel's stack of frames.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from bm4d import bm4d
    except ImportError:
        raise InputError(
            "--bm4d needs the package bm4d (free for non-commercial use only): pip install bm4d"
        ) from None
    stable = stabilise(noisy, noise)
    stacks = [bm4d(np.moveaxis(stable[..., c], 0, -1), 1.0) for c in range(stable.shape[-1])]
    return restore(np.moveaxis(np.stack(stacks, -1), 2, 0), noise)


def stabilise(levels: Stack, noise: PoissonGaussian) -> Stack:
    """Apply the generalised Anscombe transform: noise of standard deviation 1.

    Source: Makitalo, Foi 2013, "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise", equations 2 and 9.
    """
    ratio = (noise.read / noise.gain) ** 2
    stable: Stack = 2 * np.sqrt(np.maximum(levels / noise.gain + 3 / 8 + ratio, 0))
    return stable


def restore(stable: Stack, noise: PoissonGaussian) -> Stack:
    """Invert `stabilise` without bias (the closed form of the exact inverse)."""
    ratio, root = (noise.read / noise.gain) ** 2, np.sqrt(3 / 2)
    d = np.maximum(stable, 2 * np.sqrt(3 / 8 + ratio))
    counts = d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8
    levels: Stack = noise.gain * (counts - ratio)
    return levels
