"""The picture of `f2r noise`: four panels for each plane of a clip."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from f2r.io.images.picture import write_picture
from f2r.noise.blocks import Curve
from f2r.noise.correlated import Correlated
from f2r.noise.models import NoiseModel
from f2r.pictures.before_after import Pixels
from f2r.pictures.chart import Panel
from f2r.run.inspect import PlaneNoise

SMOOTH = 60
"""Points of a drawn curve."""


def write_noise_picture(path: Path, planes: Sequence[PlaneNoise]) -> None:
    """Draw variance and fit, spatial correlation, correlation in time, and what stays in place.

    Args:
        path: picture to write, by its suffix; replaced if it exists.
        planes: what `inspect_noise` found; one row of two by two panels for each.
    """
    write_picture(path, np.vstack([_plane(plane) for plane in planes]))


def _plane(plane: PlaneNoise) -> Pixels:
    above = np.hstack([_variance(plane), _neighbours(plane)])
    below = np.hstack([_frames(plane), _standing(plane)])
    return np.vstack([above, below])


def _variance(plane: PlaneNoise) -> Pixels:
    curve, model = plane.estimate.evidence.curve, plane.estimate.model
    title = f"{plane.name}: variance against level"
    labels = ("level, 8-bit units", "variance, 8-bit units squared")
    if curve is None:
        panel = Panel(title, (0.0, 255.0), (0.0, 1.0), labels)
        panel.grid()
        panel.write("no part of the clip varies", (panel.place(40, 0.5)))
        return panel.pixels
    fitted = _fit(curve, model)
    low, high = 255 * float(curve.level[0]), 255 * float(curve.level[-1])
    room = max(0.04 * (high - low), 1.0)
    top = 255**2 * max(float(curve.variance.quantile(0.9)), max(fitted[1]) / 255**2)
    panel = Panel(title, (low - room, high + room), (0.0, max(1.25 * top, 0.05)), labels)
    panel.grid()
    panel.points(
        (255 * curve.level).tolist(),
        (255**2 * curve.variance).tolist(),
        (255**2 * curve.error).tolist(),
    )
    panel.line(*fitted)
    return panel.pixels


def _fit(curve: Curve, model: NoiseModel) -> tuple[list[float], list[float]]:
    """Levels and variances of the model over the range of the curve, 8-bit units."""
    base = model.base if isinstance(model, Correlated) else model
    levels = torch.linspace(float(curve.level[0]), float(curve.level[-1]), SMOOTH)
    return (255 * levels).tolist(), (255**2 * base.variance(levels)).tolist()


def _neighbours(plane: PlaneNoise) -> Pixels:
    found = plane.diagnosis.autocorrelation
    reach = found.shape[-1] // 2
    panel = Panel("correlation between pixels", (0, 1), (0, 1))
    panel.map(found.numpy(), 1.0)
    across, down = float(found[reach, reach + 1]), float(found[reach + 1, reach])
    text = f"up to {reach} pixels apart; next pixel {across:.2f} across, {down:.2f} down"
    panel.write(text, (110, panel.pixels.shape[0] - 30))
    return panel.pixels


def _frames(plane: PlaneNoise) -> Pixels:
    lags = plane.diagnosis.lags
    panel = Panel("correlation between frames", (0.0, 5.0), (-0.2, 1.0), ("frames apart", ""))
    panel.grid(upright=False)
    panel.bars(lags, [str(lag + 1) for lag in range(len(lags))])
    if not lags:
        panel.write("a single frame", panel.place(1.5, 0.5))
    return panel.pixels


def _standing(plane: PlaneNoise) -> Pixels:
    found = plane.diagnosis.standing.mean(0) / plane.scale
    spread = max(float(found.std()), 1e-9)
    panel = Panel("fixed pattern: mean residual over time", (0, 1), (0, 1))
    panel.map(found.numpy(), 3 * spread)
    text = f"full colour at {255 * 3 * spread:.2f} of 255"
    panel.write(text, (110, panel.pixels.shape[0] - 30))
    return panel.pixels
