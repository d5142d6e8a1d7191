"""One case of the grid: one clip at one noise level through one codec, denoised in every way."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import Tensor

from f2r.io import open_reader
from f2r_bench.clips.noise import clip_psnr, to_bytes, to_clip
from f2r_bench.compressed.codecs import ENCODINGS, encode_file
from f2r_bench.compressed.filters import SETTINGS, filter_file, has_filter
from f2r_bench.core import denoise_coded, facts_of


@dataclass(frozen=True)
class Coded:
    """A clip whose noise went through a codec."""

    path: Path
    """The file, in a folder for what is made of it."""
    clean: Tensor
    """(T, 3, H, W) clean frames, for measuring only."""

    def score(self, path: Path) -> float:
        """Give the PSNR of a file in dB: RGB, 8-bit range, per frame, averaged over frames."""
        with open_reader(path) as reader:
            frames = to_clip(np.stack(list(reader)))
        return clip_psnr(frames.clamp(0, 1), self.clean)


@dataclass(frozen=True)
class Ways:
    """How a case is denoised."""

    preset: str
    """Preset of F2R."""
    seed: int
    """Seed of F2R."""
    told: Sequence[float]
    """Noise levels that are given, in 8-bit units."""
    filters: bool
    """Whether filters of FFmpeg are run."""
    balanced: bool
    """Whether the preset `balanced` is run as well."""

    def missing(self, known: Mapping[str, Any]) -> dict[str, Callable[[Coded], Any]]:
        """Give the parts of a case that are not known, by name."""
        parts: dict[str, Callable[[Coded], Any]] = {
            "input": lambda coded: {"psnr": coded.score(coded.path)},
            "auto": lambda coded: _run_f2r(coded, None, self.preset, self.seed),
        }
        if self.filters:
            parts["filters"] = _run_filters
        if self.balanced:
            parts["balanced"] = lambda coded: _run_f2r(coded, None, "balanced", self.seed)
        missing = {name: part for name, part in parts.items() if name not in known}
        told = known.get("told", {})
        if any(f"{sigma:g}" not in told for sigma in self.told):
            missing["told"] = partial(self._run_told, told)
        return missing

    def _run_told(self, known: Mapping[str, float], coded: Coded) -> dict[str, float]:
        levels = [sigma for sigma in self.told if f"{sigma:g}" not in known]
        found = {f"{s:g}": _run_f2r(coded, s, self.preset, self.seed)["psnr"] for s in levels}
        return {**known, **found}


def measure_case(
    clean: Tensor,
    noisy: Tensor,
    codec: str,
    ways: Ways,
    known: Mapping[str, Any],
    keep: Callable[[str, Any], None],
) -> None:
    """Measure the parts of a case that are not known.

    Args:
        clean: (T, 3, H, W) frames with even sides.
        noisy: the same with noise.
        codec: name of the encoder in `ENCODINGS`.
        ways: how to denoise.
        known: parts that were measured before.
        keep: takes the name and the figures of every part that is measured.
    """
    missing = ways.missing(known)
    if not missing:
        return
    encoding = ENCODINGS[codec]
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"coded{encoding.suffix}"
        encode_file(path, to_bytes(noisy), encoding)
        coded = Coded(path, clean)
        for name, part in missing.items():
            keep(name, part(coded))


def _run_f2r(coded: Coded, sigma: float | None, preset: str, seed: int) -> dict[str, Any]:
    """Run F2R on the coded file through the file API; `sigma` None estimates the noise."""
    output = coded.path.with_name("f2r.npy")
    level = None if sigma is None else sigma / 255
    start = time.monotonic()
    facts = facts_of(denoise_coded(coded.path, output, level, preset, seed))
    return {
        "psnr": coded.score(output),
        "noise": facts.noise,
        "output": facts.output,
        "estimated_psnr": facts.estimated_output,
        "seconds": round(time.monotonic() - start, 2),
    }


def _run_filters(coded: Coded) -> dict[str, dict[str, float] | None]:
    """Run every filter at every setting; None stands for a filter that PyAV lacks."""
    return {
        name: {s: _run_filter(coded, name, s) for s in settings} if has_filter(name) else None
        for name, settings in SETTINGS.items()
    }


def _run_filter(coded: Coded, name: str, setting: str) -> float:
    output = coded.path.with_name("filtered.mkv")
    filter_file(coded.path, output, name, setting)
    return coded.score(output)
