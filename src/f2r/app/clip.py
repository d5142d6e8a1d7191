"""What the page knows of the clip that is open."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2r.config import DenoiseConfig, Preset
from f2r.errors import InputError
from f2r.io import default_output, open_reader
from f2r.io.clip import ClipInfo
from f2r.pictures.before_after import choose_tone, to_pixels
from f2r.run.inspect import inspect_reader
from f2r.run.preview import Preview, preview
from f2r.run.resume.state import has_progress, state_folder
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
    text: str
    """What it is and what noise it has, in plain sentences."""

    @property
    def target(self) -> Path:
        """Where a run writes."""
        return default_output(self.path)

    @property
    def was_interrupted(self) -> bool:
        """Whether a run of this clip can go on."""
        return has_progress(state_folder(self.target))

    @property
    def seconds(self) -> float:
        """Length of the clip; frames count as 1/25 s where it has no clock."""
        return max((self.info.frames or 1) - 1, 0) / float(self.info.fps or 25)


def open_clip(name: str) -> OpenClip:
    """Open a clip and look at its noise.

    Raises:
        InputError: it cannot be read.
    """
    if not name.strip():
        raise InputError("choose a file, or write the name of one")
    path = Path(name.strip()).expanduser()
    with open_reader(path, counts_to_nominal=True) as reader:
        lines = [describe_input(reader.info)]
        for plane in inspect_reader(reader, side=SIDE):
            failed = [found.text for found in plane.diagnosis.findings if not found.holds]
            lines += [f"{plane.name}: {plane.estimate.model.describe()}", *failed, plane.advice()]
        return OpenClip(path, reader.info, "\n".join(dict.fromkeys(lines)))


def preview_clip(clip: OpenClip, share: float) -> Preview:
    """Denoise one frame and its surroundings without training.

    Args:
        clip: the clip.
        share: place in the clip, 0 start to 1 end.
    """
    config = DenoiseConfig(preset=Preset.FAST)
    at = None if clip.info.fps is None else share * clip.seconds
    with open_reader(clip.path, counts_to_nominal=True) as reader:
        return preview(reader, at, config, StageClock())


def shown(seen: Preview, luma: float, chroma: float) -> tuple[Pixels, Pixels]:
    """Give the noisy frame and the mix, both in the same tones; takes milliseconds."""
    tone = choose_tone(seen.at_strength(1.0))
    return to_pixels(seen.noisy(), tone), to_pixels(seen.at_strength(luma, chroma), tone)
