"""A stand-in for CRVD: colour clips taken back to raw, with the noise of CRVD's camera.

Clips are made as `f2r simulate --raw` makes them (GBRG, 12 bit, levels 240 to 4095); noise is drawn
once per clip and ISO. PSNR and SSIM of the packed frame as in CRVD's protocol, averaged over
frames.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from time import monotonic

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from f2r.config import DenoiseConfig, Preset
from f2r.evaluation.add_noise import add_frame_noise
from f2r.evaluation.make_raw import to_raw, with_look
from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.io.raw.crvd import crvd_mosaic
from f2r.io.raw.packing import MosaicReader
from f2r.isp.inverse import draw_look
from f2r.noise.camera import crvd_noise
from f2r.noise.models import PoissonGaussian
from f2r_bench.clips.datasets import find_dataset
from f2r_bench.core import facts_of, run_reader
from f2r_bench.options.comparison import RawArgs
from f2r_bench.raw.bm4d import denoise_bm4d
from f2r_bench.raw.protocol import compare
from f2r_bench.record import write_record

SEED = 2026
"""Seed of the look, of the noise and of training."""
WHITE = 4095
"""Largest sample."""

Stack = NDArray[np.float32]
"""(T, H, W, 4) packed frames, nominal units."""


@dataclass(frozen=True)
class Case:
    """Figures of one method on one clip at one ISO."""

    clip: str
    """Name of the clip."""
    iso: int
    """ISO setting."""
    method: str
    """'noisy', 'prior', 'f2r PRESET', 'f2r PRESET auto' or 'bm4d'."""
    raw_psnr: float
    """dB."""
    raw_ssim: float
    """Averaged over channels."""
    seconds: float
    """Time of the whole run."""
    gain_found: float | None = None
    """Estimated gain relative to the true one, mean over planes."""
    read_found: float | None = None
    """Likewise, of the read noise."""


@dataclass(frozen=True)
class Output:
    """What a run gives."""

    frames: dict[str, Stack]
    """Denoised frames by method."""
    gain_found: float | None = None
    """See `Case`."""
    read_found: float | None = None
    """See `Case`."""


def measure_raw(args: RawArgs, say: Callable[[str], None]) -> None:
    """Measure every method at every ISO on every clip and write the figures."""
    cases: list[Case] = []
    say("| clip | ISO | method | raw PSNR | raw SSIM | s |\n|---|---|---|---|---|---|")
    for iso in args.isos:
        for clip in find_dataset(args.data, args.clips).clips:
            for case in _measure(clip.path, clip.name, iso, args):
                cases.append(case)
                figures = f"{case.raw_psnr:.2f} | {case.raw_ssim:.4f} | {case.seconds:.0f}"
                say(f"| {case.clip} | {iso} | {case.method} | {figures} |{_found(case)}")
                write_record(args.output, args, {"seed": SEED, "cases": [asdict(c) for c in cases]})
    for method in dict.fromkeys(case.method for case in cases):
        mean = fmean(case.raw_psnr for case in cases if case.method == method)
        say(f"{method}: {mean:.2f} dB")


def _found(case: Case) -> str:
    if case.gain_found is None or case.read_found is None:
        return ""
    return f" gain x {case.gain_found:.3f}, read x {case.read_found:.3f}"


def stand_in(source: Path, frames: int, iso: int) -> tuple[Stack, MosaicReader]:
    """Make the clean packed frames, and the noisy clip as a camera would store it."""
    look = draw_look(1, torch.Generator().manual_seed(SEED))
    mosaic = with_look(crvd_mosaic(), look, iso)
    with open_reader(source) as reader:
        clean = np.stack([to_raw(frame, look, mosaic) for frame in islice(reader, frames)])
    noisy = [add_frame_noise(frame, crvd_noise(iso), SEED, i) for i, frame in enumerate(clean)]
    samples = np.stack([mosaic.to_samples(np.minimum(frame, 1)) for frame in noisy])
    stored = np.rint(samples).clip(0, WHITE).astype(np.uint16)
    return clean, MosaicReader(ArrayReader(stored, source.name), mosaic)


def _measure(source: Path, name: str, iso: int, args: RawArgs) -> Iterator[Case]:
    clean, reader = stand_in(source, args.frames, iso)
    yield Case(name, iso, "noisy", *_score(np.stack(list(reader)), clean), 0.0)
    known = {"noisy"}
    for run in _runs(reader, crvd_noise(iso), args):
        start = monotonic()
        output = run()
        spent = round(monotonic() - start, 1)
        for method, denoised in output.frames.items():
            if method not in known:
                found = output.gain_found, output.read_found
                yield Case(name, iso, method, *_score(denoised, clean), spent, *found)
            known.add(method)


def _runs(
    reader: MosaicReader, noise: PoissonGaussian, args: RawArgs
) -> Iterator[Callable[[], Output]]:
    for preset in args.presets:
        yield partial(_run_f2r, reader, noise, preset, False)
        if args.auto:
            yield partial(_run_f2r, reader, noise, preset, True)
    if args.bm4d:
        yield partial(_run_bm4d, reader, noise)


def _run_f2r(reader: MosaicReader, noise: PoissonGaussian, preset: str, auto: bool) -> Output:
    """Give F2R's output, and the prior's alone where the noise is given."""
    config = DenoiseConfig(Preset(preset), seed=SEED)
    results, report = run_reader(reader, None if auto else noise, config)
    kept = [(result.denoised, result.prior) for result in results]
    name = f"f2r {preset}{' auto' if auto else ''}"
    frames = {name: np.stack([denoised for denoised, _ in kept])}
    if not auto:
        return Output(frames | {"prior": np.stack([prior for _, prior in kept])})
    models = facts_of(report).models
    gain = fmean(float(model.get("gain", 0.0)) for model in models) / noise.gain
    read = fmean(float(model.get("read", 0.0)) for model in models) / noise.read
    return Output(frames, gain, read)


def _run_bm4d(reader: MosaicReader, noise: PoissonGaussian) -> Output:
    denoised = denoise_bm4d(np.stack(list(reader)).astype(np.float64), noise)
    return Output({"bm4d": denoised.astype(np.float32)})


def _score(denoised: Stack, clean: Stack) -> tuple[float, float]:
    """Average raw PSNR and SSIM over frames."""
    figures = [compare(_batch(a), _batch(b)) for a, b in zip(denoised, clean, strict=True)]
    return fmean(f.raw_psnr for f in figures), fmean(f.raw_ssim for f in figures)


def _batch(frame: Stack) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]
