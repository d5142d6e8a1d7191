"""Run every method on every clip at every noise level, and summarise."""

import hashlib
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from f2r import __version__
from f2r.errors import InputError
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import shipped
from f2r.noise.models import Gaussian
from f2r.pictures.before_after import telling_region
from f2r.system.environment import environment
from f2r_bench.clips.datasets import Clip, Dataset, read_clip
from f2r_bench.clips.noise import draw_noisy
from f2r_bench.comparison.case import Conditions, Scene, run_case
from f2r_bench.comparison.cost import count_cost
from f2r_bench.comparison.fairness import Case, LeftOut, too_short
from f2r_bench.comparison.gallery import write_gallery
from f2r_bench.comparison.tables import latex_tables, markdown_tables
from f2r_bench.core import Progress, ProgressCallback
from f2r_bench.methods.method import Method
from f2r_bench.record import write_record

SHOWN_SIGMA = 30.0
"""Noise level of the pictures, where it was measured."""

FIGURES = ("psnr", "ssim", "warping_error", "warping_error_of_clean", "flicker")
"""Figures of a clip that are averaged over clips."""

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is compared, and how."""

    dataset: Dataset
    """The clips."""
    methods: Sequence[Method]
    """The denoisers, in the order of the tables."""
    sigmas: tuple[float, ...]
    """Noise levels in 8-bit units; each > 0."""
    conditions: Conditions
    """Seed, budget, frames, device."""
    weights: Mapping[str, Path]
    """Published checkpoints by name."""


def run_plan(
    plan: Plan,
    output: Path,
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> dict[str, Any]:
    """Measure every case, resuming where results lie already, and write tables and pictures.

    Args:
        plan: what to compare.
        output: folder for `cases/`, `figures/`, `benchmark.json`, `tables.md`, `tables.tex`.
        announce: told each result in a sentence.
        progress: called after each case.

    Returns:
        Content of `benchmark.json`.

    Raises:
        InputError: a clip or a noise level cannot be used.
    """
    if not plan.sigmas or not all(0 < sigma <= 255 for sigma in plan.sigmas):
        raise InputError("--sigma: noise levels must lie in (0, 255], in 8-bit units")
    _make_folder(output)
    hashes = _hash_weights(plan)
    cases: list[Case] = []
    total = len(plan.dataset.clips) * len(plan.sigmas) * len(plan.methods)
    for scene in _scenes(plan):
        for method in plan.methods:
            weights = hashes[method.name]
            cases.append(run_case(output / "cases", scene, method, plan.conditions, weights))
            announce(_sentence(cases[-1]))
            if progress:
                progress(Progress("compare", len(cases) / total))
        if scene.sigma == shown_sigma(plan.sigmas):
            fair = _fair(cases[-len(plan.methods) :], _left_out(plan, cases))
            _write_picture(output, scene, fair)
    return _finish(plan, cases, output)


def _scenes(plan: Plan) -> Iterator[Scene]:
    """Read the clips one by one and give each with every noise level."""
    for clip in plan.dataset.clips:
        clean = read_clip(clip, plan.conditions.frames)
        _check_grey(plan, clip, clean.shape[1])
        region = telling_region(clean[len(clean) // 2].permute(1, 2, 0).numpy())
        for sigma in dict.fromkeys(plan.sigmas):
            noise = Gaussian(sigma / 255)
            noisy = draw_noisy(clean, noise, plan.conditions.seed)
            yield Scene(clip.name, clean, noisy, noise, sigma, region)


def _left_out(plan: Plan, cases: Sequence[Case]) -> list[LeftOut]:
    return too_short(cases, {method.name: method.least_steps for method in plan.methods})


def _fair(cases: Sequence[Case], left_out: Sequence[LeftOut]) -> list[Case]:
    names = {entry.method for entry in left_out}
    return [case for case in cases if case["identity"]["method"] not in names]


def _check_grey(plan: Plan, clip: Clip, channels: int) -> None:
    unfit = [method.name for method in plan.methods if not method.takes_grey]
    if channels == 1 and unfit:
        raise InputError(
            f"{clip.path}: is grey, which {', '.join(unfit)} cannot take: choose other --methods"
        )


def shown_sigma(sigmas: Sequence[float]) -> float:
    """Choose the noise level of the pictures: 30, or the middle one."""
    return SHOWN_SIGMA if SHOWN_SIGMA in sigmas else sorted(sigmas)[len(sigmas) // 2]


def summarise(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Average over clips: one entry per method and noise level, in the order of the cases.

    Figures are averaged over frames first, then over clips, so that every clip counts alike.
    """
    keys = dict.fromkeys((c["identity"]["method"], _sigma(c)) for c in cases)
    entries = []
    for name, sigma in keys:
        same = [c for c in cases if (c["identity"]["method"], _sigma(c)) == (name, sigma)]
        means = {key: _mean(c["figures"]["mean"][key] for c in same) for key in FIGURES}
        entries.append(
            {
                "method": name,
                "learning": same[0]["learning"],
                "sigma": sigma,
                "clips": len(same),
                **means,
                "seconds_per_frame": _mean(c["seconds"]["per_frame"] for c in same),
                "training_seconds": _mean(c["seconds"]["training"] for c in same),
                "total_seconds": _mean(c["seconds"]["total"] for c in same),
                "steps": _mean(c["steps"] for c in same),
                "peak_memory_mib": max((c["peak_memory_mib"] or 0.0 for c in same), default=None),
            }
        )
    return entries


