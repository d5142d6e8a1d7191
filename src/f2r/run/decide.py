"""The decision on each plane: all that inference needs besides clip and weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Self

import torch
from torch import Tensor

from f2r.config import Tuning
from f2r.method.draft import DraftStream
from f2r.method.fusion import TemporalFusion
from f2r.method.networks import Networks, RunNetworks
from f2r.method.stream import Estimate, FrameEstimator, PlaneStream
from f2r.models.draft import DraftDenoiser
from f2r.noise.blocks import Limits
from f2r.noise.clipping import clip_noise, unclip
from f2r.noise.models import NoiseModel
from f2r.noise.one_sided import one_sided_shifts, take_shift_out
from f2r.noise.parse import noise_from_dict
from f2r.noise.scale import scale_noise
from f2r.quality.error_estimation import add_leak
from f2r.quality.estimated_errors import Errors, Output
from f2r.quality.fusion_gain import add_fusion
from f2r.quality.stein import Blend
from f2r.run.judge import PlaneJudgement
from f2r.run.setup import Setup
from f2r.train.adapt import Change

USUAL_ERROR_SHARE = 0.1
"""Assumed error of the refined frame relative to the noise where it cannot be estimated; 0.05 dB
better than no fusion on coded training clips."""


@dataclass(frozen=True)
class PlaneDecision:
    """How one plane is denoised."""

    scale: float
    """Factor of the levels, applied first."""
    noise: NoiseModel
    """Noise model at the multiplied levels, before clipping."""
    limits: Limits
    """Levels at which the multiplied frames clip."""
    output: Output
    """Which estimate becomes the output."""
    prior_share: float = 0.0
    """Weight of the prior in the refined frame, in [0, 1]."""
    error_share: float = 0.0
    """Error of the refined frame relative to the noise; 0: no fusion."""
    matches_exposure: bool = False
    """Whether the exposure of each frame is matched to its surroundings and restored in the
    output."""
    shifts: tuple[float, ...] = ()
    """By how much one-sided noise shifts the mean at each level; see `noise.one_sided`."""

    @property
    def working_noise(self) -> NoiseModel:
        """Noise after clipping."""
        return clip_noise(self.noise, self.limits)

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise at mid-grey, in the units of the input."""
        noise = scale_noise(self.noise, 1 / self.scale)
        return float(noise.variance(torch.full((1, 3, 1, 1), 0.5)).mean().sqrt())

    def stream(self, networks: RunNetworks, setup: Setup, first: int = 0) -> FrameEstimator:
        """Start a stream that runs both stages, or the draft, as decided.

        Args:
            networks: the networks of the run.
            setup: what the run works with.
            first: number of the first frame of the stream in the clip.
        """
        if isinstance(networks, DraftDenoiser):
            return DraftStream(networks, self.working_noise, first)
        preprocessor = setup.preprocessor(networks.prior, self.working_noise)
        return PlaneStream(networks, preprocessor, self.prior_share)

    def fusion(self, radius: int, tuning: Tuning) -> TemporalFusion:
        """Start the fusion of the refined frames as decided, over `radius` neighbours."""
        return TemporalFusion(self.working_noise, radius, self.error_share, tuning)

    def finish(self, estimate: Estimate) -> Tensor:
        """Give the output of one frame, the bias of clipping and of one-sided noise undone."""
        if self.output is Output.NOISY:
            return estimate.noisy
        chosen = {
            Output.PRIOR: estimate.prior,
            Output.ANCHOR: estimate.anchor,
            Output.REFINED: estimate.refined,
        }[self.output]
        if estimate.gain == 1:
            return take_shift_out(unclip(chosen, self.working_noise), self.shifts)
        return estimate.gain * unclip(chosen / estimate.gain, self.working_noise)

    def to_dict(self) -> dict[str, Any]:
        """Give the decision as JSON values."""
        return {
            "scale": self.scale,
            "noise": self.noise.to_dict(),
            "limits": [self.limits.low, self.limits.high],
            "output": self.output.value,
            "prior_share": self.prior_share,
            "error_share": self.error_share,
            "matches_exposure": self.matches_exposure,
            "shifts": list(self.shifts),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Read what `to_dict` gave."""
        return cls(
            content["scale"],
            noise_from_dict(content["noise"]),
            Limits(*content["limits"]),
            Output(content["output"]),
            content["prior_share"],
            content["error_share"],
            content["matches_exposure"],
            tuple(content.get("shifts", ())),
        )


def after_training(errors: Errors, judged: Sequence[tuple[Change, Blend]]) -> Errors:
    """Carry estimated errors over to the trained networks.

    Args:
        errors: of the networks before training.
        judged: per shot, change of the errors and best blend; empty without training.
    """
    if not judged:
        return errors
    changes, blends = zip(*judged, strict=True)
    return errors.changed_by(
        fmean(change.anchor for change in changes),
        fmean(change.refined for change in changes),
        Blend(fmean(b.slope for b in blends), fmean(b.curvature for b in blends)),
    )


def complete_errors(
    judgement: PlaneJudgement, networks: Networks, setup: Setup, generator: torch.Generator
) -> PlaneJudgement:
    """Add the leak of the anchor and the gain of fusion to the estimated errors."""
    if judgement.errors is None:
        return judgement
    preprocessor = setup.preprocessor(networks.prior, judgement.look.clipped_noise)
    judged = networks, preprocessor, judgement.shots[0], generator
    errors = add_fusion(add_leak(judgement.errors, *judged), *judged, setup.config.tuning)
    return replace(judgement, errors=errors)


def decide_plane(judgement: PlaneJudgement) -> PlaneDecision:
    """Choose the output of a plane by its estimated errors."""
    look, errors = judgement.look, judgement.errors
    decision = PlaneDecision(
        look.scale,
        look.working_noise,
        look.limits,
        Output.REFINED,
        matches_exposure=look.flickers,
        shifts=_shifts(judgement),
    )
    if look.is_noise_free:
        decision = replace(decision, output=Output.NOISY)
    if errors is None:
        fuses = not look.is_measurable and decision.output is Output.REFINED
        return replace(decision, error_share=USUAL_ERROR_SHARE) if fuses else decision
    if not look.is_noise_free:
        decision = replace(decision, output=errors.best())
    fuses = decision.output is Output.REFINED and errors.fuses
    share = errors.share if fuses else 0.0
    return replace(decision, prior_share=errors.blend.weight, error_share=share)


def _shifts(judgement: PlaneJudgement) -> tuple[float, ...]:
    """Measure one-sided noise of a coded plane on the frames that were prepared."""
    look = judgement.look
    if look.coding is None or look.flickers or look.is_noise_free or not judgement.clips:
        return ()
    clip = judgement.clips[0]
    noisy, denoised = (
        torch.stack([getattr(frame, name)[: clip.channels] for frame in clip.frames])
        for name in ("noisy", "denoised")
    )
    return one_sided_shifts(noisy, unclip(denoised, look.clipped_noise))


def quality_to_dict(decision: PlaneDecision, errors: Errors) -> dict[str, Any]:
    """Give the estimated quality of a plane as JSON values."""
    return errors.psnr() | {
        "interval_95": errors.intervals(),
        "leak": errors.leak,
        "output": decision.output.value,
        "prior_share": decision.prior_share,
        "error_share": decision.error_share,
    }
