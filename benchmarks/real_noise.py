"""Unknown, correlated, clipped, misjudged and real noise: what each costs, through the public API.

    python benchmarks/real_noise.py --clips CLIPS --names foreman walk tractor \
        --real MITOSIS_1 MITOSIS_2 \
        BRIGHTFIELD tree.avi \
        --preset balanced --pictures docs

Cases, chosen by `--cases`:
  auto        the estimated against the true model: Gaussian, Poisson-Gaussian
  correlated  white noise filtered by a Gaussian, demosaicking noise: estimated, taken for white of
              the same strength, and the image prior alone
  clipped     sigma 30 in 8-bit samples against the same noise unclipped
  wrong       sigma 30, told 20 % less to 20 % more
  real        verdict, fit, picture, and whether the residual y - output shows the object

Noise is drawn once per clip and case from the stored seed. PSNR per frame, averaged over all frames
of the clip. Clean frames are used for the figures only.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from noise_estimation import demosaic
from record import provenance

import f2r
from f2r.io import open_reader
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gaussian, NoiseModel, PoissonGaussian
from f2r.noise.parse import noise_from_dict
from f2r.pictures.before_after import write_before_after
from f2r.pictures.noise_picture import write_noise_picture
from f2r.run.inspect import inspect_noise

SEED = 2026
MODELS: dict[str, NoiseModel] = {
    "gaussian 10": Gaussian(10 / 255),
    "gaussian 30": Gaussian(30 / 255),
    "gaussian 50": Gaussian(50 / 255),
    "poisson-gaussian 0.5,3": PoissonGaussian(0.5 / 255, 3 / 255),
    "poisson-gaussian 5,10": PoissonGaussian(5 / 255, 10 / 255),
}
STRENGTH = 20
"""Deviation of correlated noise in 8-bit units; before interpolation for demosaicking noise."""
BLURS = (0.7, 1.5)
SIGMA = 30
FACTORS = (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2)
DRAWS = 8
"""Noise fields that the residual of a real clip is held against."""

Row = dict[str, Any]


def read(path: Path, frames: int) -> np.ndarray:
    """(T, H, W, C) float32, nominal."""
    with open_reader(path) as reader:
        return np.stack(list(islice(reader, frames)))


def to_tensor(clip: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(clip).permute(0, 3, 1, 2).contiguous()


def to_array(clip: torch.Tensor) -> np.ndarray:
    return clip.permute(0, 2, 3, 1).contiguous().numpy()


def add(clean: np.ndarray, noise: NoiseModel) -> np.ndarray:
    return to_array(noise.sample(to_tensor(clean), torch.Generator().manual_seed(SEED)))


def psnr(estimate: np.ndarray, clean: np.ndarray) -> float:
    errors = np.square(estimate - clean, dtype=np.float64).mean(axis=(1, 2, 3))
    return round(float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12)))), 3)


def figures(result: f2r.Denoised, clean: np.ndarray) -> Row:
    estimated = result.report["estimated_psnr"]
    return {
        "refined": psnr(result.frames, clean),
        "anchor": psnr(result.anchor, clean),
        "prior": psnr(result.prior, clean),
        "estimated": estimated[0] if estimated else None,
        "noise": [entry["text"] for entry in result.report["noise"]],
        "used": [entry.get("estimates", {}).get("used") for entry in result.report["noise"]],
        "seconds": result.report["seconds"]["total"],
    }


def auto_rows(name: str, clean: np.ndarray, options: Row) -> Iterable[Row]:
    for title, model in MODELS.items():
        noisy = add(clean, model)
        auto = figures(f2r.denoise(noisy, **options), clean)
        true = figures(f2r.denoise(noisy, noise=model, **options), clean)
        loss = round(true["refined"] - auto["refined"], 3)
        yield {"clip": name, "noise": title, "loss": loss, "auto": auto, "true": true}


def correlated_noises(clean: np.ndarray) -> Iterable[tuple[str, np.ndarray]]:
    for blur in BLURS:
        model = Correlated(Gaussian(STRENGTH / 255), gaussian_correlation(blur))
        yield f"filtered, sd {blur} px", add(clean, model)
    white = add(np.zeros_like(clean), Gaussian(STRENGTH / 255))
    yield "demosaicking", clean + to_array(demosaic(to_tensor(white)))


def correlated_rows(name: str, clean: np.ndarray, options: Row) -> Iterable[Row]:
    for title, noisy in correlated_noises(clean):
        auto = figures(f2r.denoise(noisy, **options), clean)
        strength = float((noisy - clean).std())
        white = figures(f2r.denoise(noisy, sigma=strength, **options), clean)
        yield {
            "clip": name,
            "noise": title,
            "over_white": round(auto["refined"] - white["refined"], 3),
            "over_prior": round(auto["refined"] - auto["prior"], 3),
            "over_prior_told_white": round(auto["refined"] - white["prior"], 3),
            "auto": auto,
            "white": white,
        }


def clipped_rows(name: str, clean: np.ndarray, options: Row) -> Iterable[Row]:
    noisy = add(clean, Gaussian(SIGMA / 255))
    clipped = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
    for told, extra in (("true", {"sigma": SIGMA / 255}), ("auto", {})):
        whole = figures(f2r.denoise(noisy, **extra, **options), clean)
        cut = figures(f2r.denoise(clipped, **extra, **options), clean)
        share = float(((clipped == 0) | (clipped == 255)).mean())
        loss = round(whole["refined"] - cut["refined"], 3)
        row = {"clip": name, "told": told, "clipped_share": round(share, 4), "loss": loss}
        yield row | {"unclipped": whole, "clipped": cut}


def wrong_rows(name: str, clean: np.ndarray, options: Row) -> Iterable[Row]:
    noisy = add(clean, Gaussian(SIGMA / 255))
    for factor in FACTORS:
        result = f2r.denoise(noisy, sigma=factor * SIGMA / 255, **options)
        yield {"clip": name, "factor": factor} | figures(result, clean)


def structure(residual: np.ndarray, anchor: np.ndarray) -> dict[str, float]:
    """Correlate a residual with what it must not show of the object.

    The object is taken from the anchor, which has not seen the frame: what is left of the noise in
    the output itself would correlate with the residual.

    Returns:
        `detail`: with the anchor less its local mean (lost texture); `level`: with the local mean
        (bias); `edges`: of its square with the local contrast (noise model or lost edges);
        `neighbours`: of a pixel with the next.
    """
    local = np.stack([cv2.GaussianBlur(f, (0, 0), 2.0).reshape(f.shape) for f in anchor])
    detail = anchor - local
    contrast = np.stack([cv2.blur(d * d, (5, 5)).reshape(d.shape) for d in detail])
    pair = (residual[:, :, 1:], residual[:, :, :-1])
    return {
        "detail": correlation(residual, detail),
        "level": correlation(residual, local),
        "edges": correlation(residual**2, np.sqrt(contrast)),
        "neighbours": correlation(*pair),
    }


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(np.square(a).mean()) * float(np.square(b).mean()))
    return round(float((a * b).mean()) / max(scale, 1e-20), 4)


def structure_test(noisy: np.ndarray, result: f2r.Denoised) -> Row:
    """Hold the residual, in units of the model's deviation, against drawn noise of the model."""
    output = to_tensor(result.frames)
    models = [noise_from_dict(entry_model(entry)) for entry in result.report["noise"]]
    groups = [output] if len(models) == 1 else [output[:, c : c + 1] for c in range(len(models))]

    def scaled(frames: torch.Tensor) -> np.ndarray:
        parts = frames.split([group.shape[1] for group in groups], dim=1)
        pairs = zip(parts, groups, models, strict=True)
        units = [(p - g) / m.variance(g).clamp(min=1e-10).sqrt() for p, g, m in pairs]
        return to_array(torch.cat(units, 1))

    found = structure(scaled(to_tensor(noisy)), result.anchor)
    drawn = []
    for k in range(DRAWS):
        generator = torch.Generator().manual_seed(SEED + k)
        sampled = [m.sample(g, generator) for m, g in zip(models, groups, strict=True)]
        drawn.append(structure(scaled(torch.cat(sampled, 1)), result.anchor))
    return {
        measure: {
            "residual": value,
            "noise_mean": round(float(np.mean([d[measure] for d in drawn])), 4),
            "noise_sd": round(float(np.std([d[measure] for d in drawn])), 4),
        }
        for measure, value in found.items()
    }


