"""Input and outcome of one run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f2r.config import DenoiseConfig
from f2r.io.clip import EncodeOptions, FrameReader
from f2r.io.excerpt import Piece
from f2r.io.raw.mosaic import Mosaic
from f2r.run.repair import Repair
from f2r.run.setup import Setup
from f2r.system.progress import StageClock

PIPE = "-"
"""Standard input or output."""

Announce = Callable[[str], None]
"""Receives one sentence on what was found or decided."""


@dataclass(frozen=True)
class FileOptions:
    """How files are read, written and kept."""

    overwrite: bool = False
    """Replace an existing output and the folder of an interrupted run."""
    resume: bool = False
    """Resume an interrupted run."""
    skip_corrupt: bool = False
    """Leave damaged video packets and pictures out instead of stopping at them."""
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    """How to compress the output."""
    mosaic: Mosaic | None = None
    """Pattern and levels of raw samples, if the file does not hold them."""
    axes: str | None = None
    """Names of the axes of a TIFF or `.npy`, such as 'YXT'."""
    piece: Piece | None = None
    """Which frames, if not all."""

    @property
    def label(self) -> str | None:
        """Label of the default output: a piece takes a name of its own."""
        return None if self.piece is None else "piece"


@dataclass(frozen=True)
class Order:
    """What a user asks for: one clip into one output."""

    source: str
    """Video file, folder of frames, TIFF stack, `.npy`, or '-'."""
    target: Path
    """Where to write; '-' is standard output."""
    config: DenoiseConfig
    """What decides the result besides the clip."""
    files: FileOptions
    """How files are read, written and kept."""


@dataclass(frozen=True)
class Outcome:
    """Files that a run has written."""

    output: Path
    """The denoised clip; '-' is standard output."""
    report_path: Path | None
    """JSON with every decision, figure and time; None for standard output."""
    picture: Path | None
    """Before/after picture of the middle frame; None where a pipe is involved."""
    report: dict[str, Any]
    """Content of the JSON."""


@dataclass(frozen=True)
class Job:
    """One clip, its output, and all that the run needs."""

    source: str
    """Name of the input."""
    target: Path
    """The output."""
    reader: FrameReader
    """The clip, with the repairs of the options."""
    repair: Repair | None
    """Repairs while reading; None without any."""
    setup: Setup
    """Device, layout, memory and flow."""
    files: FileOptions
    """How files are read, written and kept."""
    clock: StageClock
    """Measures the stages."""
    announce: Announce
    """Receives sentences on what was found and decided."""
