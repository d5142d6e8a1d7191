"""Estimated errors of prior, anchor and refined frame, and the choice that follows."""

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum

from f2r.quality.stein import Blend, to_psnr

LEAST_ADVANTAGE = 0.01
"""A simpler estimate replaces the refined one only if its error is lower by this share."""

MOST_LEFT = 0.3
"""Largest plausible error of the refined output, relative to the noise."""

TWO_SIDED_95 = 1.96


class Output(StrEnum):
    """Which estimate becomes the output."""

    PRIOR = "prior"
    """D(y), the image prior."""
    ANCHOR = "anchor"
    """Stage 1."""
    REFINED = "refined"
    """Stage 2, with a share of the prior, fused over time."""
    NOISY = "noisy"
    """The input, unchanged."""


CANDIDATES = (Output.PRIOR, Output.ANCHOR, Output.REFINED)
"""Estimates whose errors are known."""


@dataclass(frozen=True)
class Errors:
    """Estimated mean squared errors, nominal units squared."""

    prior: float
    """Of D(y)."""
    anchor: float
    """Of stage 1."""
    stage_2: float
    """Of stage 2 before it is blended with the prior."""
    leak: float = 0.0
    """Correlation of the anchor's error with the noise of its own frame; up to 0.015 is
    harmless."""
    spread: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Standard errors of prior, anchor and refined: scatter over tiles and frames, and the error of
    the noise model, which is common to all."""
    blend: Blend = field(default_factory=Blend)
    """Share of the prior in the refined output."""
    noise: float = math.inf
    """Variance of the noise."""
    fusion: float = 0.0
    """Fall of the squared error by temporal fusion."""
    fusion_spread: float = 0.0
    """Standard error of `fusion`."""
    elsewhere: float = 1.0
    """Error on whole frames relative to that on the part that was judged, the same for all."""

    @property
    def fuses(self) -> bool:
        """Whether refined frames are fused: not if fusion loses by more than its standard error."""
        return self.fusion + self.fusion_spread > 0

    @property
    def refined(self) -> float:
        """Error of the refined output: stage 2, blended with the prior, fused over time."""
        return self.stage_2 - self.blend.gain - (self.fusion if self.fuses else 0.0)

    @property
    def share(self) -> float:
        """Error of the refined output before it is fused, relative to the noise."""
        return min(max((self.stage_2 - self.blend.gain) / max(self.noise, 1e-12), 0.0), MOST_LEFT)

    def of(self, output: Output) -> float:
        """Give the error of a candidate."""
        return {
            Output.PRIOR: self.prior,
            Output.ANCHOR: self.anchor,
            Output.REFINED: self.refined,
        }[output]

    def best(self) -> Output:
        """Choose the refined frame unless another estimate is clearly better.

        A loss by fusion counts against fusion only, not against the refined frame.
        """
        simpler = min((Output.ANCHOR, Output.PRIOR), key=self.of)
        refined = self.stage_2 - self.blend.gain - max(self.fusion, 0.0)
        return simpler if self.of(simpler) < (1 - LEAST_ADVANTAGE) * refined else Output.REFINED

    def changed_by(self, anchor: float, stage_2: float, blend: Blend) -> "Errors":
        """Give the errors after training.

        Args:
            anchor: change of stage 1's error.
            stage_2: change of stage 2's error before it is blended.
            blend: best share of the prior after training.
        """
        return replace(
            self, anchor=self.anchor + anchor, stage_2=self.stage_2 + stage_2, blend=blend
        )

    def psnr(self) -> dict[str, float]:
        """Give the estimated PSNR of each in dB, of the mean error on whole frames."""
        return {name.value: to_psnr(self.elsewhere * self.of(name)) for name in CANDIDATES}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Give the 95 % confidence interval of each estimated PSNR in dB, lower end first.

        A negative error estimate counts as zero; its interval keeps its width.
        """
        return {
            name.value: (
                to_psnr(self.elsewhere * (max(self.of(name), 0.0) + TWO_SIDED_95 * spread)),
                to_psnr(self.elsewhere * (self.of(name) - TWO_SIDED_95 * spread)),
            )
            for name, spread in zip(CANDIDATES, self.spread, strict=True)
        }
