"""Error of the prior on whole frames, relative to that on the part that is judged.

Networks are judged on a part of each frame, to save time. The prior costs least, so it is applied
to some whole frames as well; what it tells about the rest of the frame holds for the other
estimates.

Its error is measured by the noise that it copies, E[n D(y)]. For the estimate of least squared
error the two are equal, and the energy of the noise, which makes Stein's estimate uncertain, is not
in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.noise.models import NoiseModel
from f2r.quality.stein import PROBE, copied_noise, draw_probe

MOST = 2.0
"""Largest ratio that is believed, and the inverse of the smallest."""


@dataclass(frozen=True)
class WholeFrames:
    """Whole frames, of which only a part was prepared."""

    noisy: Sequence[Tensor]
    """(C, H, W) each, nominal."""
    part: tuple[slice, slice]
    """Rows and columns of the prepared part."""
    channels: int
    """Channels with independent noise; the first of them."""

    @property
    def pixels(self) -> int:
        """Pixels of all frames together."""
        return sum(frame[0].numel() for frame in self.noisy)


@torch.no_grad()
def error_elsewhere(
    wholes: Sequence[WholeFrames],
    preprocessor: Preprocessor,
    truth: NoiseModel,
    generator: torch.Generator,
) -> float:
    """Give the error of the prior on whole frames relative to that on their prepared parts.

    Args:
        wholes: the frames; none gives 1.
        preprocessor: the prior, and the noise model that it receives.
        truth: the true noise model.
        generator: randomness of the probe.
    """
    inside, everywhere = [], []
    for whole in wholes:
        for noisy in whole.noisy:
            copied = _copied(preprocessor, noisy, whole.channels, truth, generator)
            inside.append(copied[whole.part].mean())
            everywhere.append(copied.mean())
    if not inside:
        return 1.0
    part, full = (float(torch.stack(means).mean()) for means in (inside, everywhere))
    return min(max(full / part, 1 / MOST), MOST) if min(part, full) > 0 else 1.0


def _copied(
    preprocessor: Preprocessor,
    noisy: Tensor,
    channels: int,
    noise: NoiseModel,
    generator: torch.Generator,
) -> Tensor:
    """Estimate the noise that D copies, (H, W), averaged over the channels."""
    before = preprocessor.prepare(noisy)
    level = _distinct(before, channels)
    probe = draw_probe(noise, level.clamp(0, 1), generator)
    after = preprocessor.prepare(before.noisy + PROBE * probe[0])
    return copied_noise(probe, PROBE, level, _distinct(after, channels))[0].mean(0)


def _distinct(frame: PreparedFrame, channels: int) -> Tensor:
    """Give D(y), (1, C, H, W); the three equal channels of a grey frame are averaged."""
    denoised = frame.denoised[None]
    return denoised.mean(1, keepdim=True) if channels == 1 else denoised
