"""What a user can choose about a run."""

import math
from dataclasses import dataclass
from enum import StrEnum

from f2r.errors import InputError


class Preset(StrEnum):
    """How much to train on the clip itself."""

    FAST = "fast"
    """No training: the shipped weights as they are."""
    BALANCED = "balanced"
    """Two minutes of training on the clip."""
    BEST = "best"
    """Fifteen minutes of training on the clip."""


TRAINING_SECONDS = {Preset.FAST: 0.0, Preset.BALANCED: 120.0, Preset.BEST: 900.0}
"""Training time of each preset, unless a time budget for the whole run is given."""


@dataclass(frozen=True)
class DenoiseConfig:
    """Everything that decides the result of a run, besides the clip."""

    preset: Preset = Preset.BALANCED
    """How much to train on the clip."""
    time_budget: float | None = None
    """Seconds for the whole run; what preparation and inference leave is spent on training, and
    the preset's training time no longer counts. None: the preset decides. > 0."""
    device: str = "auto"
    """'auto', 'cpu', 'cuda' or 'mps'."""
    seed: int = 0
    """Seed of all randomness; >= 0."""
    strength: float = 1.0
    """Share of the estimated noise that is removed; 0 returns the input, 1 the estimate; in
    [0, 1.5]."""
    sample_gib: float = 2.0
    """Memory for the part of the clip that is trained on, in GiB; a longer clip is sampled
    evenly; > 0."""

    hot_pixels: str = "keep"
    """'remove' puts the median of their neighbours in place of hot and dead pixels."""
    fixed_pattern: str = "keep"
    """'remove' subtracts offsets of rows, columns and pixels that stay while the scene moves."""

    @property
    def trains(self) -> bool:
        """Whether the run trains on the clip."""
        return self.time_budget is not None or TRAINING_SECONDS[self.preset] > 0

    def __post_init__(self) -> None:
        if self.time_budget is not None and not 0 < self.time_budget < math.inf:
            raise InputError(f"time budget must be a positive time, not {self.time_budget:g} s")
        if not 0 <= self.strength <= 1.5:
            raise InputError(f"strength must lie in [0, 1.5], not {self.strength:g}")
        for name in ("hot_pixels", "fixed_pattern"):
            if getattr(self, name) not in {"keep", "remove"}:
                raise InputError(f"{name} must be keep or remove, not {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, not {self.seed}")
        if not self.sample_gib > 0:
            raise InputError(f"sample memory must be positive, not {self.sample_gib:g} GiB")
