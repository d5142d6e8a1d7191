"""One plane of a clip, and everything that was found out about it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.flow.estimator import FlowEstimator
from f2r.method.fusion import FusedStream
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import Estimate, PlaneStream
from f2r.method.networks import Networks
from f2r.method.tiles import Tiling
from f2r.models.prior import ImagePrior
from f2r.models.temporal import TemporalEstimator
from f2r.noise.blocks import Limits
from f2r.noise.clipping import before_clipping, clip_noise, find_clipping, unclip
from f2r.noise.estimate import is_noise_free
from f2r.noise.hot_pixels import find_hot_pixels
from f2r.noise.models import NoiseModel
from f2r.noise.normalise import normalise
from f2r.noise.parse import noise_from_dict
from f2r.noise.scale import scale_noise
from f2r.quality.error_estimation import ESTIMATED_DOUBT, estimate_errors
from f2r.quality.estimated_errors import Errors
from f2r.quality.stein import Blend
from f2r.run.revise import look_again, revise_noise
from f2r.train.adapt import Change
from f2r.method.prepared_clip import PreparedClip


@dataclass
class Plane:
    """One plane of the clip: three channels, or one grey channel, with its own noise."""

    preprocessor: Preprocessor
    """Prior and flow under the noise that the frames show, at the multiplied levels."""
    scale: float
    """What levels are multiplied by before anything else."""
    noise: NoiseModel
    """Noise model in the units of the input, before any clipping."""
    size: tuple[int, int]
    """Rows and columns of what was looked at, without padding."""
    limits: Limits = field(default_factory=Limits)
    """Where the multiplied levels are cut off."""
    is_noise_free: bool = False
    """Whether nobody said what the noise is and there is none worth removing."""
    hot_pixels: int = 0
    """Hot and dead pixels that were found."""
    clips: list[PreparedClip] = field(default_factory=list)
    """Prepared stretches to train on."""
    errors: Errors | None = None
    """Estimated errors of the networks as they are; None before they were judged."""
    judged_by: NoiseModel | None = None
    """Model that the quality is judged by, at the multiplied levels; None: the preprocessor's."""
    output: str = "refined"
    """Which estimate becomes the output: 'refined', 'anchor' or 'prior'; 'noisy' if noise-free."""
    prior_share: float = 0.0
    """Weight of the prior in the refined frame, in [0, 1]."""
    error_share: float = 0.0
    """Error of the refined frame relative to the noise; 0: it is not fused with its neighbours."""

    @property
    def shots(self) -> list[PreparedClip]:
        """Prepared stretches with a frame that has a neighbour."""
        return [clip for clip in self.clips if clip.targets]

    def entry(self) -> dict[str, Any]:
        """Say what is known of the noise, for the report."""
        return self.noise.to_dict() | {
            "text": self.noise.describe(),
            "levels_multiplied_by": self.scale,
            "is_noise_free": self.is_noise_free,
            "clipped_low": self.limits.low_share,
            "clipped_high": self.limits.high_share,
            "hot_pixels": self.hot_pixels,
        }

    def revise(self, temporal: TemporalEstimator) -> dict[str, Any]:
        """Estimate the noise again from what the anchors of stage 1 leave.

        Returns:
            The new entry of the report, with both estimates.
        """
        found = revise_noise(self.clips, self.preprocessor, temporal, self.size, self.limits)
        if found is None:
            return self.entry()
        self.noise = scale_noise(found.model, 1 / self.scale)
        return self.entry() | {"estimates": found.in_units(1 / self.scale).to_dict()}

    def check(self) -> dict[str, Any]:
        """Hold the noise that the user gave against what the anchors of stage 1 leave.

        The networks go by what they are told; their errors are judged by what is found if that
        cannot be the same.

        Returns:
            The entry of the report, with what was found where it contradicts.
        """
        given = before_clipping(self.preprocessor.noise)
        try:
            found = look_again(self.clips, given, self.size)
        except InputError:  # frames too small or too flat to measure
            return self.entry()
        if found is None or not found.contradicts:
            return self.entry()
        self.judged_by = clip_noise(found.second.model, self.limits)
        seen = scale_noise(found.second.model, 1 / self.scale)
        return self.entry() | {"contradicted_by": seen.to_dict() | {"text": seen.describe()}}

    def judge(
        self, networks: Networks, frames: int, generator: torch.Generator, *, is_known: bool
    ) -> None:
        """Estimate the errors of the networks as they are, if a frame has a neighbour.

        Args:
            networks: the three networks, which made the anchors.
            frames: frames of the whole clip.
            generator: randomness of tiles and probes.
            is_known: whether the user gave the noise.
        """
        if not self.shots:
            return
        doubt = 0.0 if is_known and self.judged_by is None else ESTIMATED_DOUBT
        self.errors = estimate_errors(
            networks, self.preprocessor, self.shots, frames, generator, doubt, self.judged_by
        )

    def note_training(self, judged: Sequence[tuple[Change, Blend]]) -> None:
        """Carry the errors over to the trained networks.

        Args:
            judged: per shot, how its errors changed and what its blend is from now on.
        """
        if not self.errors or not judged:
            return
        changes, blends = zip(*judged, strict=True)
        self.errors = self.errors.changed_by(
            fmean(change.anchor for change in changes),
            fmean(change.refined for change in changes),
            Blend(fmean(b.slope for b in blends), fmean(b.curvature for b in blends)),
        )

    def choose(self, errors: Errors) -> dict[str, Any]:
        """Choose the output by estimated errors.

        Returns:
            The entry of the report.
        """
        self.output = "noisy" if self.is_noise_free else errors.best()
        self.prior_share = errors.blend.weight
        fuses = self.output == "refined" and errors.fuses
        self.error_share = errors.share if fuses else 0.0
        return errors.psnr() | {
            "interval_95": errors.intervals(),
            "leak": errors.leak,
            "output": self.output,
            "prior_share": self.prior_share,
            "error_share": self.error_share,
        }

    def stream(self, networks: Networks) -> FusedStream:
        """Start to denoise as it was chosen."""
        stream = PlaneStream(networks, self.preprocessor, self.prior_share)
        return FusedStream(stream, self.error_share)

    def finish(self, estimate: Estimate) -> Tensor:
        """Give the output of one frame, the bias of clipping undone."""
        if self.output == "noisy":
            return estimate.noisy
        return unclip(getattr(estimate, self.output), self.preprocessor.noise)


