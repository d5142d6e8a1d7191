"""Raw clips: noisy, prior alone, F2R and BM4D, per ISO of the CRVD camera.

    python benchmarks/raw.py --clips CLIPS --names tractor walk foliage \
        --isos 1600 3200 6400 12800 25600 --presets fast balanced --peers bm4d \
        --out benchmarks/results/raw.json

A stand-in for CRVD: colour clips taken back to raw as `f2r simulate --raw` does (GBRG, 12 bit,
levels 240 to 4095), seven frames a scene, noise drawn once per clip and ISO from a stored seed, its
model given; with --auto also estimated: gain and read noise found relative to the true ones, means
over both planes. PSNR and SSIM of the packed frame as in CRVD's protocol, averaged over all frames.

BM4D runs on the stack of each channel after a generalised Anscombe transform. It comes from the
package `bm4d`, which is free for non-commercial use only and no part of F2R: install it yourself.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from time import monotonic

import numpy as np
import torch
from record import provenance

from f2r.config import DenoiseConfig, Preset
from f2r.evaluation.simulate import add_noise
from f2r.evaluation.simulate_raw import to_raw, with_look
from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.io.raw.crvd import ISOS, crvd_mosaic
from f2r.io.raw.packing import MosaicReader
from f2r.isp.inverse import draw_look
from f2r.noise.camera import crvd_noise
from f2r.noise.models import PoissonGaussian
from f2r.run.denoiser import Denoiser
from f2r_bench.crvd_protocol import compare

SEED = 2026

Clip = np.ndarray
"""(T, H, W, 4) packed frames, nominal units."""


@dataclass(frozen=True)
class Case:
    """Figures of one method on one clip at one ISO."""

    clip: str
    iso: int
    method: str
    raw_psnr: float
    raw_ssim: float
    seconds: float
    gain_found: float | None = None
    read_found: float | None = None


def stand_in(source: Path, frames: int, iso: int) -> tuple[Clip, MosaicReader]:
    """Make the clean packed frames, and the noisy clip as a camera would store it."""
    look = draw_look(1, torch.Generator().manual_seed(SEED))
    mosaic = with_look(crvd_mosaic(), look, iso)
    with open_reader(source) as reader:
        clean = np.stack([to_raw(frame, look, mosaic) for frame in islice(reader, frames)])
    noisy = [add_noise(frame, crvd_noise(iso), SEED, i) for i, frame in enumerate(clean)]
    samples = np.stack([mosaic.to_samples(np.minimum(frame, 1)) for frame in noisy])
    stored = np.rint(samples).clip(0, 4095).astype(np.uint16)
    return clean, MosaicReader(ArrayReader(stored, source.name), mosaic)


@dataclass(frozen=True)
class Output:
    """What a method gives."""

    frames: dict[str, Clip]
    gain_found: float | None = None
    read_found: float | None = None


def run_f2r(reader: MosaicReader, noise: PoissonGaussian, preset: str, auto: bool) -> Output:
    """Give F2R's output, and the prior's alone."""
    config = DenoiseConfig(Preset(preset), seed=SEED)
    run = Denoiser(reader, None if auto else noise, config)
    run.prepare()
    results = list(run.results())
    name = f"f2r {preset}{' auto' if auto else ''}"
    frames = {name: np.stack([r.denoised for r in results])}
    if not auto:
        return Output(frames | {"prior": np.stack([r.prior for r in results])})
    found = run.report["noise"]
    return Output(
        frames,
        fmean(entry.get("gain", 0.0) for entry in found) / noise.gain,
        fmean(entry.get("read", 0.0) for entry in found) / noise.read,
    )


def stabilise(levels: Clip, noise: PoissonGaussian) -> Clip:
    """Apply the generalised Anscombe transform: noise of standard deviation 1.

    Source: Makitalo, Foi 2013, "Optimal inversion of the generalized Anscombe transformation for
    Poisson-Gaussian noise", equations 2 and 9.
    """
    ratio = (noise.read / noise.gain) ** 2
    return 2 * np.sqrt(np.maximum(levels / noise.gain + 3 / 8 + ratio, 0))


def restore(stable: Clip, noise: PoissonGaussian) -> Clip:
    """Invert `stabilise` without bias (the closed form of the exact inverse)."""
    d = np.maximum(stable, 2 * np.sqrt(3 / 8 + (noise.read / noise.gain) ** 2))
    root = np.sqrt(3 / 2)
    counts = d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8
    return noise.gain * (counts - (noise.read / noise.gain) ** 2)


def run_bm4d(reader: MosaicReader, noise: PoissonGaussian) -> Output:
    """Denoise each channel's stack of frames by BM4D."""
    from bm4d import bm4d

    stable = stabilise(np.stack(list(reader)).astype(np.float64), noise)
    stacks = [bm4d(np.moveaxis(stable[..., c], 0, -1), 1.0) for c in range(4)]
    denoised = np.moveaxis(np.stack(stacks, -1), 2, 0)
    return Output({"bm4d": restore(denoised, noise).astype(np.float32)})


