"""The noise model that the user gave, if any."""

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.clip import ClipInfo
from f2r.noise.models import Gaussian, NoiseModel, PoissonGaussian
from f2r.noise.parse import parse_noise


def given_noise(config: DenoiseConfig, info: ClipInfo | None) -> NoiseModel | None:
    """Build the noise model of the options; None if it is to be estimated.

    Args:
        config: the options.
        info: the clip, for the noise profile in its file; None for an array.

    Raises:
        InputError: the options name no noise, or the file holds no profile.
    """
    if config.sigma is not None:
        return Gaussian(config.sigma)
    if config.noise == "auto":
        return None
    if config.noise == "profile":
        return noise_profile(info)
    return parse_noise(config.noise)


def noise_profile(info: ClipInfo | None) -> PoissonGaussian:
    """Give the noise profile of a DNG, or CRVD's calibration by the ISO of the folder.

    Returns:
        Noise in nominal units of the packed frames.

    Raises:
        InputError: the file holds no noise profile.
    """
    mosaic = None if info is None else info.mosaic
    if mosaic is None or mosaic.noise_profile is None:
        source = info.source.path if info is not None and info.source else None
        raise InputError(
            f"{source or 'array'}: holds no noise profile: let it be estimated by --noise auto"
        )
    gain, variance = mosaic.noise_profile
    return PoissonGaussian(gain, variance**0.5)
