"""What the networks are told of a noise: they know white noise that nothing has cut off."""

from torch import Tensor

from f2r.noise.clipping import variance_before_clipping
from f2r.noise.correlated import Correlated
from f2r.noise.models import NoiseModel


def told_variance(noise: NoiseModel, level: Tensor) -> Tensor:
    """Give the variance of the white noise that a noise is most like.

    Of clipped noise it is the one before clipping: what clipping leaves falls steeply towards black
    and white. Correlated noise has its power at low frequencies, where the scene is, and must be
    told stronger than it is: by the geometric mean of its power per sample and its power at the
    lowest frequency. Both are ours, and measured (docs/method.md).

    Args:
        noise: model of the noise in y.
        level: mean of samples of y, (..., C, H, W), nominal units.
    """
    variance = variance_before_clipping(noise, level)
    if isinstance(noise, Correlated):
        return variance * noise.clumping.to(level).sqrt()
    return variance
