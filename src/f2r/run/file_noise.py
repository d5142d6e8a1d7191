"""The noise that a raw file says it has."""

from pathlib import Path

from f2r.errors import InputError
from f2r.io.opening import open_reader
from f2r.io.raw.mosaic import Mosaic
from f2r.noise.models import PoissonGaussian


def file_noise(source: str | Path, mosaic: Mosaic | None = None) -> PoissonGaussian:
    """Read the noise profile of a DNG, or CRVD's calibration by the ISO of the folder.

    Args:
        source: the clip.
        mosaic: what its samples mean, where the file does not say so.

    Returns:
        Noise in nominal units of the packed frames.

    Raises:
        InputError: the clip cannot be read, or says nothing of its noise.
    """
    with open_reader(source, mosaic=mosaic) as reader:
        found = reader.info.mosaic
    if found is None or found.noise_profile is None:
        raise InputError(f"{source}: holds no noise profile: let it be estimated by --noise auto")
    gain, variance = found.noise_profile
    return PoissonGaussian(gain, variance**0.5)
