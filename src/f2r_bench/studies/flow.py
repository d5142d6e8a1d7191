"""How well flow aligns neighbours, and how much of a frame's own noise it lets through.

For each clip and way of estimating flow: PSNR of the clean neighbours warped to frame t, PSNR of
their mean, correlation of that mean's error with the noise of frame t (the leak), seconds a frame
for both directions. The flow sees denoised frames, as in a run.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from statistics import fmean
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from f2r.flow.estimator import DisFlow
from f2r.flow.warp import warp_backward
from f2r.models.weights import load_prior
from f2r.noise.models import Gaussian
from f2r_bench.clips.datasets import find_dataset, read_clip
from f2r_bench.clips.noise import clip_psnr, draw_noisy
from f2r_bench.core import PreparedFrame, Preprocessor, link_frames
from f2r_bench.options.studies import FlowArgs
from f2r_bench.record import write_record

Link = Callable[[list[PreparedFrame]], None]
FIGURES = ("warped", "mean_of_two", "leak", "seconds")
MULTIPLE = 8
"""Sides of what the prior sees are multiples of this."""


def _one_pass(flow: DisFlow, frames: list[PreparedFrame]) -> None:
    """Link frames by one search between them as they are."""
    for earlier, later in pairwise(frames):
        pair = flow.estimate_both(earlier.denoised, later.denoised)
        earlier.to_next, later.to_previous = pair


WAYS: Mapping[str, Link] = {
    "one pass, quarter resolution": partial(_one_pass, DisFlow(2)),
    "one pass, half resolution": partial(_one_pass, DisFlow(1)),
    "one pass, full resolution": partial(_one_pass, DisFlow(0)),
    "two passes": partial(link_frames, flow=DisFlow()),
}
"""Ways of linking adjacent frames; the last one is F2R's."""


def measure_flow(args: FlowArgs, say: Callable[[str], None]) -> None:
    """Measure every way on every clip and write the figures."""
    rows: list[dict[str, Any]] = []
    noise = Gaussian(args.sigma / 255)
    preprocessor = Preprocessor(load_prior(), noise, DisFlow())
    for clip in find_dataset(args.data, args.clips).clips:
        clean = _even(read_clip(clip, args.frames))
        noisy = draw_noisy(clean, noise, args.seed)
        for way, link in WAYS.items():
            frames = [preprocessor.prepare(frame) for frame in noisy]
            rows.append({"clip": clip.name, "way": way} | _measure(clean, noisy, frames, link))
            say(str(rows[-1]))
    means = {w: {n: fmean(r[n] for r in rows if r["way"] == w) for n in FIGURES} for w in WAYS}
    for way, figures in means.items():
        say(f"{way}: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    write_record(args.output, args, {"means": means, "rows": rows})


def _even(clip: Tensor) -> Tensor:
    height, width = (side // MULTIPLE * MULTIPLE for side in clip.shape[-2:])
    return clip[..., :height, :width]


def _measure(
    clean: Tensor, noisy: Tensor, frames: list[PreparedFrame], link: Link
) -> dict[str, float]:
    start = perf_counter()
    link(frames)
    seconds = (perf_counter() - start) / len(frames)
    rows = [_judge(clean, noisy, frames, t) for t in range(1, len(frames) - 1)]
    means = [round(fmean(column), 4) for column in zip(*rows, strict=True)]
    return dict(zip(FIGURES, [*means, round(seconds, 3)], strict=True))


def _judge(
    clean: Tensor, noisy: Tensor, frames: list[PreparedFrame], t: int
) -> tuple[float, float, float]:
    """Give PSNR of the warped neighbours, PSNR of their mean, and the leak."""
    warped = torch.cat(
        [
            warp_backward(clean[i][None], flow[None], "bicubic")
            for i, flow in ((t - 1, frames[t].to_previous), (t + 1, frames[t].to_next))
            if flow is not None
        ]
    )
    error, noise = warped.mean(0) - clean[t], noisy[t] - clean[t]
    leak = (error * noise).mean() / (error.std() * noise.std())
    mean = warped.mean(0, keepdim=True)
    target = clean[t].expand_as(warped)
    return clip_psnr(warped, target), clip_psnr(mean, clean[t][None]), float(leak)
