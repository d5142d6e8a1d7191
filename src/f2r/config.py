"""What a user can choose about a run."""

import math
from dataclasses import dataclass
from enum import StrEnum

from f2r.errors import InputError, check_seed


class Preset(StrEnum):
    """How much to train on the clip itself."""

    FAST = "fast"
    """No training: the shipped weights as they are."""
    BALANCED = "balanced"
    """Up to two minutes of training on the clip; less if it stops helping."""
    BEST = "best"
    """Up to fifteen minutes of training on the clip; less if it stops helping."""


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
    steps: int | None = None
    """Optimiser steps of each stage instead of a training time, so that the run can be repeated
    exactly; > 0. None: time decides."""
    device: str = "auto"
    """'auto', 'cpu', 'cuda' or 'mps'."""
    seed: int = 0
    """Seed of all randomness; 0 to 2^63 - 1."""
    strength: float = 1.0
    """Share of the estimated noise that is removed; 0 returns the input, 1 the estimate; in
    [0, 1.5]."""
    sample_gib: float = 2.0
    """Memory for the part of the clip that is trained on, in GiB; of a longer clip evenly spread
    stretches are taken, of larger frames a part; > 0."""
    memory_gib: float | None = None
    """Memory that inference may take, in GiB; larger frames are computed in tiles; > 0. None: 2.5
    on a processor, most of what is free on a GPU."""
    weights: str | None = None
    """Folder or file of own weights to start from; None: the shipped ones."""
    flow: str = "auto"
    """'dis' (OpenCV, on the CPU), 'variational' (torch, on the device), or 'auto' by device."""
    hot_pixels: str = "keep"
    """'remove' puts the median of their neighbours in place of hot and dead pixels."""
    fixed_pattern: str = "keep"
    """'remove' subtracts offsets of rows, columns and pixels that stay while the scene moves."""

    @property
    def trains(self) -> bool:
        """Whether the run trains on the clip."""
        by_option = self.time_budget is not None or self.steps is not None
        return by_option or TRAINING_SECONDS[self.preset] > 0

    def __post_init__(self) -> None:
        if self.time_budget is not None and not 0 < self.time_budget < math.inf:
            raise InputError(f"time budget must be a positive time, not {self.time_budget:g} s")
        if self.steps is not None and self.steps < 1:
            raise InputError(f"steps must be positive, not {self.steps}")
        if self.steps is not None and self.time_budget is not None:
            raise InputError("give either steps or a time budget, not both")
        if not 0 <= self.strength <= 1.5:
            raise InputError(f"strength must lie in [0, 1.5], not {self.strength:g}")
        for name in ("hot_pixels", "fixed_pattern"):
            if getattr(self, name) not in {"keep", "remove"}:
                raise InputError(f"{name} must be keep or remove, not {getattr(self, name)}")
        check_seed(self.seed)
        if self.memory_gib is not None and not self.memory_gib > 0:
            raise InputError(f"memory must be positive, not {self.memory_gib:g} GiB")
        if not self.sample_gib > 0:
            raise InputError(f"sample memory must be positive, not {self.sample_gib:g} GiB")
