"""The autoregressive filter of AV1's film grain: solution, rounding, test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2r.noise.grain.measure import LAG, OFFSETS

Values = NDArray[np.float64]

RIDGES = (1e-6, 1e-4, 1e-3, 1e-2, 3e-2, 0.1)
"""Shares of the variance that are added as white noise until the rounded filter is stable."""

CLOSE = 0.03
"""Largest error of a correlation at which a filter is accepted."""

COMPARED = ((0, -1), (-1, 0), (-1, -1), (-1, 1), (0, -2), (-2, 0))
"""Neighbours whose correlation with a pixel is compared."""

SIDES = (152, 168)
"""Rows and columns of the grain on which a filter is tried; twice those of a decoder."""

PLACES = range(9, 5, -1)
"""Binary places of the coefficients; the first that holds all values."""

LARGEST = 127
"""Largest coefficient in the bitstream."""


@dataclass(frozen=True)
class GrainFilter:
    """A filter in the integers of the bitstream, and its output for white noise."""

    coefficients: Values
    """Of the neighbours of `OFFSETS`; for chroma one more, of the luma's grain."""
    strength: float
    """Standard deviation of its grain over that of the white noise."""
    grain: Values
    """(rows, columns): the grain on which it was tried."""


def places_of(filters: list[Values]) -> int:
    """Choose the number of binary places that hold all coefficients."""
    most = max(float(np.abs(one).max()) for one in filters)
    return next((p for p in PLACES if most * 2**p <= LARGEST), PLACES[-1])


def rounded(coefficients: Values, places: int) -> NDArray[np.int64]:
    """Round coefficients to integers of so many binary places."""
    return np.rint(coefficients * 2**places).clip(-LARGEST - 1, LARGEST).astype(np.int64)


def fit_filter(products: Values, luma: GrainFilter | None = None) -> GrainFilter:
    """Solve the Yule-Walker equations, with so much white noise that the filter is stable.

    Args:
        products: sums of products of neighbours, of the luma for chroma, and of the pixel.
        luma: filter of the luma, where the plane is chroma.
    """
    power = max(products[-1, -1], 1e-12)
    inner, own = products[:-1, :-1] / power, products[:-1, -1] / power
    wanted = own[[OFFSETS.index(offset) for offset in COMPARED]]
    best, least = None, np.inf
    for ridge in RIDGES:
        solved = np.linalg.solve(inner + ridge * np.eye(len(inner)), own)
        tried = _tried(solved, float(np.clip(1 - solved @ own, 0.02, 1.0)), luma)
        error = float(np.abs(_correlations(tried.grain) - wanted).max())
        if best is None or error < least:
            best, least = tried, error
        if error < CLOSE:
            break
    assert best is not None
    return best


def _tried(solved: Values, share: float, luma: GrainFilter | None) -> GrainFilter:
    """Round a filter and generate grain.

    Args:
        solved: coefficients for planes of unit variance.
        share: share of the variance that the neighbours do not explain.
        luma: filter of the luma, where the plane is chroma.
    """
    white = np.random.default_rng(0 if luma is None else 1).standard_normal(SIDES)
    if luma is None:
        places = places_of([solved])
        real = rounded(solved, places) / 2**places
        grain = _filtered(white, real)
        return GrainFilter(real, float(grain.std()), grain)
    solved = solved.copy()
    solved[-1] /= np.sqrt(share) * luma.strength  # both planes have the strength of their filter
    places = places_of([solved])
    real = rounded(solved, places) / 2**places
    rows, columns = (side // 2 for side in luma.grain.shape)
    pairs = luma.grain[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
    average = pairs.mean((1, 3))
    grain = _filtered(white[:rows, :columns] + real[-1] * average, real[:-1])
    return GrainFilter(real, float(grain.std()), grain)


def _filtered(white: Values, coefficients: Values) -> Values:
    """Add to each pixel its weighted neighbours, row by row; the border stays white."""
    grain, width = white.copy(), white.shape[1]
    above = [(o, c) for o, c in zip(OFFSETS, coefficients, strict=True) if o[0] < 0]
    beside = [float(c) for o, c in zip(OFFSETS, coefficients, strict=True) if o[0] == 0]
    with np.errstate(over="ignore", invalid="ignore"):
        for row in range(LAG, len(grain)):
            inner = grain[row, LAG : width - LAG]
            for (down, across), weight in above:
                inner += weight * grain[row + down, LAG + across : width - LAG + across]
            line = grain[row].tolist()
            for x in range(LAG, width - LAG):
                line[x] += sum(c * line[x - LAG + i] for i, c in enumerate(beside))
            grain[row] = line
    return grain[LAG:, LAG : width - LAG] if np.isfinite(grain).all() else np.zeros_like(white)


def _correlations(grain: Values) -> Values:
    power = float(np.square(grain).mean())
    if not power > 0:
        return np.full(len(COMPARED), np.inf)
    height, width = grain.shape
    found = []
    for down, across in COMPARED:
        here = grain[-down:, max(-across, 0) : width - max(across, 0)]
        there = grain[: height + down, max(across, 0) : width + min(across, 0)]
        found.append(float((here * there).mean()) / power)
    return np.array(found)
