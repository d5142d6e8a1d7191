"""Options of a run: values, units and texts.

The command line, the Python interface, the report and the reference page are generated from them.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

from f2r.errors import InputError, check_seed

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float:
    """Read a time such as '90', '90s', '2.5m' or '1h' as seconds.

    Raises:
        InputError: the text is no positive time.
    """
    match = re.fullmatch(r"(\d+\.?\d*)\s*([smh]?)", text.strip().lower())
    seconds = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    if seconds <= 0:
        raise InputError(f"'{text}' is no time: give for example 90s, 10m or 1h")
    return seconds


def level_of(text: str) -> float:
    """Read a standard deviation in 8-bit units, 0 to 255, as nominal units.

    Raises:
        InputError: the text is no such number.
    """
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if not 0 <= level <= 255:
        raise InputError(f"--sigma {text}: must lie in [0, 255], in 8-bit units")
    return level / 255


Duration = Annotated[
    float,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="TIME",
        instance_from_str=lambda words: seconds_of(words[0]),
        is_instance=lambda value: isinstance(value, int | float),
        str_from_instance=lambda value: [f"{value:g}s"],
    ),
]
"""Seconds; on the command line also minutes and hours, such as 90s, 10m or 1h."""

Level = Annotated[
    float,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="SIGMA",
        instance_from_str=lambda words: level_of(words[0]),
        is_instance=lambda value: isinstance(value, int | float),
        str_from_instance=lambda value: [f"{255 * value:g}"],
    ),
]
"""Standard deviation in nominal units, 1 is white; on the command line in 8-bit units."""


class Preset(StrEnum):
    """How much to train on the clip itself."""

    DRAFT = "draft"
    """One small recurrent network instead of the method, and no training."""
    FAST = "fast"
    """No training: the weights as they are."""
    BALANCED = "balanced"
    """Up to 2 minutes of training on the clip."""
    BEST = "best"
    """Up to 15 minutes of training on the clip."""


TRAINING_SECONDS = {
    Preset.DRAFT: 0.0,
    Preset.FAST: 0.0,
    Preset.BALANCED: 120.0,
    Preset.BEST: 900.0,
}
"""Training time of each preset, unless a time budget for the whole run is given."""


@dataclass(frozen=True)
class Tuning:
    """Constants of training and fusion, for experiments."""

    alpha: float = 0.5
    """Strength of the recorruption: y' has 1 + alpha^2 times, y'' has 1 + 1 / alpha^2 times the
    noise variance of y; > 0."""
    learning_rate: float = 8e-4
    """Peak learning rate of both stages; > 0."""
    stage_1_share: float = 0.5
    """Share of the training time for stage 1; in (0, 1)."""
    crop_side: int = 128
    """Side of a training crop in pixels; a multiple of 8."""
    crops: int = 6
    """Training crops in a step; > 0."""
    held_out_share: float = 0.05
    """Share of the tiles of a clip that is held out of training; in (0, 0.5]."""
    neighbour_weight: float = 0.6
    """Fusion: weight of a neighbour that fits perfectly; the frame itself has 1; >= 0."""
    agreement: float = 0.5
    """Fusion: mismatch at which the weight of a neighbour falls to 1/e, relative to the squared
    error of a refined frame; > 0. Frames with independent errors differ by twice that error."""

    def __post_init__(self) -> None:
        for name in ("alpha", "learning_rate", "crops", "agreement"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} must be positive, not {getattr(self, name):g}")
        if not 0 < self.stage_1_share < 1:
            raise InputError(f"stage_1_share must lie in (0, 1), not {self.stage_1_share:g}")
        if not 0 < self.held_out_share <= 0.5:
            raise InputError(f"held_out_share must lie in (0, 0.5], not {self.held_out_share:g}")
        if not self.neighbour_weight >= 0:
            raise InputError(f"neighbour_weight must be >= 0, not {self.neighbour_weight:g}")
        if self.crop_side < 32 or self.crop_side % 8:
            raise InputError(f"crop_side must be a multiple of 8 from 32 on, not {self.crop_side}")


DEFAULT_TUNING = Tuning()
"""The shipped constants."""


@dataclass(frozen=True)
class EstimateConfig:
    """Options that decide the estimate of the clean frames; a preview takes these."""

    preset: Preset = Preset.BALANCED
    """draft: a small network of its own, five times as fast, about 1.3 dB worse, for a first look.
    fast: no training on the clip. balanced: up to 2 minutes of it. best: up to 15."""
    sigma: Level | None = None
    """Standard deviation of Gaussian noise. On the command line in 8-bit units, 0 to 255; in
    Python in nominal units, where 1 is white. Default: the noise is estimated."""
    noise: str = "auto"
    """auto, gaussian:SIGMA, poisson:GAIN, poisson-gaussian:GAIN,READ, gamma:LOOKS or FILE.json, in
    8-bit units; for raw clips crvd:ISO, or profile for the noise profile in the file."""
    time_budget: Duration | None = None
    """Time for the whole run in seconds (command line: 90s, 10m or 1h). Training gets what
    preparation and inference leave. Default: the preset's training time."""
    steps: int | None = None
    """Optimiser steps of each stage instead of a training time; the same seed then gives the same
    result on the same machine. Default: limited by time."""
    hot_pixels: Literal["keep", "remove"] = "keep"
    """remove: first replace hot and dead pixels by the median of their neighbours."""
    fixed_pattern: Literal["keep", "remove"] = "keep"
    """remove: first subtract constant offsets of rows, columns and pixels."""
    weights: str | None = None
    """Folder or file of weights to start from, or 'self-supervised' for shipped weights whose
    stages never saw a clean frame. Default: the shipped ones that fit the clip."""
    flow: Literal["dis", "variational"] = "dis"
    """Optical flow: dis (OpenCV, on the CPU) or variational (torch, on the device; faster beside a
    GPU, 0.3 dB worse)."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    seed: int = 0
    """Seed of all randomness; in [0, 2^63)."""
    memory_gib: Annotated[float | None, arg(name="memory")] = None
    """Memory for inference in GiB; larger frames are computed in tiles. Default: 2.5 on a CPU, most
    of what is free on a GPU."""
    sample_gib: Annotated[float, arg(name="sample-memory")] = 2.0
    """Memory for the part of the clip that is trained on, in GiB."""
    tuning: Tuning = field(default_factory=Tuning)
    """Constants of training and fusion, for experiments."""

    @property
    def trains(self) -> bool:
        """Whether the run trains on the clip."""
        by_option = self.time_budget is not None or self.steps is not None
        return by_option or TRAINING_SECONDS[self.preset] > 0

    def to_report(self) -> dict[str, Any]:
        """Convert the options to JSON values; of a file only its name, which tells no folder."""
        values = asdict(self)
        for name in ("weights", "noise"):
            if values[name] is not None:
                values[name] = Path(values[name]).name
        return values

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_training()
        self._check_amounts()

    def _check_choices(self) -> None:
        if self.preset not in set(Preset):
            raise InputError(f"preset '{self.preset}' is unknown: use one of {', '.join(Preset)}")
        object.__setattr__(self, "preset", Preset(self.preset))
        if self.sigma is not None and self.noise != "auto":
            raise InputError("give either sigma or noise, not both")
        for name in ("hot_pixels", "fixed_pattern"):
            if getattr(self, name) not in {"keep", "remove"}:
                raise InputError(f"{name} must be keep or remove, not {getattr(self, name)}")

    def _check_training(self) -> None:
        if self.time_budget is not None and not 0 < self.time_budget < math.inf:
            raise InputError(f"time budget must be a positive time, not {self.time_budget:g} s")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be positive, not {self.steps}")
        if self.steps is not None and self.time_budget is not None:
            raise InputError("give either steps or a time budget, not both")
        if self.preset is Preset.DRAFT and self.trains:
            raise InputError("a draft never trains: leave out steps and time budget, or use fast")
        check_seed(self.seed)

    def _check_amounts(self) -> None:
        if self.memory_gib is not None and not self.memory_gib > 0:
            raise InputError(f"memory must be positive, not {self.memory_gib:g} GiB")
        if not self.sample_gib > 0:
            raise InputError(f"sample memory must be positive, not {self.sample_gib:g} GiB")


@dataclass(frozen=True)
class DenoiseConfig(EstimateConfig):
    """Options that decide the result of a run: those of the estimate, and its strength."""

    strength: float = 1.0
    """Share of the estimated noise that is removed: 0 returns the input, 1 the estimate; in
    [0, 1.5]."""
    chroma_strength: float | None = None
    """The same for the chroma of colour clips; in [0, 1.5]. Default: as strength."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build the options from those that `dataclasses.asdict` gave."""
        return cls(**{**values, "tuning": Tuning(**values["tuning"])})

    @classmethod
    def of(cls, config: EstimateConfig) -> Self:
        """Take the options of an estimate, at full strength."""
        return cls(**{one.name: getattr(config, one.name) for one in fields(EstimateConfig)})

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("strength", "chroma_strength"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1.5:
                raise InputError(f"{name} must lie in [0, 1.5], not {value:g}")
