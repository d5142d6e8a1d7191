"""Options of the commands that measure one property of F2R."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from f2r_bench.options.comparison import Data, Folder

File = Folder


@dataclass(frozen=True)
class QualityArgs:
    """Measure prior, anchor and output against the clean clip, for one or several time budgets."""

    data: Data
    """Folder of clean clips, or one clip."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    sigma: tuple[float, ...] = (10.0, 30.0, 50.0)
    """Standard deviations of the noise in 8-bit units."""
    frames: int = 20
    """Frames of each clip, at most."""
    budgets: tuple[str, ...] = ("fast",)
    """Presets (fast, balanced, best) or times (30s, 2m). Of several, PSNR against time is drawn
    for each clip."""
    auto: bool = False
    """Estimate the noise."""
    seed: int = 2026
    """Seed of the noise."""
    output: File = Path("quality.json")
    """File for all figures; pictures are written beside it."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class NoiseEstimationArgs:
    """Compare the estimated noise with the noise that was added."""

    data: Data
    """Folder of clean clips, or one clip."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    frames: int = 8
    """Frames of each clip, at most."""
    seed: int = 2026
    """Seed of the noise."""
    output: File = Path("noise_estimation.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class UnknownNoiseArgs:
    """Measure what estimating, misjudging and clipping of the noise cost in PSNR."""

    data: Data
    """Folder of clean clips, or one clip."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    cases: tuple[Literal["auto", "correlated", "clipped", "wrong"], ...] = (
        "auto",
        "correlated",
        "clipped",
        "wrong",
    )
    """auto: estimated against true model; correlated: estimated, or taken for white; clipped:
    8-bit samples against unclipped ones; wrong: given 20 % less to 20 % more than the true
    level."""
    frames: int = 20
    """Frames of each clip, at most."""
    preset: Literal["draft", "fast", "balanced", "best"] = "fast"
    """Preset of F2R."""
    seed: int = 2026
    """Seed of the noise."""
    output: File = Path("unknown_noise.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class RealNoiseArgs:
    """Denoise really noisy clips and test whether the removed part shows the object."""

    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")]
    """Noisy clips: files or folders of frames."""
    frames: int = 20
    """Frames of each clip, at most."""
    preset: Literal["draft", "fast", "balanced", "best"] = "fast"
    """Preset of F2R."""
    pictures: Path | None = None
    """Folder for pictures of noise and result."""
    seed: int = 2026
    """Seed of the noise that the removed part is compared with."""
    output: File = Path("real_noise.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class FlowArgs:
    """Measure how well optical flow aligns neighbours, and how much noise it lets through."""

    data: Data
    """Folder of clean clips, or one clip."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    sigma: float = 30.0
    """Standard deviation of the noise in 8-bit units."""
    frames: int = 6
    """Frames of each clip, at most."""
    seed: int = 2026
    """Seed of the noise."""
    output: File = Path("flow.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class SpeedArgs:
    """Time F2R stage by stage, and peers beside it, in turns."""

    data: Data
    """One clip: a folder of frames or a file."""
    frames: int = 7
    """Frames, at most."""
    size: str | None = None
    """WIDTHxHEIGHT to which the frames are cut, at most. Default: as they are."""
    rounds: int = 3
    """Rounds that are timed, after one to warm up."""
    train_seconds: float = 30.0
    """Seconds of training."""
    weights: tuple[str, ...] = ()
    """Files of weights for DVDnet: dvdnet-spatial=FILE dvdnet-temporal=FILE."""
    output: File = Path("speed.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class MemoryArgs:
    """Measure peak memory of `f2r denoise` on clips made by formula."""

    cases: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="CASE...")] = (
        "1920x1080x20",
        "3840x2160x6",
    )
    """Clips as WIDTHxHEIGHTxFRAMES."""
    options: str = ""
    """More options of f2r denoise: --options='--sigma 20'."""
    output: File = Path("memory.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class BusyArgs:
    """Time `f2r denoise` beside other computing processes, against its fair share."""

    case: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CASE")] = "416x240x10"
    """Clip made by formula, as WIDTHxHEIGHTxFRAMES."""
    others: int = 4
    """Processes that compute beside the run."""
    rounds: int = 1
    """Runs alone and beside the others, in turns; medians count."""
    variables: tuple[str, ...] = ()
    """Environment variables of the runs as NAME=VALUE; GOMP_SPINCOUNT=300000 lets waiting threads
    spin, as OpenMP does by default."""
    output: File = Path("busy.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class KillArgs:
    """Kill `f2r denoise` at random instants and compare the resumed output with a whole run's."""

    kinds: tuple[str, ...] = (".mkv", ".mp4", ".npy", ".tif", "folder", "raw")
    """Outputs: an extension, folder (of PNG) or raw (a mosaic in a TIFF stack)."""
    kills: int = 20
    """Kills for each kind."""
    frames: int = 40
    """Frames of the clip, which is made by formula."""
    steps: int = 0
    """Train for so many steps of each stage; 0 trains not at all."""
    correlated: bool = False
    """Correlated noise, which each run estimates; raw clips keep their white noise."""
    seed: int = 0
    """Seed of the instants."""
    output: File = Path("kill.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""


@dataclass(frozen=True)
class LoadArgs:
    """Call f2r.denoise many times in one process and watch its memory and open files. Linux."""

    calls: int = 500
    """Calls one after the other, each with 8 frames of 64x64."""
    thread_calls: int = 100
    """Calls from several threads at once."""
    threads: int = 4
    """How many threads."""
    every: int = 10
    """Calls between two looks."""
    output: File = Path("load.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""
