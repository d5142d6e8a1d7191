"""How far the estimated noise is from the noise that was added.

    python benchmarks/noise_estimation.py --clips CLIPS

Noise is drawn once for each clip and setting, from a stored seed; the first eight frames are
used. `clean` shows what is found in the clips as they are: the added noise comes on top of it.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.estimate import estimate_noise, estimate_sigma
from f2r.noise.models import Gaussian, PoissonGaussian

SEED = 2026
FRAMES = 8
SIGMAS = (5, 10, 20, 30, 50, 75)
SENSORS = ((0.1, 1.0), (0.25, 2.0), (0.5, 3.0), (2.0, 5.0), (5.0, 10.0), (8.0, 1.0))
BLURS = (0.7, 1.5)
RAW_SIGMA = 30


def read_clip(folder: Path) -> Tensor:
    """(T, 3, H, W) RGB in [0, 1]."""
    files = sorted(p for p in folder.iterdir() if p.suffix in {".png", ".jpg"})[:FRAMES]
    frames = [torch.from_numpy(cv2.imread(str(p))[..., ::-1].copy()) for p in files]
    return torch.stack(frames).permute(0, 3, 1, 2).float() / 255


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)


def demosaic(noise: Tensor) -> Tensor:
    """Sample (T, 3, H, W) noise on an RGGB mosaic and interpolate it bilinearly."""
    mask = torch.zeros_like(noise[0])
    mask[0, ::2, ::2] = mask[1, ::2, 1::2] = mask[1, 1::2, ::2] = mask[2, 1::2, 1::2] = 1
    full = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 4
    cross = torch.tensor([[0.0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 4
    weights = torch.stack([full, cross, full])[:, None]
    padded = functional.pad(noise * mask, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, weights, groups=3)[..., 1:-1, 1:-1]


def percent(found: float, true: float) -> float:
    return round(100 * (found / true - 1), 2)


def white_rows(name: str, clean: Tensor) -> list[dict[str, Any]]:
    rows = []
    for sigma in SIGMAS:
        noisy = Gaussian(sigma / 255).sample(clean, seeded())
        clipped = (noisy.clamp(0, 1) * 255).round() / 255
        row = {
            "clip": name,
            "sigma": sigma,
            "error_percent": percent(255 * estimate_sigma(noisy), sigma),
            "clipped_error_percent": percent(255 * estimate_sigma(clipped), sigma),
            "model": estimate_noise(noisy).model.to_dict()["model"],
        }
        print(row)
        rows.append(row)
    return rows


def sensor_rows(name: str, clean: Tensor) -> list[dict[str, Any]]:
    ends = torch.tensor([0.05, 0.95])
    low, high = torch.quantile(clean.flatten()[::97], ends).tolist()
    levels = torch.linspace(low, high, 50)
    rows = []
    for gain, read in SENSORS:
        noise = PoissonGaussian(gain / 255, read / 255)
        found = estimate_noise(noise.sample(clean, seeded())).model
        shown = levels.expand(3, 1, -1)
        ratio = (found.variance(shown) / noise.variance(shown)).mean(0) - 1
        row = {
            "clip": name,
            "gain": gain,
            "read": read,
            "worst_curve_error_percent": round(100 * float(ratio.abs().max()), 2),
            "mean_curve_error_percent": round(100 * float(ratio.mean()), 2),
            "model": found.to_dict()["model"],
        }
        print(row)
        rows.append(row)
    return rows


def correlated_rows(name: str, clean: Tensor) -> list[dict[str, Any]]:
    drawn = {
        f"blur {blur}": Correlated(Gaussian(20 / 255), gaussian_correlation(blur)).sample(
            torch.zeros_like(clean), seeded()
        )
        for blur in BLURS
    }
    white = Gaussian(RAW_SIGMA / 255).sample(torch.zeros_like(clean), seeded())
    drawn["demosaicking"] = demosaic(white)
    rows = []
    for kind, noise in drawn.items():
        estimate = estimate_noise(clean + noise)
        beside = float((noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean())
        row = {
            "clip": name,
            "noise": kind,
            "sigma_error_percent": percent(estimate.sigma, float(noise.std())),
            "neighbours": round(estimate.evidence.neighbours or 0.0, 3),
            "true_neighbours": round(beside, 3),
            "model": estimate.model.to_dict()["model"],
        }
        print(row)
        rows.append(row)
    return rows


def clean_row(name: str, clean: Tensor) -> dict[str, Any]:
    estimate = estimate_noise(clean)
    row = {"clip": name, "sigma": round(255 * estimate.sigma, 2), "says": estimate.model.describe()}
    print(row, "noise-free" if estimate.is_noise_free else "")
    return row | {"is_noise_free": estimate.is_noise_free}


def summarise(errors: list[float]) -> dict[str, float]:
    sizes = [abs(error) for error in errors]
    return {"median": round(statistics.median(sizes), 2), "worst": round(max(sizes), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True)
    default = Path(__file__).parent / "results" / "noise_estimation.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    started = time.monotonic()
    tables: dict[str, list[dict[str, Any]]] = {
        "white": [],
        "sensor": [],
        "correlated": [],
        "clean": [],
    }
    for folder in sorted(path for path in options.clips.iterdir() if path.is_dir()):
        clean = read_clip(folder)
        tables["white"] += white_rows(folder.name, clean)
        tables["sensor"] += sensor_rows(folder.name, clean)
        tables["correlated"] += correlated_rows(folder.name, clean)
        tables["clean"].append(clean_row(folder.name, clean))
    summary: dict[str, Any] = {
        "sigma": summarise([row["error_percent"] for row in tables["white"]]),
        "sigma_clipped": summarise([row["clipped_error_percent"] for row in tables["white"]]),
        "sensor_curve": summarise([row["worst_curve_error_percent"] for row in tables["sensor"]]),
        "sensor_curve_by_setting": {
            f"{gain:g},{read:g}": summarise(
                [
                    row["worst_curve_error_percent"]
                    for row in tables["sensor"]
                    if (row["gain"], row["read"]) == (gain, read)
                ]
            )
            for gain, read in SENSORS
        },
        "sigma_correlated": summarise([row["sigma_error_percent"] for row in tables["correlated"]]),
    }
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    report = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "hardware": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "seed": SEED,
        "frames": FRAMES,
        "seconds": round(time.monotonic() - started, 1),
        "summary_percent": summary,
        **tables,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
