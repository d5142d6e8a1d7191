"""Options of the commands that compare methods: compare, ablations, crvd, raw."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import tyro

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Data: TypeAlias = Annotated[Path, tyro.conf.Positional]
Folder: TypeAlias = Annotated[Path, tyro.conf.arg(aliases=["-o"])]


@dataclass(frozen=True)
class CompareArgs:
    """Compare methods on clean clips with known noise. Finished cases are not repeated."""

    data: Data
    """Set8, DAVIS 2017, any folder of clips (folders of frames or files), or one clip."""
    methods: str = "noisy,prior,video-noise2noise,udvd,udvd-slim,tap,f2r"
    """Separated by commas. Without files of weights: noisy, prior, f2r, f2r-fast, f2r-draft,
    f2r-self-supervised, f2r-fast-self-supervised, video-noise2noise, udvd, udvd-slim, tap;
    with --weights: dvdnet, dvdnet-frames, dvdnet-deepflow, fastdvdnet, flornn, nafnet; with their
    packages: bm3d, bm4d."""
    sigma: tuple[float, ...] = (10.0, 20.0, 30.0, 40.0, 50.0)
    """Standard deviations of the noise in 8-bit units."""
    frames: int = 85
    """Frames of each clip, at most."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    budget: str = "60s"
    """Time for each clip and each method that trains, inference included."""
    output: Folder = Path("f2r-compare")
    """Folder for results; an interrupted comparison goes on from there."""
    weights: tuple[str, ...] = ()
    """Files of weights, each NAME=FILE: prior (ours), udvd, dvdnet-spatial, dvdnet-temporal,
    fastdvdnet, flornn, nafnet."""
    device: Device = "auto"
    """Where to compute."""
    seed: int = 2026
    """Seed of the noise, which is drawn once per clip, and of training."""


@dataclass(frozen=True)
class AblationsArgs:
    """Compare variants of F2R that differ in one part. Finished cases are not repeated."""

    data: Data
    """Folder of clean clips, or one clip."""
    name: Literal["z", "flow", "stages", "alpha", "draws", "window", "prior", "blind"] = "stages"
    """The part: z, what the networks see of a frame; flow, how neighbours are aligned; stages;
    alpha, strength of the recorruption; draws, recorrupted passes that are averaged; window,
    frames that stage 1 sees; prior, the noise level that it receives; blind, what stage 1 sees of
    its target."""
    sigma: tuple[float, ...] = (30.0,)
    """Standard deviations of the noise in 8-bit units."""
    frames: int = 20
    """Frames of each clip, at most."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    budget: str = "60s"
    """Time for each training, inference included."""
    output: Folder = Path("f2r-ablation")
    """Folder for results; an interrupted comparison goes on from there."""
    device: Device = "auto"
    """Where to compute."""
    seed: int = 2026
    """Seed of the noise and of training."""


@dataclass(frozen=True)
class CrvdArgs:
    """Compare methods on raw video by CRVD's protocol."""

    data: Data
    """Folder that holds indoor_raw_noisy and indoor_raw_gt."""
    methods: str = "noisy,prior,f2r-fast,f2r"
    """Separated by commas: noisy, prior, f2r-fast, f2r."""
    budget: str = "60s"
    """Time for each clip of f2r, inference included."""
    isp: Path | None = None
    """Weights of CRVD's image pipeline, for figures in sRGB."""
    output: Folder = Path("f2r-crvd")
    """Folder for crvd.json and crvd.md."""
    device: Device = "auto"
    """Where to compute."""
    seed: int = 2026
    """Seed of training."""


@dataclass(frozen=True)
class RawArgs:
    """Measure F2R on colour clips that are taken back to raw, with the noise of CRVD's camera."""

    data: Data
    """Folder of clean colour clips, or one clip."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    isos: tuple[int, ...] = (1600, 3200, 6400, 12800, 25600)
    """ISO settings of CRVD's camera."""
    frames: int = 7
    """Frames of each clip, at most."""
    presets: tuple[Literal["draft", "fast", "balanced", "best"], ...] = ("fast",)
    """Presets of F2R."""
    auto: bool = False
    """Also run with the noise estimated."""
    bm4d: bool = False
    """Also run BM4D; its package is free for non-commercial use only."""
    output: Folder = Path("raw.json")
    """File for all figures."""
    overwrite: bool = False
    """Replace existing files."""
