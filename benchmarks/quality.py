"""Noisy, prior, anchor and refined PSNR over clips and noise levels, with times.

    python benchmarks/quality.py --clips CLIPS --names walk foliage \
        --sigmas 10 30 50 --frames 20 --time-budget 90

Gaussian noise, unclipped, drawn once per clip from the stored seed. PSNR per frame, averaged
over all frames of the clip. The clean frames are used for the figures only.
"""

import argparse
import json
import math
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from record import provenance

import f2r
from f2r.io import open_reader

NOISE_SEED = 2026


@dataclass(frozen=True)
class Case:
    """Figures of one clip at one noise level; PSNR in dB."""

    clip: str
    sigma: int
    noisy: float
    prior: float
    anchor: float
    refined: float
    estimated: dict[str, float]
    leak: float
    """Correlation of the anchor's error with the noise of its own frame, by the clean clip."""
    seconds: dict[str, float]
    training: dict[str, float] | None


def psnr(estimate: np.ndarray, clean: np.ndarray) -> float:
    errors = np.square(estimate - clean, dtype=np.float64).mean(axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(errors)))


def measure(folder: Path, sigma: int, frames: int, options: dict[str, object]) -> Case:
    with open_reader(folder) as reader:
        clean = np.stack(list(islice(reader, frames)))
    rng = np.random.default_rng(NOISE_SEED)
    noise = rng.standard_normal(clean.shape, dtype=np.float32) * np.float32(sigma / 255)
    result = f2r.denoise(clean + noise, **options)
    error = result.anchor - clean
    leak = float((error * noise).mean() / math.sqrt((error**2).mean() * (noise**2).mean()))
    report = result.report
    return Case(
        folder.name,
        sigma,
        psnr(clean + noise, clean),
        psnr(result.prior, clean),
        psnr(result.anchor, clean),
        psnr(result.frames, clean),
        report["estimated_psnr"][0],
        leak,
        report["seconds"],
        report.get("training"),
    )


def row(case: Case) -> str:
    figures = (case.noisy, case.prior, case.anchor, case.refined, case.estimated["refined"])
    columns = " | ".join(f"{value:.2f}" for value in figures)
    total = case.seconds["total"]
    return f"| {case.clip} | {case.sigma} | {columns} | {case.leak:.3f} | {total:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--names", nargs="+", required=True)
    parser.add_argument("--sigmas", nargs="+", type=int, default=[10, 30, 50])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--time-budget", type=float)
    parser.add_argument("--auto", action="store_true", help="estimate the noise")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/quality.json"))
    args = parser.parse_args()
    cases = []
    print("| clip | sigma | noisy | prior | anchor | refined | estimated | leak | s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in args.names:
        for sigma in args.sigmas:
            options = {"preset": args.preset, "time_budget": args.time_budget}
            options |= {} if args.auto else {"sigma": sigma / 255}
            cases.append(measure(args.clips / name, sigma, args.frames, options))
            print(row(cases[-1]), flush=True)
            content = provenance() | {"noise_seed": NOISE_SEED, "options": vars(args)}
            content |= {"cases": [asdict(case) for case in cases]}
            args.out.write_text(json.dumps(content, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main()