def score(denoised: Iterable[np.ndarray], clean: Clip) -> tuple[float, float]:
    """Average raw PSNR and SSIM over frames."""
    figures = [compare(batch(a), batch(b)) for a, b in zip(denoised, clean, strict=True)]
    return fmean(f.raw_psnr for f in figures), fmean(f.raw_ssim for f in figures)


def batch(frame: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]


def measure(source: Path, iso: int, args: argparse.Namespace) -> list[Case]:
    clean, reader = stand_in(source, args.frames, iso)
    noise = crvd_noise(iso)
    cases = [Case(source.name, iso, "noisy", *score(list(reader), clean), 0.0)]
    methods: list[Callable[[], Output]] = [
        partial(run_f2r, reader, noise, preset, auto)
        for preset in args.presets
        for auto in ([False, True] if args.auto else [False])
    ]
    if "bm4d" in args.peers:
        methods.append(lambda: run_bm4d(reader, noise))
    for method in methods:
        start = monotonic()
        output = method()
        spent = monotonic() - start
        known = {case.method for case in cases}
        for name, denoised in output.frames.items():
            if name not in known:
                figures = *score(denoised, clean), spent, output.gain_found, output.read_found
                cases.append(Case(source.name, iso, name, *figures))
    return cases


def _found(case: Case) -> str:
    if case.gain_found is None or case.read_found is None:
        return ""
    return f" gain x {case.gain_found:.3f}, read x {case.read_found:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--names", nargs="+", required=True)
    parser.add_argument("--isos", nargs="+", type=int, default=list(ISOS))
    parser.add_argument("--frames", type=int, default=7)
    parser.add_argument("--presets", nargs="*", default=["fast", "balanced"])
    parser.add_argument("--auto", action="store_true")
    parser.add_argument("--peers", nargs="*", default=[], choices=["bm4d"])
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    cases: list[Case] = []
    print("| clip | ISO | method | raw PSNR | raw SSIM | s |\n|---|---|---|---|---|---|")
    for iso in args.isos:
        for name in args.names:
            for case in measure(args.clips / name, iso, args):
                cases.append(case)
                print(
                    f"| {case.clip} | {iso} | {case.method} | {case.raw_psnr:.2f} | "
                    f"{case.raw_ssim:.4f} | {case.seconds:.0f} |{_found(case)}",
                    flush=True,
                )
    for method in dict.fromkeys(case.method for case in cases):
        mean = fmean(case.raw_psnr for case in cases if case.method == method)
        print(f"{method}: {mean:.2f} dB")
    if args.out:
        content = {"frames": args.frames, "seed": SEED, "cases": [asdict(c) for c in cases]}
        args.out.write_text(json.dumps(content | provenance(), indent=1) + "\n")


if __name__ == "__main__":
    main()
