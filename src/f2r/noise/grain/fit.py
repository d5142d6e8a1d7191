"""Fit AV1's model of film grain: white noise through an autoregressive filter, scaled by level.

Source: AV1 Bitstream & Decoding Process Specification, 5.9.30 and 7.18.3 (film grain synthesis);
Norkin, Birkbeck 2018, "Film Grain Synthesis for AV1 Video Codec".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2r.noise.grain.filter import GrainFilter, fit_filter, places_of, rounded
from f2r.noise.grain.measure import OFFSETS, GrainMeasure

WHITE = 32.0
"""Standard deviation of the white noise that decoders filter, 8-bit units."""

LEAST = 500
"""Least number of samples per level."""

POINTS = (14, 10, 10)
"""Most scaling points of luma, Cb and Cr."""

SCALING_SHIFTS = range(11, 7, -1)
"""Binary places of the scaling; the first that holds all values."""

GRAIN_SHIFTS = range(4)
"""Binary places by which the white noise may be made weaker."""

UNCLIPPED = 40.0
"""Largest standard deviation of grain that decoders do not clip."""

FAINT = 0.05
"""Standard deviation below which no table is written, 8-bit units."""


@dataclass(frozen=True)
class Grain:
    """The grain of one scene, in the integers of the bitstream."""

    scaling: tuple[tuple[tuple[int, int], ...], ...]
    """Per plane: (luma level, scaling) of 0 to 255, levels rising; no point is no grain."""
    coefficients: tuple[tuple[int, ...], ...]
    """Per plane: 24 of the neighbours of `OFFSETS`; of chroma one more, of the luma's grain."""
    ar_shift: int
    """Binary places of the coefficients."""
    scaling_shift: int
    """Binary places of the scaling."""
    grain_shift: int
    """Binary places by which the white noise is made weaker, so that the filter does not clip."""


def fit_grain(measure: GrainMeasure) -> Grain | None:
    """Fit the model to the measurements of a scene; None for negligible grain."""
    seen = measure.count >= min(LEAST, measure.count.max())
    curves = [measure.deviations(k)[seen] for k in range(measure.planes)]
    if not curves or not seen.any() or max(curve.max() for curve in curves) < FAINT:
        return None
    filters = _fit_filters(measure)
    ar_shift = places_of([one.coefficients for one in filters])
    grain_shift = _grain_shift(max(one.strength for one in filters))
    white = WHITE / 2**grain_shift
    scales = [curve / (white * one.strength) for curve, one in zip(curves, filters, strict=True)]
    scaling_shift = _places(max(float(scale.max()) for scale in scales))
    levels = measure.level[seen] / measure.count[seen]
    scaling = [_points(levels, s * 2**scaling_shift, POINTS[k]) for k, s in enumerate(scales)]
    coefficients = [tuple(rounded(one.coefficients, ar_shift).tolist()) for one in filters]
    if measure.planes == 1:
        scaling += [(), ()]
        coefficients += [(0,) * (len(OFFSETS) + 1)] * 2
    return Grain(tuple(scaling), tuple(coefficients), ar_shift, scaling_shift, grain_shift)


def _fit_filters(measure: GrainMeasure) -> list[GrainFilter]:
    luma = fit_filter(measure.products[0])
    return [luma] + [fit_filter(p, luma) for p in measure.products[1 : measure.planes]]


def _grain_shift(strength: float) -> int:
    fitting = (shift for shift in GRAIN_SHIFTS if WHITE * strength / 2**shift <= UNCLIPPED)
    return next(fitting, GRAIN_SHIFTS[-1])


def _places(largest: float) -> int:
    """Choose the number of binary places that hold the largest scaling."""
    fitting = (shift for shift in SCALING_SHIFTS if largest * 2**shift <= 255)
    return next(fitting, SCALING_SHIFTS[-1])


def _points(
    levels: NDArray[np.float64], scales: NDArray[np.float64], most: int
) -> tuple[tuple[int, int], ...]:
    """Round a curve to points of rising levels, evenly chosen where there are too many."""
    chosen = np.unique(np.linspace(0, len(levels) - 1, min(most, len(levels))).round().astype(int))
    points: dict[int, int] = {}
    for x, y in zip(levels[chosen], scales[chosen], strict=True):
        points[int(np.clip(round(x), 0, 255))] = int(np.clip(round(y), 0, 255))
    return tuple(sorted(points.items()))