def look_at_plane(
    frames: Sequence[Tensor],
    noise: NoiseModel | None,
    prior: ImagePrior,
    flow: FlowEstimator,
    tiling: Tiling,
) -> Plane:
    """Look at a sample of a plane.

    Args:
        frames: (C, H, W), consecutive frames as the file gives them, without padding.
        noise: noise model in nominal units; None estimates it.
        prior: frozen image denoiser.
        flow: estimates flow between denoised frames.
        tiling: in what pieces frames are computed.
    """
    scale, model = normalise(frames, noise)
    clip = scale * torch.stack(list(frames))
    limits = find_clipping(clip)
    sigma = float(model.variance(clip[:1]).mean().sqrt())
    quiet = noise is None and is_noise_free(sigma, clip)
    return Plane(
        Preprocessor(prior, clip_noise(model, limits), flow, tiling),
        scale,
        scale_noise(model, 1 / scale),
        (clip.shape[-2], clip.shape[-1]),
        limits,
        quiet,
        int(find_hot_pixels(clip, sigma).any(0).sum()),
        output="noisy" if quiet else "refined",
    )


def plane_to_dict(plane: Plane) -> dict[str, Any]:
    """Give what was decided of a plane as JSON values."""
    return {
        "noise": plane.noise.to_dict(),
        "working_noise": before_clipping(plane.preprocessor.noise).to_dict(),
        "size": plane.size,
        "limits": [plane.limits.low, plane.limits.high],
        "scale": plane.scale,
        "is_noise_free": plane.is_noise_free,
        "output": plane.output,
        "prior_share": plane.prior_share,
        "error_share": plane.error_share,
    }


def plane_from_dict(
    content: dict[str, Any], prior: ImagePrior, flow: FlowEstimator, tiling: Tiling
) -> Plane:
    """Make a plane from what `plane_to_dict` gave; its clips are not kept."""
    limits = Limits(*content["limits"])
    working = clip_noise(noise_from_dict(content["working_noise"]), limits)
    return Plane(
        Preprocessor(prior, working, flow, tiling),
        content["scale"],
        noise_from_dict(content["noise"]),
        tuple(content["size"]),
        limits,
        content["is_noise_free"],
        output=content["output"],
        prior_share=content["prior_share"],
        error_share=content["error_share"],
    )
