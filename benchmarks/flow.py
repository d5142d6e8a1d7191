"""How well flow aligns neighbours, and how much of a frame's own noise it lets through.

    python benchmarks/flow.py --clips CLIPS --out benchmarks/results/flow.json

Per clip and way of estimating flow: PSNR of the clean neighbours t - 1 and t + 1 warped to frame t,
PSNR of the mean of the two, correlation of that mean's error with the noise of frame t (the leak),
seconds a frame for both directions. The flow sees denoised noisy frames, as in a run; the clean
ones only measure it.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import islice, pairwise
from pathlib import Path
from statistics import mean

import torch
from record import provenance
from torch import Tensor

from f2r.evaluation.metrics import psnr
from f2r.flow.estimator import DisFlow
from f2r.flow.warp import warp_backward
from f2r.io import open_reader
from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.method.two_pass_flow import Linker
from f2r.models.weights import load_prior
from f2r.noise.models import Gaussian

SEED = 2026

Link = Callable[[list[PreparedFrame]], None]


def one_pass(flow: DisFlow) -> Link:
    """Link frames by one search between them as they are."""

    def link(frames: list[PreparedFrame]) -> None:
        for earlier, later in pairwise(frames):
            pair = flow.estimate_both(earlier.denoised, later.denoised)
            earlier.to_next, later.to_previous = pair

    return link


def two_passes(frames: list[PreparedFrame]) -> None:
    """Link frames as F2R does."""
    linker = Linker(DisFlow())
    for frame in frames:
        linker.push(frame)
    linker.finish()


WAYS: dict[str, Link] = {
    "one pass, quarter resolution": one_pass(DisFlow(2)),
    "one pass, half resolution": one_pass(DisFlow(1)),
    "one pass, full resolution": one_pass(DisFlow(0)),
    "two passes": two_passes,
}


def read_clip(path: Path, frames: int) -> Tensor:
    with open_reader(path) as reader:
        stack = [torch.from_numpy(frame).permute(2, 0, 1) for frame in islice(reader, frames)]
    height, width = (side // 8 * 8 for side in stack[0].shape[-2:])
    return torch.stack(stack)[..., :height, :width]


def measure(clean: Tensor, noisy: Tensor, frames: list[PreparedFrame], link: Link) -> dict:
    start = time.perf_counter()
    link(frames)
    seconds = (time.perf_counter() - start) / len(frames)
    rows = [judge(clean, noisy, frames, t) for t in range(1, len(frames) - 1)]
    names = ("warped", "mean_of_two", "leak")
    columns = zip(*rows, strict=True)
    figures = {name: round(mean(column), 4) for name, column in zip(names, columns, strict=True)}
    return figures | {"seconds": round(seconds, 3)}


def judge(clean: Tensor, noisy: Tensor, frames: list[PreparedFrame], t: int) -> tuple[float, ...]:
    flows = ((t - 1, frames[t].to_previous), (t + 1, frames[t].to_next))
    warped = torch.cat([warp_backward(clean[i][None], f[None], "bicubic") for i, f in flows])
    error, noise = warped.mean(0) - clean[t], noisy[t] - clean[t]
    leak = (error * noise).mean() / (error.std() * noise.std())
    single = float(psnr(warped, clean[t].expand_as(warped)).mean())
    return single, float(psnr(warped.mean(0, keepdim=True), clean[t][None]).mean()), float(leak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--names", nargs="*", default=[])
    parser.add_argument("--sigma", type=float, default=30, help="8-bit units")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/flow.json"))
    args = parser.parse_args()
    rows = []
    for path in sorted(args.clips.iterdir()):
        if (args.names and path.name not in args.names) or not path.is_dir():
            continue
        clean = read_clip(path, args.frames)
        noise = Gaussian(args.sigma / 255)
        noisy = noise.sample(clean, torch.Generator().manual_seed(SEED))
        preprocessor = Preprocessor(load_prior(), noise, DisFlow())
        for way, link in WAYS.items():
            frames = [preprocessor.prepare(frame) for frame in noisy]
            rows.append({"clip": path.name, "way": way} | measure(clean, noisy, frames, link))
            print(rows[-1], flush=True)
    names = ("warped", "mean_of_two", "leak", "seconds")
    means = {w: {n: mean(r[n] for r in rows if r["way"] == w) for n in names} for w in WAYS}
    print(json.dumps(means, indent=1))
    content = {"sigma": args.sigma, "seed": SEED, "frames": args.frames, "means": means}
    args.out.write_text(json.dumps(provenance() | content | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
