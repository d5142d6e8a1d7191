"""Noise level that the networks receive."""

from torch import Tensor

from f2r.noise.clipping import variance_before_clipping
from f2r.noise.correlated import Correlated
from f2r.noise.models import NoiseModel


def network_variance(noise: NoiseModel, level: Tensor) -> Tensor:
    """Compute the variance of the white, unclipped noise that represents a noise model.

    The networks are trained on such noise. Clipped noise is represented by the noise before
    clipping. Correlated noise has most of its power at low frequencies, as the scene has, and is
    represented by the geometric mean of its power per sample and its power at the lowest frequency.

    Args:
        noise: noise model of y.
        level: (..., C, H, W), mean of samples of y, nominal units.

    Returns:
        (..., C, H, W), nominal units squared.

    Source: docs/method.md, "Noise level that the networks receive".
    """
    variance = variance_before_clipping(noise, level)
    if isinstance(noise, Correlated):
        return variance * noise.clumping.to(level).sqrt()
    return variance
