"""Charts of `f2r noise`: four panels per plane, drawn by matplotlib."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from f2r.errors import InputError
from f2r.noise.blocks import Curve
from f2r.noise.correlated import Correlated
from f2r.noise.models import NoiseModel
from f2r.noise.plane_noise import PlaneNoise
from f2r.pictures.before_after import Pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHART_WIDTH, CHART_HEIGHT = 13.6, 9.6
"""Size of the four panels of a plane, inches at 100 dots."""
PAGE_SIZE = (7.6, 3.1)
"""Size of the two panels of `draw_noise`, inches at 150 dots."""
CURVE_POINTS = 60
"""Points of a drawn curve."""
MEASURED_INK, MODEL_INK, SIGNED_COLOURS = "#26639f", "#ce4a28", "RdBu_r"
"""Colours of measured values and of the model; colour map of signed values."""


def check_charts() -> None:
    """Check that matplotlib is installed.

    Raises:
        InputError: it is not.
    """
    if find_spec("matplotlib") is None:
        raise InputError("charts need matplotlib: pip install 'frames2residual[charts]'")


def write_noise_picture(path: Path, planes: Sequence[PlaneNoise]) -> None:
    """Draw variance and fit, spatial correlation, correlation in time and fixed pattern.

    Args:
        path: picture to write; the suffix decides the format. It is replaced if it exists.
        planes: result of `inspect_noise`; each gets two rows of two panels.

    Raises:
        InputError: matplotlib is not installed.
    """
    check_charts()
    from matplotlib.figure import Figure

    figure = Figure((CHART_WIDTH, CHART_HEIGHT * len(planes)), dpi=100, layout="constrained")
    panels = figure.subplots(2 * len(planes), 2)
    for row, plane in zip(range(0, 2 * len(planes), 2), planes, strict=True):
        _variance(panels[row, 0], plane)
        _neighbours(panels[row, 1], plane)
        _frames(panels[row + 1, 0], plane)
        _standing(panels[row + 1, 1], plane)
    figure.savefig(path)


def draw_noise(plane: PlaneNoise) -> Pixels:
    """Draw variance and spatial correlation of one plane, for a page.

    Raises:
        InputError: matplotlib is not installed.
    """
    check_charts()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(PAGE_SIZE, dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _variance(left, plane)
    _neighbours(right, plane)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels: Pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return pixels


def _variance(panel: "Axes", plane: PlaneNoise) -> None:
    curve = plane.estimate.evidence.curve
    panel.set_title(f"{plane.name}: variance against level")
    panel.set_xlabel("level, 8-bit units")
    panel.set_ylabel("variance, 8-bit units squared")
    panel.grid(alpha=0.3)
    if curve is None:
        panel.text(0.5, 0.5, "no part of the clip varies", ha="center")
        return
    level, variance, error = 255 * curve.level, 255**2 * curve.variance, 255**2 * curve.error
    panel.errorbar(level, variance, yerr=error, fmt="o", color=MEASURED_INK, label="measured")
    fitted = _fit(curve, plane.estimate.model)
    panel.plot(*fitted, color=MODEL_INK, linewidth=2, label="model")
    top = max(float(variance.quantile(0.9)), *fitted[1])  # levels with scene may go off the panel
    panel.set_ylim(0.0, max(1.25 * top, 0.05))
    panel.legend()


def _fit(curve: Curve, model: NoiseModel) -> tuple[list[float], list[float]]:
    """Compute levels and variances of the model over the range of the curve, 8-bit units."""
    base = model.base if isinstance(model, Correlated) else model
    levels = torch.linspace(float(curve.level[0]), float(curve.level[-1]), CURVE_POINTS)
    return (255 * levels).tolist(), (255**2 * base.variance(levels)).tolist()


def _neighbours(panel: "Axes", plane: PlaneNoise) -> None:
    found = plane.diagnosis.autocorrelation
    reach = found.shape[-1] // 2
    across, down = float(found[reach, reach + 1]), float(found[reach + 1, reach])
    edge = reach + 0.5
    image = panel.imshow(
        found.numpy(), cmap=SIGNED_COLOURS, vmin=-1, vmax=1, extent=(-edge, edge, edge, -edge)
    )
    panel.set_title("correlation between pixels")
    panel.set_xlabel(f"pixels; adjacent pixels: {across:.2f} across, {down:.2f} down")
    panel.figure.colorbar(image, ax=panel)


def _frames(panel: "Axes", plane: PlaneNoise) -> None:
    lags = plane.diagnosis.lags
    panel.set_title("correlation between frames")
    panel.set_xlabel("frames apart")
    panel.set_ylim(-0.2, 1.1)
    panel.grid(axis="y", alpha=0.3)
    if not lags:
        panel.text(0.5, 0.5, "a single frame", ha="center")
        return
    bars = panel.bar([str(lag) for lag in range(1, len(lags) + 1)], lags, 0.6, color=MEASURED_INK)
    panel.bar_label(bars, fmt="%.2f", padding=3)


def _standing(panel: "Axes", plane: PlaneNoise) -> None:
    found = 255 * plane.diagnosis.standing.mean(0) / plane.scale
    limit = 3 * max(float(found.std()), 1e-6)
    image = panel.imshow(found.numpy(), cmap=SIGNED_COLOURS, vmin=-limit, vmax=limit)
    panel.set_title("fixed pattern: mean residual over time")
    panel.set_xlabel("8-bit units")
    panel.set_xticks([])
    panel.set_yticks([])
    panel.figure.colorbar(image, ax=panel)