def _mean(values: Any) -> float | None:
    known = [float(value) for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _sigma(case: Mapping[str, Any]) -> float:
    return float(case["identity"]["sigma"])


def _make_folder(output: Path) -> None:
    try:
        (output / "cases").mkdir(parents=True, exist_ok=True)
        (output / "figures").mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{output}: cannot be written ({error.strerror}): name another folder with -o"
        ) from None


def _hash_weights(plan: Plan) -> dict[str, dict[str, str]]:
    """Hash the checkpoints that each method may use, ours included."""
    kinds = (ImagePrior, TemporalEstimator, SpatialRefiner)
    ours = {"f2r": __version__} | {kind.__name__: _hash(shipped(kind)) for kind in kinds}
    hashes: dict[str, dict[str, str]] = {}
    for method in plan.methods:
        own = {
            name: _hash(path)
            for name, path in plan.weights.items()
            if name == method.name or name.startswith(method.name + "-")
        }
        hashes[method.name] = (ours if method.networks() else {}) | own
    return hashes


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sentence(case: Mapping[str, Any]) -> str:
    identity, mean, seconds = case["identity"], case["figures"]["mean"], case["seconds"]
    psnr = "equal" if mean["psnr"] is None else f"{mean['psnr']:.2f} dB"
    ssim = "" if mean["ssim"] is None else f", SSIM {mean['ssim']:.4f}"
    return (
        f"{identity['clip']}, sigma {identity['sigma']:g}, {identity['method']}: {psnr}{ssim}, "
        f"{seconds['total']:.1f} s"
    )


def _write_picture(output: Path, scene: Scene, cases: Sequence[Mapping[str, Any]]) -> None:
    folder = output / "cases" / scene.name / f"s{scene.sigma:g}"
    patches = [(folder / f"{c['identity']['method']}.png", c) for c in cases]
    write_gallery(output / "figures" / f"{scene.name}-s{scene.sigma:g}.png", scene, patches)


def _finish(plan: Plan, cases: Sequence[Case], output: Path) -> dict[str, Any]:
    left_out = _left_out(plan, cases)
    content: dict[str, Any] = {
        "dataset": plan.dataset.name,
        "clips": [clip.name for clip in plan.dataset.clips],
        "conditions": asdict(plan.conditions),
        "cost": {method.name: asdict(count_cost(method)) for method in plan.methods},
        "summary": summarise(_fair(cases, left_out)),
        "left_out": [asdict(entry) for entry in left_out],
        "environment": environment(),
        "cases": list(cases),
    }
    write_record(output / "benchmark.json", plan.conditions, content)
    (output / "tables.md").write_text(markdown_tables(content), encoding="utf-8")
    (output / "tables.tex").write_text(latex_tables(content), encoding="utf-8")
    return content
