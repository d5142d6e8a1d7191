"""Options of `f2r train`: values, units and texts; the command line takes them from here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from f2r.config import Duration, Tuning
from f2r.errors import InputError, check_seed


@dataclass(frozen=True)
class StagesConfig:
    """How to train both stages on many clips."""

    time_budget: Duration = 2700.0
    """Training time of both stages together, such as 90s, 45m or 2h."""
    steps: int | None = None
    """Optimiser steps of each stage, at most; makes a run repeatable. Default: limited by time."""
    temporal_share: float = 0.55
    """Share of the training time for stage 1; in (0, 1)."""
    alpha: float = Tuning.alpha
    """Strength of the recorruption in stage 2; > 0."""
    batch: int = 6
    """Crops per step over all processes; rounded up to a multiple of the shards."""
    shards: int | None = None
    """Parts of a batch, each with its own clips; a multiple of the processes. Default: one per
    process."""
    init: str | None = None
    """Weights to start from: a folder or file, or none for random ones. Default: the shipped."""
    seed: int = 0
    """Seed of noise, crops and initial weights."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "shards"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, not {value}")
        if not 0 < self.temporal_share < 1:
            raise InputError(f"temporal_share must lie in (0, 1), not {self.temporal_share:g}")
        if not self.alpha > 0:
            raise InputError(f"alpha must be positive, not {self.alpha:g}")
        check_seed(self.seed)


@dataclass(frozen=True, kw_only=True)
class FootageOptions:
    """Kind of the training clips."""

    photos: tuple[Path, ...] = ()
    """Photographs or folders of them, from which further clips are made; needs --add-noise."""
    add_noise: bool = False
    """The clips are clean: add noise once, by default of many levels."""
    clean_targets: bool = False
    """Use the clean frames as targets, instead of self-supervision; needs --add-noise."""
    raw: bool = False
    """The clips are raw; with --add-noise, they are converted to raw with a camera's noise."""
    memory_gib: Annotated[float, arg(name="memory")] = 4.0
    """Memory for prepared frames in GiB, per process; longer clips are sampled."""

    def __post_init__(self) -> None:
        if self.clean_targets and not self.add_noise:
            raise InputError("noisy clips have no clean frames: --clean-targets needs --add-noise")
        if self.photos and not self.add_noise:
            raise InputError("photographs are clean: --photos needs --add-noise")
        if not self.memory_gib > 0:
            raise InputError(f"memory must be positive, not {self.memory_gib:g} GiB")


@dataclass(frozen=True)
class PriorData:
    """How training pairs are made from photographs."""

    reductions: tuple[float, ...] = (3.0, 4.5, 6.5)
    """Photographs are reduced by these factors (area averaging), which removes JPEG blocks."""
    patch: int = 80
    """Side of a training patch in pixels; a multiple of 8."""
    batch: int = 24
    """Patches per step; > 0."""
    sigma_max: float = 75 / 255
    """Highest noise level, nominal units."""
    sigma_power: float = 1.4
    """Levels are sigma_max * u ** sigma_power, u uniform in [0, 1]: above 1 favours weak noise."""
    grey_share: float = 0.15
    """Share of pictures turned grey, so that one network serves both; in [0, 1]."""
    raw: bool = False
    """For raw: photographs are converted to raw by an inverse ISP, with the noise of a camera."""
    raw_gain: float = 4.0
    """Raw patches are brightened by a factor drawn from 1 to this; >= 1."""
    signal_dependent_share: float = 0.3
    """Share of pictures with Poisson-Gaussian instead of Gaussian noise; in [0, 1]."""
    coded_share: float = 0.0
    """Share of pictures whose noise goes through a video codec; not with --raw; in [0, 1]."""

    def __post_init__(self) -> None:
        if not 0 <= self.coded_share <= 1:
            raise InputError(f"coded share must lie in [0, 1], not {self.coded_share:g}")
        if self.coded_share and self.raw:
            raise InputError("raw is never coded: leave out --coded-share or --raw")
        if self.patch < 8 or self.patch % 8 or self.batch < 1:
            raise InputError("patch must be a multiple of 8, and batch at least 1")


@dataclass(frozen=True)
class PriorConfig:
    """How to train the image prior."""

    time_budget: Duration = 2700.0
    """Training time, such as 90s, 45m or 2h."""
    init: Path | None = None
    """Weights to start from, to train them further."""
    seed: int = 0
    """Seed of patches, noise and initial weights."""
    data: Annotated[PriorData, arg(name="")] = PriorData()
    """Training pairs."""

    def __post_init__(self) -> None:
        check_seed(self.seed)
