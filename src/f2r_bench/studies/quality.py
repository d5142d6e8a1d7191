"""Quality of every part of F2R on clean clips with known noise, for one or several time budgets."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from torch import Tensor

from f2r.config import seconds_of
from f2r.io.images.picture import write_picture
from f2r.noise.models import Gaussian
from f2r_bench.clips.datasets import find_dataset, read_clip
from f2r_bench.clips.noise import clip_psnr, draw_noisy, to_clip, to_frames
from f2r_bench.core import denoise, facts_of
from f2r_bench.options.studies import QualityArgs
from f2r_bench.record import write_record
from f2r_bench.studies.curve import Point, draw_curve

PRESETS = ("fast", "balanced", "best")
HEADER = "| clip | sigma | budget | noisy | prior | anchor | refined | estimated | leak | s |"


@dataclass(frozen=True)
class Case:
    """Figures of one run; PSNR in dB."""

    clip: str
    """Name of the clip."""
    sigma: float
    """Noise level in 8-bit units."""
    budget: str
    """Preset or time."""
    psnr: dict[str, float]
    """PSNR of the noisy, prior, anchor and refined frames; refined is the output."""
    output: str
    """Which part F2R chose as the output; the figure for `refined` is that of the output."""
    estimated: float | None
    """PSNR of the output as F2R estimates it."""
    leak: float
    """Correlation of the anchor's error with the noise of its own frame."""
    seconds: float
    """Time of the whole run."""
    steps: int
    """Optimiser steps of both stages."""


def measure_quality(args: QualityArgs, say: Callable[[str], None]) -> None:
    """Run every clip at every noise level with every budget; write figures and curves."""
    cases: list[Case] = []
    say(HEADER + "\n" + "|---" * 10 + "|")
    for clip in find_dataset(args.data, args.clips).clips:
        clean = read_clip(clip, args.frames)
        for sigma in args.sigma:
            noisy = draw_noisy(clean, Gaussian(sigma / 255), args.seed)
            for budget in args.budgets:
                cases.append(_measure(clip.name, clean, noisy, sigma, budget, args.auto))
                say(_row(cases[-1]))
                write_record(args.output, args, {"cases": [asdict(case) for case in cases]})
            if len(args.budgets) > 1:
                _write_curve(args.output, cases[-len(args.budgets) :])


def _measure(
    name: str, clean: Tensor, noisy: Tensor, sigma: float, budget: str, auto: bool
) -> Case:
    options: dict[str, Any] = {} if auto else {"sigma": sigma / 255}
    if budget in PRESETS:
        options["preset"] = budget
    else:
        options |= {"preset": "fast", "time_budget": seconds_of(budget)}
    start = monotonic()
    result = denoise(to_frames(noisy), **options)
    spent = monotonic() - start
    facts = facts_of(result.report)
    refined, anchor, prior = map(to_clip, (result.frames, result.anchor, result.prior))
    error, noise = anchor - clean, noisy - clean
    leak = float((error * noise).mean()) / math.sqrt(
        float(error.square().mean()) * float(noise.square().mean())
    )
    parts = {"noisy": noisy, "prior": prior, "anchor": anchor, "refined": refined}
    figures = {part: clip_psnr(frames, clean) for part, frames in parts.items()}
    chosen = facts.output, facts.estimated_output
    return Case(name, sigma, budget, figures, *chosen, leak, round(spent, 2), facts.steps)


def _row(case: Case) -> str:
    figures = (*case.psnr.values(), case.estimated)
    columns = " | ".join("-" if value is None else f"{value:.2f}" for value in figures)
    where = f"{case.clip} | {case.sigma:g} | {case.budget}"
    return f"| {where} | {columns} | {case.leak:.3f} | {case.seconds:.0f} |"


def _write_curve(output: Path, cases: list[Case]) -> None:
    points = [
        Point(c.seconds, (c.psnr["prior"], c.psnr["anchor"], c.psnr["refined"])) for c in cases
    ]
    title = f"{cases[0].clip}, sigma {cases[0].sigma:g}"
    path = _curve_path(output, cases[0].clip, cases[0].sigma)
    write_picture(path, draw_curve(points, title))


def curve_paths(args: QualityArgs) -> list[Path]:
    """Name the pictures that will be written beside the figures."""
    if len(args.budgets) < 2:
        return []
    clips = find_dataset(args.data, args.clips).clips
    return [_curve_path(args.output, clip.name, sigma) for clip in clips for sigma in args.sigma]


def _curve_path(output: Path, clip: str, sigma: float) -> Path:
    return output.with_name(f"{output.stem}-{clip}-s{sigma:g}.png")