def entry_model(entry: Row) -> Row:
    """Take the model alone out of an entry of the report."""
    known = {"model", "sigma", "gain", "read", "offset", "looks", "base", "correlation"}
    return {key: value for key, value in entry.items() if key in known}


def real_row(path: Path, frames: int, options: Row, pictures: Path | None) -> Row:
    noisy = read(path, frames)
    name = "-".join(path.with_suffix("").parts[-2:])
    planes = inspect_noise(str(path))
    result = f2r.denoise(noisy if noisy.shape[-1] != 1 else noisy[..., 0], **options)
    output = result.frames.reshape(noisy.shape)
    anchor = result.anchor.reshape(noisy.shape)
    whole = f2r.Denoised(output, anchor, result.prior, result.sigma, result.report)
    if pictures is not None:
        write_noise_picture(pictures / f"noise-{name}.png", planes)
        middle = len(noisy) // 2
        write_before_after(pictures / f"real-{name}.png", noisy[middle], output[middle])
    return {
        "clip": name,
        "frames": len(noisy),
        "fit": [plane.estimate.model.describe() for plane in planes],
        "verdict": [[f.text for f in plane.diagnosis.findings] for plane in planes],
        "noise": [entry["text"] for entry in result.report["noise"]],
        "estimated": result.report["estimated_psnr"],
        "change": psnr(output, noisy),
        "structure": structure_test(noisy, whole),
        "seconds": result.report["seconds"]["total"],
    }


CLEAN_CASES: dict[str, Callable[[str, np.ndarray, Row], Iterable[Row]]] = {
    "auto": auto_rows,
    "correlated": correlated_rows,
    "clipped": clipped_rows,
    "wrong": wrong_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of clean clips")
    parser.add_argument("--names", nargs="*", default=[])
    parser.add_argument("--real", nargs="*", type=Path, default=[], help="really noisy clips")
    parser.add_argument("--cases", nargs="+", default=[*CLEAN_CASES, "real"])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--time-budget", type=float, help="seconds for each run")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the real clips")
    default = Path(__file__).parent / "results" / "real_noise.json"
    parser.add_argument("--out", type=Path, default=default)
    args = parser.parse_args()
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    options = {"preset": args.preset, "time_budget": args.time_budget}
    tables: dict[str, list[Row]] = {case: [] for case in args.cases}

    def keep(case: str, row: Row) -> None:
        tables[case].append(row)
        print(case, json.dumps(row), flush=True)
        content = provenance() | {"noise_seed": SEED, "options": vars(args)} | tables
        args.out.write_text(json.dumps(content, indent=1, default=str) + "\n")

    for name in args.names:
        clean = read(args.clips / name, args.frames)
        for case in (case for case in args.cases if case in CLEAN_CASES):
            for row in CLEAN_CASES[case](name, clean, options):
                keep(case, row)
    for path in args.real if "real" in args.cases else []:
        keep("real", real_row(path, args.frames, options, args.pictures))


if __name__ == "__main__":
    main()
