"""Options of `f2r-bench compressed`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from f2r_bench.options.comparison import Data, Folder

Codec = Literal[
    "x264-18", "x264-23", "x264-28", "x265-23", "x265-28", "vp9-32", "mjpeg-3", "mjpeg-5"
]
Part = Literal["auto", "told", "filters", "balanced"]

CODECS: tuple[Codec, ...] = (
    "x264-18",
    "x264-23",
    "x264-28",
    "x265-23",
    "x265-28",
    "vp9-32",
    "mjpeg-3",
    "mjpeg-5",
)


@dataclass(frozen=True)
class CompressedArgs:
    """Denoise clips whose noise went through a codec, beside filters of FFmpeg."""

    data: Data
    """Folder of clean clips (folders of frames or files), or one clip."""
    clips: tuple[str, ...] = ()
    """Names of the clips to take; none takes all."""
    sigmas: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0, 30.0)
    """Standard deviations of the noise before encoding, in 8-bit units."""
    codecs: tuple[Codec, ...] = CODECS
    """Encoder and its quality: crf of x264, x265 and VP9, qscale of MJPEG."""
    crop: str = "256x192"
    """WIDTHxHEIGHT of the part that is taken from the centre, at most."""
    frames: int = 12
    """Frames of each clip, at most."""
    preset: Literal["draft", "fast", "balanced", "best"] = "fast"
    """Preset of F2R."""
    told: tuple[float, ...] = ()
    """Noise levels that are given to F2R in 8-bit units. Default: 0.5, 0.75, 1 and 1.25 times the
    level before encoding; 1, 2 and 4 where there is none."""
    filters: bool = True
    """Also run nlmeans, bm3d, hqdn3d and atadenoise, each at several settings."""
    balanced: bool = False
    """Also run F2R with --preset balanced, noise estimated."""
    again: tuple[Part, ...] = ()
    """Parts that are measured again although they lie in the output: a change of F2R itself is not
    noticed."""
    seed: int = 2026
    """Seed of the noise, which is drawn once per clip."""
    output: Folder = Path("f2r-compressed")
    """Folder for compressed.json and compressed.md; an interrupted grid goes on from there."""
