"""PSNR against wall-clock time on one clip: what waiting longer buys.

    python benchmarks/curve.py --clip CLIPS/tractor --frames 20

Gaussian noise, unclipped, drawn once from the stored seed. Each run is a whole one, from frames in
memory to frames in memory, with the true sigma; `fast` trains nothing, the others get a time
budget. PSNR per frame, averaged over all frames. Writes JSON and, beside it, the curve as PNG.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from quality import NOISE_SEED, psnr
from record import provenance

import f2r
from f2r.cli.quantities import seconds_of
from f2r.io import open_reader

SIZE = (720, 440)
FRAME = (70, 20, 690, 390)
"""Left, top, right and bottom of the axes in pixels."""
COLOURS = {"refined": (180, 70, 20), "anchor": (60, 150, 60), "prior": (130, 130, 130)}
"""Blue, green, red."""


@dataclass(frozen=True)
class Point:
    """One run."""

    budget: str
    """'fast', or the time budget as given."""
    seconds: float
    """Wall-clock time that it took."""
    prior: float
    anchor: float
    refined: float
    """PSNR in dB; `refined` is that of the output."""
    estimated: float
    """What F2R says of its refined frames without the clean clip, dB."""


def measure(clean: np.ndarray, noisy: np.ndarray, sigma: float, budget: str) -> Point:
    seconds = None if budget == "fast" else seconds_of(budget)
    start = time.monotonic()
    result = f2r.denoise(noisy, sigma=sigma, preset="fast", time_budget=seconds)
    spent = time.monotonic() - start
    figures = [psnr(part, clean) for part in (result.prior, result.anchor, result.frames)]
    return Point(budget, spent, *figures, result.report["estimated_psnr"][0]["refined"])


def draw_curve(points: list[Point], title: str) -> np.ndarray:
    """Draw PSNR (linear) against seconds (logarithmic) as an (H, W, 3) BGR picture."""
    ordered = sorted(points, key=lambda point: point.seconds)
    times = np.log10([point.seconds for point in ordered])
    values = np.array([[getattr(point, name) for name in COLOURS] for point in ordered])
    low, high = np.floor(values.min()), np.ceil(values.max())
    first, last = times.min() - 0.1, times.max() + 0.1
    left, top, right, bottom = FRAME

    def place(at: float, value: float) -> tuple[int, int]:
        x = left + (at - first) / (last - first) * (right - left)
        return round(x), round(bottom - (value - low) / (high - low) * (bottom - top))

    picture = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    for value in np.arange(low, high + 0.5):
        draw_line(picture, (left, place(first, value)[1]), (right, place(first, value)[1]))
        write(picture, f"{value:.0f} dB", (8, place(first, value)[1] + 5))
    for at, point in zip(times, ordered, strict=True):
        x = place(at, low)[0]
        draw_line(picture, (x, top), (x, bottom))
        write(picture, f"{point.seconds:.0f} s", (x - 18, bottom + 20))
    for k, (name, colour) in enumerate(COLOURS.items()):
        spots = [place(at, value) for at, value in zip(times, values[:, k], strict=True)]
        cv2.polylines(picture, [np.array(spots)], False, colour, 2, cv2.LINE_AA)
        for spot in spots:
            cv2.circle(picture, spot, 4, colour, -1, cv2.LINE_AA)
        write(picture, name, (right - 80, bottom - 12 - 20 * (len(COLOURS) - k - 1)), colour)
    write(picture, title, (left, SIZE[1] - 10))
    return picture


def draw_line(picture: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> None:
    cv2.line(picture, start, end, (225, 225, 225), 1)


def write(
    picture: np.ndarray, text: str, at: tuple[int, int], colour: tuple[int, int, int] = (40, 40, 40)
) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, required=True, help="folder of frames, or video")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--sigma", type=float, default=30, help="8-bit units")
    default = ["fast", "30s", "60s", "2m", "5m", "15m"]
    parser.add_argument("--budgets", nargs="+", default=default)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/curve.json"))
    args = parser.parse_args()
    with open_reader(args.clip) as reader:
        clean = np.stack(list(islice(reader, args.frames)))
    rng = np.random.default_rng(NOISE_SEED)
    sigma = args.sigma / 255
    noisy = clean + rng.standard_normal(clean.shape, dtype=np.float32) * np.float32(sigma)
    name = f"{args.clip.stem}, {len(clean)} frames, {clean.shape[2]}x{clean.shape[1]}"
    points: list[Point] = []
    for budget in args.budgets:
        points.append(measure(clean, noisy, sigma, budget))
        print(points[-1], flush=True)
        made = provenance()
        content = made | {"clip": name, "sigma": args.sigma, "noise_seed": NOISE_SEED}
        content |= {"noisy": psnr(noisy, clean), "points": [asdict(point) for point in points]}
        args.out.write_text(json.dumps(content, indent=1) + "\n")
        title = f"{name}, sigma {args.sigma:g}; {made['hardware']}"
        if not cv2.imwrite(str(args.out.with_suffix(".png")), draw_curve(points, title)):
            raise OSError(f"{args.out.with_suffix('.png')} cannot be written")


if __name__ == "__main__":
    main()
