"""Convert between camera colours, CIE XYZ and sRGB.

Source: Adobe, Digital Negative Specification 1.4, chapter 6, for matrices from XYZ to camera
colours; IEC 61966-2-1 for sRGB.
"""

import numpy as np
from numpy.typing import NDArray

from f2r.io.raw.mosaic import Matrix, Mosaic

SRGB_TO_XYZ: Matrix = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to CIE XYZ under D65."""


def camera_to_srgb(from_xyz: NDArray[np.floating]) -> Matrix | None:
    """Convert a camera matrix, XYZ to camera, to white-balanced camera colours to linear sRGB.

    Args:
        from_xyz: (3, 3) matrix from CIE XYZ to camera colours.

    Returns:
        (3, 3) matrix whose rows sum to 1; None if the camera matrix is singular or not finite.
    """
    to_camera = np.asarray(from_xyz, float) @ np.array(SRGB_TO_XYZ)
    white = to_camera.sum(1, keepdims=True)
    if not np.isfinite(to_camera).all() or (white <= 0).any():
        return None
    balanced = to_camera / white
    if abs(np.linalg.det(balanced)) < 1e-3:
        return None
    return as_matrix(np.linalg.inv(balanced))


def xyz_to_camera(mosaic: Mosaic) -> NDArray[np.float64]:
    """Compute the (3, 3) matrix from XYZ to camera colours of a mosaic."""
    to_balanced = np.linalg.inv(np.array(mosaic.matrix))
    red, blue = mosaic.white_balance or (1.0, 1.0)
    to_camera = to_balanced / np.array([[red], [1.0], [blue]])
    return to_camera @ np.linalg.inv(np.array(SRGB_TO_XYZ))


def as_matrix(values: NDArray[np.floating]) -> Matrix:
    """Convert a (3, 3) array to tuples."""
    return tuple((float(a), float(b), float(c)) for a, b, c in values)
