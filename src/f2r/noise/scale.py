"""Convert noise models to other units."""

from f2r.noise.correlated import Correlated
from f2r.noise.models import Gamma, Gaussian, NoiseModel, Poisson, PoissonGaussian


def scale_noise(noise: NoiseModel, factor: float) -> NoiseModel:
    """Convert the noise model of y to that of `factor * y`.

    Args:
        noise: noise model of y.
        factor: new units per old unit; > 0.

    Raises:
        TypeError: the model cannot be scaled.
    """
    match noise:
        case Gaussian(sigma):
            return Gaussian(sigma * factor)
        case Poisson(gain):
            return Poisson(gain * factor)
        case PoissonGaussian(gain, read, offset):
            return PoissonGaussian(gain * factor, read * factor, offset * factor)
        case Correlated(base, correlation):
            return Correlated(scale_noise(base, factor), correlation)
        case Gamma():
            return noise
    raise TypeError(f"noise model {type(noise).__name__} cannot be scaled")
