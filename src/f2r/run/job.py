"""What one run is given, and what it leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f2r.io.clip import EncodeOptions, FrameReader
from f2r.io.excerpt import Piece
from f2r.io.raw.mosaic import Mosaic
from f2r.run.repair import Repair
from f2r.run.setup import Setup
from f2r.system.progress import StageClock

Announce = Callable[[str], None]
"""Receives one sentence on what was found or decided."""


@dataclass(frozen=True)
class FileOptions:
    """How files are read, written and kept."""

    overwrite: bool = False
    """Replace an existing output, and throw away an interrupted run's folder."""
    resume: bool = False
    """Go on from where an interrupted run was killed."""
    skip_corrupt: bool = False
    """Leave damaged video packets and pictures out instead of stopping at them."""
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    """How to compress the output."""
    mosaic: Mosaic | None = None
    """What the samples mean, where they are raw and the file does not say so."""
    axes: str | None = None
    """Names of the axes of a TIFF or `.npy`, such as 'YXT'."""
    piece: Piece | None = None
    """Which frames, if not all."""


@dataclass(frozen=True)
class Outcome:
    """Where everything went."""

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
    """One clip on its way from a reader to an output."""

    source: str
    """What is read."""
    target: Path
    """What is written."""
    reader: FrameReader
    """The clip, repaired if the user asked for it."""
    repair: Repair | None
    """What is repaired while it is read."""
    setup: Setup
    """What the run works with."""
    files: FileOptions
    """How files are read, written and kept."""
    clock: StageClock
    """Measures the stages."""
    announce: Announce
    """Told in plain sentences what was found and decided."""
