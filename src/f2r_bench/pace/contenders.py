"""The methods, each as commands that read a noisy file and write a denoised one."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from f2r.config import Preset
from f2r.errors import InputError
from f2r_bench.compressed.filters import has_filter
from f2r_bench.options.pace import PaceArgs

SHARES = (0.25, 0.35, 0.5, 0.7, 1.0)
"""Strengths of a filter relative to the standard deviation of the noise."""

OURS = "f2r-"
"""Prefix of the presets of F2R."""

VAPOURSYNTH = Path(__file__).with_name("by_vapoursynth.py")
"""Program that runs in a Python with VapourSynth."""


@dataclass(frozen=True)
class Job:
    """One run of a method."""

    setting: str
    """Setting of the method; empty for one that has none."""
    command: tuple[str, ...]
    """The process, without input and output."""
    before_output: tuple[str, ...] = ()
    """What stands between input and output."""

    def of(self, source: Path, output: Path) -> list[str]:
        """Give the command for a file."""
        return [*self.command, str(source), *self.before_output, str(output)]


@dataclass(frozen=True)
class Contender:
    """A method and its settings, of which the best counts."""

    name: str
    """Name in tables and pictures."""
    jobs: tuple[Job, ...]
    """One per setting."""


def build_contenders(args: PaceArgs) -> list[Contender]:
    """Make the methods that were asked for.

    Raises:
        InputError: a preset is unknown, or FFmpeg lacks a filter.
    """
    names = [name.strip() for name in args.methods.split(",") if name.strip()]
    return [_contender(name, args) for name in dict.fromkeys(names)]


def _contender(name: str, args: PaceArgs) -> Contender:
    if name.removeprefix(OURS) in set(Preset):
        return Contender(name, (_ours(name.removeprefix(OURS), args.sigma),))
    if name in FILTERS:
        if not has_filter(name):
            raise InputError(f"the FFmpeg inside PyAV was built without {name}: leave it out")
        jobs = [_by_ffmpeg(name, setting) for setting in FILTERS[name](args.sigma)]
        return Contender(name, tuple(jobs))
    if name in SCRIPTS:
        python = str(args.vapoursynth or sys.executable)
        settings = [(part, f"{args.sigma:g}", value) for part, value in SCRIPTS[name]]
        jobs = [_by_vapoursynth(python, setting) for setting in settings]
        return Contender(name, tuple(jobs))
    if name.startswith(OURS):
        raise InputError(f"'{name}' is no preset: use one of {', '.join(OURS + p for p in Preset)}")
    return Contender(name, (_by_method(name, args),))


def _ours(preset: str, sigma: float) -> Job:
    options = ("--preset", preset, "--sigma", f"{sigma:g}")
    return Job("", (sys.executable, "-m", "f2r", "denoise", *options), ("-o",))


def _by_ffmpeg(name: str, setting: str) -> Job:
    return Job(setting, (sys.executable, "-m", "f2r_bench.pace.by_ffmpeg", name, setting))


def _by_method(name: str, args: PaceArgs) -> Job:
    options = (name, f"{args.sigma:g}", ",".join(args.weights))
    return Job("", (sys.executable, "-m", "f2r_bench.pace.by_method", *options))


def _by_vapoursynth(python: str, setting: tuple[str, ...]) -> Job:
    part, _, value = setting
    return Job(f"{part} {value}", (python, str(VAPOURSYNTH), *setting))


def _nlmeans(sigma: float) -> Sequence[str]:
    shares = (0.3, 0.35, 0.42, 0.5, 0.7)
    strengths = dict.fromkeys(min(max(round(share * sigma, 1), 1), 30) for share in shares)
    return [f"s={s:g}:p={p}:r=9" for s in strengths for p in (5, 7)]


def _bm3d(sigma: float) -> Sequence[str]:
    return [f"sigma={share * sigma:g}" for share in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)]


def _hqdn3d(sigma: float) -> Sequence[str]:
    return [f"luma_spatial={share * sigma:g}" for share in SHARES]


def _atadenoise(sigma: float) -> Sequence[str]:
    shares = (min(share * sigma / 255, 0.3) for share in SHARES)
    planes = [[f"{k}a={share:.3f}:{k}b={4 * share:.3f}" for k in range(3)] for share in shares]
    return [":".join(plane) + ":s=5" for plane in planes]


FILTERS: Mapping[str, Callable[[float], Sequence[str]]] = {
    "nlmeans": _nlmeans,
    "bm3d": _bm3d,
    "hqdn3d": _hqdn3d,
    "atadenoise": _atadenoise,
}
"""Filters of FFmpeg, and their settings for noise of a standard deviation in 8-bit units."""

SCRIPTS: Mapping[str, Sequence[tuple[str, str]]] = {
    "vs-bm3d": [(part, value) for part in ("bm3d", "vbm3d") for value in ("0.8", "1", "1.25")],
    "vs-mvtools": [("degrain", value) for value in ("30", "60", "120", "240")],
}
"""Scripts of VapourSynth: the filter and its strength relative to the noise."""
