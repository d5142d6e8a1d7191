"""The second comparison of the paper: raw video, by CRVD's protocol.

The protocol itself is `protocol.py`; here it meets the methods that work on mosaics.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from f2r.config import DenoiseConfig, Preset
from f2r.errors import InputError
from f2r.io.clip import Frame, FrameReader
from f2r.io.raw.crvd import ISOS, TEST_SCENES
from f2r.noise.models import NoiseModel
from f2r_bench.core import Progress, ProgressCallback, run_reader
from f2r_bench.raw.protocol import CrvdResult, Method, evaluate_crvd
from f2r_bench.record import write_record

METHODS = ("noisy", "prior", "f2r-fast", "f2r")
"""Methods that take raw clips."""


@dataclass(frozen=True)
class CrvdPlan:
    """What to measure."""

    root: Path
    """Folder that holds `indoor_raw_noisy` and `indoor_raw_gt`."""
    methods: Sequence[str]
    """Names from `METHODS`."""
    budget: float
    """Seconds per clip for `f2r`, inference included; > 0."""
    isp: Path | None = None
    """Weights of the ISP network, for the sRGB figures."""
    device: str = "auto"
    """Where to compute."""
    seed: int = 2026
    """Seed of training."""
    scenes: tuple[int, ...] = TEST_SCENES
    """Scenes to measure on."""
    isos: tuple[int, ...] = ISOS
    """ISO settings, likewise."""


def run_crvd(plan: CrvdPlan, output: Path, progress: ProgressCallback | None = None) -> str:
    """Measure every method and write `crvd.json` and `crvd.md` into the folder `output`.

    Returns:
        The table, as Markdown.

    Raises:
        InputError: a method is unknown or takes no raw clips, or the dataset is not complete.
    """
    for name in plan.methods:
        if name not in METHODS:
            raise InputError(f"{name}: takes no raw clips: use {', '.join(METHODS)}")
    output.mkdir(parents=True, exist_ok=True)
    results = {}
    for name in plan.methods:

        def told(done: int, total: int, name: str = name) -> None:
            if progress:
                progress(Progress(name, done / total))

        method = _method(name, plan)
        results[name] = evaluate_crvd(
            method, plan.root, plan.isp, plan.scenes, plan.isos, on_scene=told
        )
    content: dict[str, Any] = {name: result.to_dict() for name, result in results.items()}
    write_record(output / "crvd.json", plan, {"methods": content})
    table = crvd_table(results)
    (output / "crvd.md").write_text(table, encoding="utf-8")
    return table


def _method(name: str, plan: CrvdPlan) -> Method:
    if name == "noisy":
        return lambda reader, _: iter(reader)
    part: Callable[..., Iterator[Frame]] = partial(_denoise, name, plan)
    return part


def _denoise(name: str, plan: CrvdPlan, reader: FrameReader, noise: NoiseModel) -> Iterator[Frame]:
    budget = plan.budget if name == "f2r" else None
    device: Any = plan.device
    config = DenoiseConfig(Preset.FAST, time_budget=budget, device=device, seed=plan.seed)
    results, _ = run_reader(reader, noise, config)
    for result in results:
        yield result.prior if name == "prior" else result.denoised


def crvd_table(results: dict[str, CrvdResult]) -> str:
    """Write PSNR / SSIM per ISO and averaged, raw and sRGB, as a Markdown table."""
    isos = sorted({iso for result in results.values() for iso in result.by_iso()})
    header = ["method", *(f"ISO {iso}" for iso in isos), "raw", "sRGB"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for name, result in results.items():
        by_iso, overall = result.by_iso(), result.overall()
        cells = [f"{by_iso[iso].raw_psnr:.2f}" for iso in isos]
        cells.append(f"{overall.raw_psnr:.2f} / {overall.raw_ssim:.4f}")
        shown = overall.srgb_psnr is not None and overall.srgb_ssim is not None
        cells.append(f"{overall.srgb_psnr:.2f} / {overall.srgb_ssim:.4f}" if shown else "-")
        lines.append("| " + " | ".join([name, *cells]) + " |")
    note = "References: means of many shots, slightly denoised by the dataset's authors."
    return "\n".join(lines) + f"\n\n{note}\n"
