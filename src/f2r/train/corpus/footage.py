"""Choice of the training clips and of the frames of each, within bounded memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from f2r.errors import InputError
from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.io.clip import FrameReader
from f2r.io.raw.kinds import is_raw
from f2r.io.raw.mosaic import Mosaic
from f2r.io.recognise import ARRAY_SUFFIXES, PICTURE_SUFFIXES, TIFF_SUFFIXES, VIDEO_SUFFIXES
from f2r.noise.correlated import Correlated, gaussian_correlation
from f2r.noise.models import Gaussian, NoiseModel, PoissonGaussian
from f2r.train.corpus.coded_noise import CodedNoise
from f2r.train.options import FootageOptions
from f2r.train.sample import frame_bytes

CLIP_SUFFIXES = VIDEO_SUFFIXES | ARRAY_SUFFIXES | TIFF_SUFFIXES
"""Files in a folder of clips."""

FRAME_SUFFIXES = PICTURE_SUFFIXES | TIFF_SUFFIXES
"""Files in a folder of frames; TIFF files beside videos are clips."""

LEAST_FRAMES = 5
"""A clip that gets memory for fewer frames is left out: a full window has five."""

UNKNOWN_LENGTH = 10_000
"""Frames that a clip of unknown length is taken to have."""

CLEAN_BYTES = 12
"""Bytes per pixel of a clean frame, where it is kept as the target."""

GOLDEN = 0.6180339887
"""Multiples of it, modulo one, cover the unit interval evenly in a mixed order."""


BLUR_LOW, BLUR_HIGH = 0.5, 1.2
"""Standard deviations, in pixels, of the filters that correlate added noise."""

CORRELATED_LEVEL = 0.6
"""Deviation of correlated noise relative to that of white noise, which is easier to remove."""


@dataclass(frozen=True)
class AddedNoise:
    """Noise that is added to clean clips, once each."""

    sigma_low: float = 1.5 / 255
    """Lowest noise level, nominal; each clip has one level."""
    sigma_high: float = 60 / 255
    """Highest noise level, nominal."""
    sigma_power: float = 1.6
    """Levels are sigma_low + (sigma_high - sigma_low) * u ** sigma_power, u even in [0, 1]: above
    1 favours weak noise."""
    photon_every: int = 4
    """Every so many clips get Poisson-Gaussian instead of Gaussian noise; >= 1."""
    correlated_every: int = 5
    """Every so many of the others get Gaussian noise that is correlated between pixels; >= 1."""
    grey_every: int = 6
    """Every so many clips are turned grey; >= 1."""

    def level(self, index: int) -> float:
        """Give the level of a clip; consecutive clips differ widely."""
        share: float = (index * GOLDEN % 1) ** self.sigma_power
        return self.sigma_low + (self.sigma_high - self.sigma_low) * share

    def model(self, index: int) -> NoiseModel:
        """Give the noise model of a clip: its level is the standard deviation at mid-grey."""
        sigma = self.level(index)
        if index % self.photon_every == self.photon_every - 1:
            return PoissonGaussian(gain=1.4 * sigma**2, read=sigma * 0.3**0.5)
        if index % self.correlated_every == self.correlated_every - 1:
            blur = BLUR_LOW + (BLUR_HIGH - BLUR_LOW) * (index * GOLDEN**2 % 1)
            return Correlated(Gaussian(CORRELATED_LEVEL * sigma), gaussian_correlation(blur))
        return Gaussian(sigma)

    def is_grey(self, index: int) -> bool:
        """Whether a clip is turned grey."""
        return index % self.grey_every == self.grey_every - 1


@dataclass(frozen=True)
class Footage(FootageOptions):
    """Training clips and their noise."""

    clips: tuple[Path, ...]
    """Clips, or folders of clips."""
    mosaic: Mosaic | None = None
    """Pattern and levels of raw frames without metadata."""
    noise: NoiseModel | None = None
    """Noise of every clip; None estimates it, or with `add_noise` draws levels from `spread`, or
    for raw from the levels of a camera."""
    spread: AddedNoise = field(default_factory=AddedNoise)
    """Distribution of the added noise if `noise` is None."""
    coded: CodedNoise | None = None
    """Coding of a share of the clips after the noise; needs `clean_targets`, excludes raw clips and
    a given `noise`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coded and not self.clean_targets:
            raise InputError("coded noise is not zero-mean: --coded-share needs --clean-targets")
        if self.coded and (self.raw or self.noise):
            raise InputError(
                "--coded-share is for pictures and levels of its own: not for raw"
                " clips, not with --noise"
            )


