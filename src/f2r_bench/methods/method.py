"""What every method of the comparison can do, and how the time of those that train is shared."""

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from torch import Tensor, nn

from f2r.noise.models import NoiseModel

SAFETY = 0.96
"""Share of a time budget that is planned for."""

LEAST_TRAINING = 0.5
"""Share of the budget that training gets at least, even where inference then runs over it."""

PROBE_FRAMES, PROBE_SIDE = 5, 128
"""Size of the piece of the clip on which inference is timed beforehand."""


class Learning(StrEnum):
    """Where a method's knowledge comes from."""

    NONE = "none"
    """From nowhere: the noisy clip itself, or a method without training."""
    SUPERVISED = "supervised"
    """From pairs of clean and noisy pictures, never from the clip."""
    SELF_SUPERVISED = "self-supervised"
    """From noisy clips."""
    ADAPTED = "supervised, then self-supervised"
    """From pairs of clean and noisy pictures, then from the noisy clip."""

    @property
    def saw_clean_frames(self) -> bool:
        """Whether the method is marked with a dagger in tables."""
        return self in {Learning.SUPERVISED, Learning.ADAPTED}


@dataclass(frozen=True)
class Outcome:
    """A denoised clip and what it took."""

    frames: Tensor
    """(T, C, H, W) float32 on the CPU, nominal, not clipped; as many channels as the noisy clip."""
    training_seconds: float = 0.0
    """Time spent on the clip before inference: preparation and training."""
    steps: int = 0
    """Optimiser steps taken on the clip."""


class Method(Protocol):
    """A denoiser that can be compared."""

    @property
    def name(self) -> str:
        """Name on the command line and in the tables."""

    @property
    def learning(self) -> Learning:
        """Where its knowledge comes from."""

    @property
    def takes_grey(self) -> bool:
        """Whether it knows that three equal channels have one noise."""

    @property
    def least_steps(self) -> int:
        """Optimiser steps on the clip below which its figures say nothing of it; 0: none needed."""

    def networks(self) -> Sequence[nn.Module]:
        """Give the networks that inference needs; empty for a method without any."""

    def denoise(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> Outcome:
        """Denoise a clip.

        Args:
            noisy: (T, C, H, W) float32 on the CPU, nominal, not clipped; C is 3, or 1 of a grey
                clip.
            noise: the true noise model.
            seconds: budget for everything, training included; 0 trains not at all. Methods
                that do not train ignore it.
            seed: seed of all randomness.
        """

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise (T, 3, H, W) with the weights as they are: what operations are counted on."""


def as_colour(noisy: Tensor) -> Tensor:
    """Give a grey clip three equal channels, as networks for colour take it."""
    return noisy.expand(-1, 3, -1, -1)


def as_given(frames: Tensor, noisy: Tensor) -> Tensor:
    """Average the channels of a denoised clip if the noisy one is grey."""
    return frames if noisy.shape[1] == frames.shape[1] else frames.mean(1, keepdim=True)


class Untrained:
    """A method that learns nothing from the clip."""

    takes_grey = False
    least_steps = 0

    @abstractmethod
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise; see `Method.infer`."""

    def denoise(
        self,
        noisy: Tensor,
        noise: NoiseModel,
        seconds: float,  # noqa: ARG002
        seed: int,  # noqa: ARG002
    ) -> Outcome:
        """Denoise; see `Method.denoise`."""
        return Outcome(as_given(self.infer(as_colour(noisy), noise), noisy))


class TrainsOnClip:
    """A method whose network learns from the noisy clip before it denoises it."""

    takes_grey = False
    least_steps = 0

    @abstractmethod
    def fit(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> int:
        """Start anew, train for `seconds`, preparation included, and give the steps taken."""

    @abstractmethod
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise with the weights as they are; see `Method.infer`."""

    def denoise(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> Outcome:
        """Share the budget between training and inference; see `Method.denoise`.

        Training gets what inference leaves, but at least half: a slow network is given more
        time than the others rather than no training.
        """
        start = time.monotonic()
        steps, colour = 0, as_colour(noisy)
        if seconds > 0:
            inference = self._inference_seconds(colour, noise)
            left = SAFETY * seconds - inference - (time.monotonic() - start)
            steps = self.fit(colour, noise, max(left, LEAST_TRAINING * seconds), seed)
        spent = time.monotonic() - start
        return Outcome(as_given(self.infer(colour, noise), noisy), spent, steps)

    def _inference_seconds(self, noisy: Tensor, noise: NoiseModel) -> float:
        piece = noisy[:PROBE_FRAMES, :, :PROBE_SIDE, :PROBE_SIDE]
        start = time.monotonic()
        self.infer(piece, noise)
        return (time.monotonic() - start) * noisy.numel() / piece.numel()
