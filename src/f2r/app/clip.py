"""What the page knows of the clip that is open."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2r.config import DenoiseConfig, EstimateConfig, Preset
from f2r.errors import InputError
from f2r.io import default_output, open_reader
from f2r.io.clip import ClipInfo
from f2r.noise.plane_noise import PlaneNoise
from f2r.pictures.before_after import choose_tone, to_pixels
from f2r.run.finish import beside
from f2r.run.inspect import inspect_reader
from f2r.run.preview import Preview, preview
from f2r.run.resume.state import interrupted_config, state_folder
from f2r.run.sentences import describe_input
from f2r.system.progress import StageClock

Pixels = NDArray[np.uint8]

SIDE = 640
"""Rows and columns that the noise is measured on, in the middle of larger frames."""


@dataclass(frozen=True)
class OpenClip:
    """A clip that the page shows."""

    path: Path
    """The file or folder."""
    info: ClipInfo
    """Its description."""
    planes: tuple[PlaneNoise, ...]
    """The noise of each plane."""

    @property
    def last(self) -> int:
        """Number of the last frame, counted from 0."""
        return max((self.info.frames or 1) - 1, 0)

    def facts(self) -> str:
        """Describe size and length in one line."""
        text = describe_input(self.info).removeprefix("input: ")
        if self.info.fps is None or self.info.frames is None:
            return text
        return f"{text}, {self.info.frames / float(self.info.fps):.1f} s"

    def findings(self) -> list[str]:
        """Describe the noise, what speaks against denoising, and advice; one sentence each."""
        lines = []
        for plane in self.planes:
            name = f"{plane.name}: " if len(self.planes) > 1 else ""
            failed = [found.text for found in plane.diagnosis.findings if not found.holds]
            lines += [f"{name}{plane.estimate.model.describe()}", *failed]
        return list(dict.fromkeys([*lines, *(plane.advice() for plane in self.planes)]))


def open_clip(name: str) -> OpenClip:
    """Open a clip and measure its noise.

    Raises:
        InputError: it cannot be read.
    """
    if not name.strip():
        raise InputError("choose a file, or write the name of one")
    path = Path(name.strip()).expanduser()
    with open_reader(path, counts_to_nominal=True) as reader:
        return OpenClip(path, reader.info, tuple(inspect_reader(reader, side=SIDE)))


def preview_clip(clip: OpenClip, frame: int, clock: StageClock) -> Preview:
    """Denoise one frame and its surroundings without training.

    Args:
        clip: the clip.
        frame: its number, counted from 0.
        clock: measures the stages.
    """
    with open_reader(clip.path, counts_to_nominal=True) as reader:
        return preview(reader, frame, EstimateConfig(preset=Preset.FAST), clock)


def shown(seen: Preview, luma: float, chroma: float) -> tuple[Pixels, Pixels]:
    """Give the noisy frame and the mix, both in the same tones; takes milliseconds."""
    tone = choose_tone(seen.at_strength(1.0))
    return to_pixels(seen.noisy(), tone), to_pixels(seen.at_strength(luma, chroma), tone)


def free_output(path: Path) -> Path:
    """Name an output beside a clip that replaces nothing: NAME.f2r.EXT, NAME.2.f2r.EXT ..."""
    for target in _outputs(path):
        files = (target, *beside(target), state_folder(target))
        if not any(file.exists() or file.is_symlink() for file in files):
            return target
    raise AssertionError("there are endless names")


def interrupted(path: Path) -> tuple[Path, DenoiseConfig] | None:
    """Find the output and the options of an interrupted run of a clip.

    Raises:
        InputError: what the run has kept is damaged.
    """
    for target in _outputs(path):
        config = interrupted_config(target)
        if config is not None and not target.exists():
            return target, config
        if not target.exists():
            break
    return None


def _outputs(path: Path) -> Iterator[Path]:
    yield default_output(path)
    yield from (default_output(path, str(number)) for number in count(2))
