"""Draw PSNR against seconds a frame, by matplotlib."""

from collections.abc import Mapping
from pathlib import Path

from f2r.pictures.noise_picture import check_charts

SIZE = (8.0, 4.8)
"""Width and height, inches at 110 dots."""
OURS_INK, OTHERS_INK, GRID = "#c0392b", "#34495e", "#e3e3e3"
"""Colours of F2R, of other methods and of the grid."""
APART = 0.05
"""Least distance between two labels, as a share of the height."""


def draw_pace(path: Path, spots: Mapping[str, tuple[float, float]], title: str) -> None:
    """Draw one labelled point for each method.

    Args:
        path: picture to write; it is replaced if it exists.
        spots: seconds a frame, > 0, and PSNR in dB, by method.
        title: what was denoised.

    Raises:
        InputError: matplotlib is not installed.
    """
    check_charts()
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(SIZE, dpi=110, layout="constrained")
    axes = figure.subplots()
    low, high = _range([value for _, value in spots.values()])
    times = [seconds for seconds, _ in spots.values()]
    axes.set(xscale="log", xlim=(min(times) / 1.6, max(times) * 3.2), ylim=(low, high), title=title)
    axes.set(xlabel="seconds a frame, whole process", ylabel="PSNR in dB")
    axes.xaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    heights = label_heights({name: value for name, (_, value) in spots.items()}, high - low)
    for name, (seconds, value) in spots.items():
        ink = OURS_INK if name.startswith("f2r") else OTHERS_INK
        axes.plot(seconds, value, "o", color=ink, markersize=7)
        axes.annotate(
            name,
            (seconds, value),
            (seconds * 1.07, heights[name]),
            color=ink,
            va="center",
            fontsize=10,
        )
    figure.savefig(path)


def label_heights(values: Mapping[str, float], span: float) -> dict[str, float]:
    """Give the height of each label: that of its point, moved up where two would overlap.

    Args:
        values: heights of the points.
        span: height of the picture in the same unit.
    """
    heights: dict[str, float] = {}
    below = float("-inf")
    for name in sorted(values, key=lambda name: values[name]):
        below = max(values[name], below + APART * span)
        heights[name] = below
    return heights


def _range(values: list[float]) -> tuple[float, float]:
    """Give the ends of the scale, with room around all values."""
    room = max(0.12 * (max(values) - min(values)), 0.25)
    return min(values) - room, max(values) + room
