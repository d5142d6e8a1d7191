"""How far the estimated noise is from the noise that was added."""

from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

import torch
from torch import Tensor

from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.estimate import estimate_noise, estimate_sigma
from f2r.noise.models import Gaussian, PoissonGaussian
from f2r_bench.clips.datasets import find_dataset, read_clip
from f2r_bench.clips.noise import demosaic, draw_noisy
from f2r_bench.options.studies import NoiseEstimationArgs
from f2r_bench.record import write_record

Row = dict[str, Any]

SIGMAS = (5, 10, 20, 30, 50, 75)
"""White noise, 8-bit units."""
SENSORS = ((0.1, 1.0), (0.25, 2.0), (0.5, 3.0), (2.0, 5.0), (5.0, 10.0), (8.0, 1.0))
"""Gain and read noise of Poisson-Gaussian noise, 8-bit units."""
BLURS = (0.7, 1.5)
"""Standard deviations of the filters of correlated noise, pixels."""
BLURRED_SIGMA, RAW_SIGMA = 20, 30
"""Strength of filtered noise, and of noise before demosaicking, 8-bit units."""


def measure_noise_estimation(args: NoiseEstimationArgs, say: Callable[[str], None]) -> None:
    """Estimate all kinds of noise on every clip and write the errors."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    for clip in find_dataset(args.data, args.clips).clips:
        clean = read_clip(clip, args.frames)
        for name, rows_of in TABLES.items():
            for row in rows_of(clean, args.seed):
                tables[name].append({"clip": clip.name} | row)
                say(f"{name}: {tables[name][-1]}")
    summary = _summary(tables)
    for name, figures in summary.items():
        say(f"{name}: median error {figures['median']} %, worst {figures['worst']} %")
    write_record(args.output, args, {"summary_percent": summary, **tables})


def white_rows(clean: Tensor, seed: int) -> Iterator[Row]:
    """Estimate white noise, unclipped and as 8-bit samples."""
    for sigma in SIGMAS:
        noisy = draw_noisy(clean, Gaussian(sigma / 255), seed)
        clipped = (noisy.clamp(0, 1) * 255).round() / 255
        yield {
            "sigma": sigma,
            "error_percent": _percent(255 * estimate_sigma(noisy), sigma),
            "clipped_error_percent": _percent(255 * estimate_sigma(clipped), sigma),
            "model": estimate_noise(noisy).model.to_dict()["model"],
        }


def sensor_rows(clean: Tensor, seed: int) -> Iterator[Row]:
    """Estimate Poisson-Gaussian noise; the error is that of its variance over the levels shown."""
    ends = torch.tensor([0.05, 0.95])
    low, high = torch.quantile(clean.flatten()[::97], ends).tolist()
    levels = torch.linspace(low, high, 50).expand(3, 1, -1)
    for gain, read in SENSORS:
        noise = PoissonGaussian(gain / 255, read / 255)
        found = estimate_noise(draw_noisy(clean, noise, seed)).model
        ratio = (found.variance(levels) / noise.variance(levels)).mean(0) - 1
        yield {
            "gain": gain,
            "read": read,
            "worst_curve_error_percent": round(100 * float(ratio.abs().max()), 2),
            "mean_curve_error_percent": round(100 * float(ratio.mean()), 2),
            "model": found.to_dict()["model"],
        }


def correlated_rows(clean: Tensor, seed: int) -> Iterator[Row]:
    """Estimate filtered noise and noise that was demosaicked."""
    nothing = torch.zeros_like(clean)
    drawn = {f"blur {blur}": draw_noisy(nothing, _filtered(blur), seed) for blur in BLURS}
    drawn["demosaicking"] = demosaic(draw_noisy(nothing, Gaussian(RAW_SIGMA / 255), seed))
    for kind, noise in drawn.items():
        estimate = estimate_noise(clean + noise)
        beside = float((noise[..., 1:] * noise[..., :-1]).mean() / noise.square().mean())
        yield {
            "noise": kind,
            "sigma_error_percent": _percent(estimate.sigma, float(noise.std())),
            "neighbours": round(estimate.evidence.neighbours or 0.0, 3),
            "true_neighbours": round(beside, 3),
            "model": estimate.model.to_dict()["model"],
        }


def clean_rows(clean: Tensor, _: int) -> Iterator[Row]:
    """Estimate the noise that is in the clip as it is."""
    estimate = estimate_noise(clean)
    yield {
        "sigma": round(255 * estimate.sigma, 2),
        "says": estimate.model.describe(),
        "is_noise_free": estimate.is_noise_free,
    }


TABLES: Mapping[str, Callable[[Tensor, int], Iterator[Row]]] = {
    "white": white_rows,
    "sensor": sensor_rows,
    "correlated": correlated_rows,
    "clean": clean_rows,
}
"""The tables by name."""


def _filtered(blur: float) -> Correlated:
    return Correlated(Gaussian(BLURRED_SIGMA / 255), gaussian_correlation(blur))


def _percent(found: float, true: float) -> float:
    return round(100 * (found / true - 1), 2)


def _summary(tables: Mapping[str, list[Row]]) -> dict[str, dict[str, float]]:
    columns = {
        "sigma": ("white", "error_percent"),
        "sigma, clipped": ("white", "clipped_error_percent"),
        "sensor curve": ("sensor", "worst_curve_error_percent"),
        "sigma, correlated": ("correlated", "sigma_error_percent"),
    }
    errors = {name: [row[key] for row in tables[table]] for name, (table, key) in columns.items()}
    for gain, read in SENSORS:
        errors[f"sensor curve, gain {gain:g}, read {read:g}"] = [
            row["worst_curve_error_percent"]
            for row in tables["sensor"]
            if (row["gain"], row["read"]) == (gain, read)
        ]
    return {name: _median_and_worst(values) for name, values in errors.items()}


def _median_and_worst(errors: list[float]) -> dict[str, float]:
    sizes = [abs(error) for error in errors]
    return {"median": round(median(sizes), 2), "worst": round(max(sizes), 2)}
