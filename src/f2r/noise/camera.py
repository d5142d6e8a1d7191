"""Levels, mosaic and calibrated noise of the CRVD camera.

Source: Yue, Cao, Liao, Chu, Yang 2020, "Supervised Raw Video Denoising with a Benchmark Dataset on
Dynamic Scenes" (Sony IMX385); values of the published noise synthesis.
"""

from f2r.errors import InputError
from f2r.noise.models import PoissonGaussian

BLACK, WHITE = 240, 4095
"""Black and white level, digital numbers."""
PATTERN = "GBRG"
"""Colours of the top left 2 x 2 pixels, row by row."""

GAIN_AND_READ_VARIANCE = {
    1600: (3.513262, 11.917691),
    3200: (6.955588, 38.117816),
    6400: (13.486051, 130.818508),
    12800: (26.585953, 484.539790),
    25600: (52.032536, 1819.818657),
}
"""Per ISO: digital numbers per photo-electron, variance of the read noise in digital numbers."""


def crvd_noise(iso: int) -> PoissonGaussian:
    """Build the noise model at an ISO setting, nominal units (value - black) / (white - black).

    Raises:
        InputError: there is no calibration for this ISO.
    """
    if iso not in GAIN_AND_READ_VARIANCE:
        known = ", ".join(map(str, GAIN_AND_READ_VARIANCE))
        raise InputError(f"ISO {iso}: the CRVD camera is calibrated at {known}")
    gain, variance = GAIN_AND_READ_VARIANCE[iso]
    return PoissonGaussian(gain / (WHITE - BLACK), variance**0.5 / (WHITE - BLACK))
