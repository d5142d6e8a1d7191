"""Options of `f2r-bench pace`."""

from dataclasses import dataclass
from pathlib import Path

from f2r_bench.options.comparison import Data, Folder


@dataclass(frozen=True)
class PaceArgs:
    """Compare PSNR and seconds a frame of whole processes on the same noisy file, and draw them."""

    data: Data
    """Folder of clean clips, or one clip."""
    methods: str = "f2r-draft,f2r-fast,nlmeans,bm3d"
    """Separated by commas: f2r-PRESET; nlmeans, bm3d, hqdn3d, atadenoise (FFmpeg, the best of
    several settings); vs-bm3d, vs-mvtools (VapourSynth); any method of f2r-bench compare that does
    not train, such as prior or dvdnet."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    sigma: float = 30.0
    """Standard deviation of the noise in 8-bit units."""
    frames: int = 20
    """Frames of each clip, at most."""
    weights: tuple[str, ...] = ()
    """Files of weights, each NAME=FILE, as for f2r-bench compare."""
    vapoursynth: Path | None = None
    """Python with the packages vapoursynth, vapoursynth-bm3d, vapoursynth-mvtools, av and numpy;
    VapourSynth's wheels need Python 3.12 or newer. Default: this one."""
    seed: int = 2026
    """Seed of the noise."""
    output: Folder = Path("f2r-pace")
    """Folder for pace.json, a table and a picture for each clip."""
