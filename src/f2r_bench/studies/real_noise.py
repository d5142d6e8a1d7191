"""Really noisy clips: what is found, and whether the removed part shows the object."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.noise.parse import noise_from_dict
from f2r.pictures.before_after import write_before_after
from f2r.pictures.noise_picture import write_noise_picture
from f2r_bench.clips.datasets import Clip, read_clip
from f2r_bench.clips.noise import Frames, clip_psnr, to_clip, to_frames
from f2r_bench.core import Facts, denoise, facts_of, inspect_noise
from f2r_bench.options.studies import RealNoiseArgs
from f2r_bench.record import write_record

DRAWS = 8
"""Noise fields that the removed part is compared with."""
BLUR, CONTRAST_SIDE = 2.0, 5
"""Reach of the local mean (sd) and of the local contrast, pixels."""


def measure_real_noise(args: RealNoiseArgs, say: Callable[[str], None]) -> None:
    """Denoise every clip and write what was found."""
    if not args.inputs:
        raise InputError("nothing to denoise: name noisy clips")
    rows: list[dict[str, Any]] = []
    for path in args.inputs:
        rows.append(_measure(path, args))
        say(str(rows[-1]))
        write_record(args.output, args, {"clips": rows})


def _measure(path: Path, args: RealNoiseArgs) -> dict[str, Any]:
    name = "-".join(path.with_suffix("").parts[-2:])
    noisy = read_clip(Clip(name, path), args.frames)
    frames = to_frames(noisy)
    planes = inspect_noise(str(path))
    result = denoise(frames if frames.shape[-1] != 1 else frames[..., 0], preset=args.preset)
    output, anchor = (part.reshape(frames.shape) for part in (result.frames, result.anchor))
    facts = facts_of(result.report)
    if args.pictures is not None:
        middle = len(frames) // 2
        write_noise_picture(args.pictures / f"noise-{name}.png", planes)
        picture = args.pictures / f"real-{name}.png"
        write_before_after(picture, frames[middle], output[middle])
    return {
        "clip": name,
        "frames": len(frames),
        "fit": [plane.estimate.model.describe() for plane in planes],
        "verdict": [[f.text for f in plane.diagnosis.findings] for plane in planes],
        "noise": facts.noise,
        "estimated": facts.estimated,
        "change": clip_psnr(to_clip(output), noisy),
        "structure": structure_test(noisy, to_clip(output), anchor, facts, args.seed),
        "seconds": facts.seconds["total"],
    }


def structure_test(
    noisy: Tensor, output: Tensor, anchor: Frames, facts: Facts, seed: int
) -> dict[str, dict[str, float]]:
    """Compare the residual, in units of the model's deviation, with drawn noise of the model."""
    models = [noise_from_dict(model) for model in facts.models]
    groups = [output] if len(models) == 1 else list(output.split(1, dim=1))

    def scaled(frames: Tensor) -> Frames:
        parts = frames.split([group.shape[1] for group in groups], dim=1)
        pairs = zip(parts, groups, models, strict=True)
        units = [(p - g) / m.variance(g).clamp(min=1e-10).sqrt() for p, g, m in pairs]
        return to_frames(torch.cat(units, 1))

    found, drawn = structure(scaled(noisy), anchor), []
    for k in range(DRAWS):
        generator = torch.Generator().manual_seed(seed + k)
        sampled = [m.sample(g, generator) for m, g in zip(models, groups, strict=True)]
        drawn.append(structure(scaled(torch.cat(sampled, 1)), anchor))
    return {
        measure: {
            "residual": value,
            "noise_mean": round(float(np.mean([d[measure] for d in drawn])), 4),
            "noise_sd": round(float(np.std([d[measure] for d in drawn])), 4),
        }
        for measure, value in found.items()
    }


def structure(residual: Frames, anchor: Frames) -> dict[str, float]:
    """Correlate a residual with what it must not show of the object.

    The object is taken from the anchor, which has not seen the frame: what is left of the noise in
    the output itself would correlate with the residual.

    Returns:
        `detail`: with the anchor less its local mean (lost texture); `level`: with the local mean
        (bias); `edges`: of its square with the local contrast (noise model or lost edges);
        `neighbours`: of a pixel with the next.
    """
    local = np.stack([cv2.GaussianBlur(f, (0, 0), BLUR).reshape(f.shape) for f in anchor])
    detail = anchor - local
    square = (CONTRAST_SIDE, CONTRAST_SIDE)
    contrast = np.stack([cv2.blur(d * d, square).reshape(d.shape) for d in detail])
    return {
        "detail": correlation(residual, detail),
        "level": correlation(residual, local),
        "edges": correlation(residual**2, np.sqrt(contrast)),
        "neighbours": correlation(residual[:, :, 1:], residual[:, :, :-1]),
    }


def correlation(a: Frames, b: Frames) -> float:
    """Give the coefficient of correlation of two arrays."""
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(np.square(a).mean()) * float(np.square(b).mean()))
    return round(float((a * b).mean()) / max(scale, 1e-20), 4)