@dataclass(frozen=True)
class ClipSource:
    """A clip that has not been read yet."""

    name: str
    """Its file or folder, for messages."""
    open: Callable[[], FrameReader]
    """Opens it."""
    index: int = 0
    """Its index among all clips, which decides its noise and seed."""


def list_sources(footage: Footage, seed: int) -> list[ClipSource]:
    """List all clips in an order that the seed shuffles, so that kinds are mixed.

    Raises:
        InputError: there is none.
    """
    opened = partial(open_reader, mosaic=footage.mosaic)
    sources = [ClipSource(str(p), partial(opened, p)) for p in find_clips(footage.clips)]
    if footage.photos:
        from f2r.train.corpus.motion import RAW_MOTION, MotionConfig, photo_clips

        config = RAW_MOTION if footage.raw else MotionConfig()
        made = photo_clips(footage.photos, config, np.random.default_rng(seed))
        sources += [
            ClipSource(f"photograph {i + 1}", partial(ArrayReader, c)) for i, c in enumerate(made)
        ]
    if not sources:
        raise InputError("no clips found: give clips, or folders of clips")
    order = np.random.default_rng(seed).permutation(len(sources))
    return [ClipSource(sources[k].name, sources[k].open, i) for i, k in enumerate(order)]


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """List clips: files, folders of pictures, and the content of folders of clips.

    Raises:
        InputError: a path does not exist, or a folder holds no clip.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder: check the name")
        found += _inside(path) if path.is_dir() and not is_raw(path) else [path]
    return found


def _inside(folder: Path) -> list[Path]:
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    suffixes = {path.suffix.lower() for path in entries if path.is_file()}
    if suffixes & FRAME_SUFFIXES and not suffixes & VIDEO_SUFFIXES:
        return [folder]
    clips = [path for path in entries if path.is_file() and path.suffix.lower() in CLIP_SUFFIXES]
    clips += [path for path in entries if path.is_dir() and _holds_frames(path)]
    if not clips:
        raise InputError(f"{folder}: holds no clips: give videos, stacks or folders of frames")
    return clips


def _holds_frames(folder: Path) -> bool:
    frames = (path.suffix.lower() in FRAME_SUFFIXES for path in folder.iterdir())
    return any(frames) or is_raw(folder)


def share_memory(wanted: Sequence[int], least: Sequence[int], limit: int) -> list[int]:
    """Divide `limit` bytes among clips.

    Small clips get their wish and large ones equal parts of the rest; a clip that would get less
    than its `least` gets nothing.
    """
    given = [0] * len(wanted)
    rest, left = limit, len(wanted)
    for k in sorted(range(len(wanted)), key=lambda k: wanted[k]):
        part = min(wanted[k], rest // left)
        given[k] = part if part >= least[k] else 0
        rest, left = rest - given[k], left - 1
    return given


def plan_frames(sources: Sequence[ClipSource], footage: Footage) -> list[int]:
    """Choose the number of frames of each clip; opens each once, so that errors appear early.

    Raises:
        InputError: a clip cannot be read, or is raw where pictures are needed, or the reverse.
    """
    lengths, per_frame = [], []
    for source in sources:
        with source.open() as reader:
            info = reader.info
            _check_kind(source.name, info.mosaic is not None, footage)
            lengths.append(info.frames or UNKNOWN_LENGTH)
            halved = 2 if footage.raw and info.mosaic is None else 1
            size = (info.height // halved, info.width // halved)
            clean = CLEAN_BYTES * size[0] * size[1] if footage.clean_targets else 0
            per_frame.append(frame_bytes(info, size) + clean)
    wanted = [n * size for n, size in zip(lengths, per_frame, strict=True)]
    least = [min(n, LEAST_FRAMES) * size for n, size in zip(lengths, per_frame, strict=True)]
    given = share_memory(wanted, least, int(footage.memory_gib * 2**30))
    return [part // size for part, size in zip(given, per_frame, strict=True)]


def _check_kind(name: str, found_raw: bool, footage: Footage) -> None:
    if found_raw and not footage.raw:
        raise InputError(f"{name}: is raw: pass --raw, and train on raw clips alone")
    if footage.raw and not (found_raw or footage.add_noise):
        raise InputError(
            f"{name}: is not raw: leave out --raw, or take clean clips and --add-noise"
        )
