"""Judge the networks on a sample: noise from the anchors' residual, estimated errors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip, anchors_of_clip, prepare_again
from f2r.noise.clipping import clip_noise
from f2r.noise.from_residual import Revision, revise
from f2r.noise.models import NoiseModel
from f2r.noise.scale import scale_noise
from f2r.quality.error_estimation import ESTIMATED_DOUBT, estimate_errors
from f2r.quality.estimated_errors import Errors
from f2r.quality.whole_frames import WholeFrames, error_elsewhere
from f2r.run.look import PlaneLook
from f2r.run.setup import Setup

RESIDUAL_FRAMES = 12
"""Frames that the second noise estimate is made from."""


@dataclass(frozen=True)
class PlaneJudgement:
    """Result of judging one plane."""

    look: PlaneLook
    """The plane under the accepted noise model."""
    clips: Sequence[PreparedClip]
    """Prepared stretches with their anchors."""
    errors: Errors | None
    """Estimated errors of the networks; None where no frame has a neighbour."""
    revision: Revision | None = None
    """First and second noise estimate; None where the noise was given or cannot be measured."""
    contradiction: NoiseModel | None = None
    """Noise found instead of the given one, in the units of the input; None where they agree."""

    @property
    def shots(self) -> list[PreparedClip]:
        """Stretches with a frame that has a neighbour."""
        return with_targets(self.clips)

    def to_dict(self) -> dict[str, Any]:
        """Convert the noise to JSON values."""
        entry = self.look.to_dict()
        if self.revision is not None:
            entry["estimates"] = self.revision.in_units(1 / self.look.scale).to_dict()
        if self.contradiction is not None:
            found = self.contradiction
            entry["contradicted_by"] = found.to_dict() | {"text": found.describe()}
        return entry


def with_targets(clips: Sequence[PreparedClip]) -> list[PreparedClip]:
    """Keep the clips with a frame that has a neighbour."""
    return [clip for clip in clips if clip.targets]


def judge_plane(
    look: PlaneLook,
    clips: Sequence[PreparedClip],
    wholes: Sequence[WholeFrames],
    networks: Networks,
    frames: int,
    setup: Setup,
    generator: torch.Generator,
) -> PlaneJudgement:
    """Predict the anchors, check the noise model by them, estimate the errors.

    The networks were not trained on the clip yet, so the estimates need no held-out tiles.

    Args:
        look: noise model and levels of the plane.
        clips: its prepared stretches.
        wholes: whole frames of those of which only a part was prepared.
        networks: the three networks.
        frames: frames of the whole clip.
        setup: what the run works with; knows whether the user gave the noise model.
        generator: randomness of tiles and probes.
    """
    if not look.is_measurable:
        return PlaneJudgement(look, clips, None)
    clips, is_given = _with_anchors(clips, networks), setup.noise is not None
    if is_given:
        judged = _check(look, clips)
    elif look.is_noise_free:
        judged = PlaneJudgement(look, clips, None)
    else:
        judged = _revise(look, clips, networks, setup)
    if not judged.shots:
        return judged
    doubt, truth = 0.0 if is_given else ESTIMATED_DOUBT, None
    if judged.contradiction is not None:
        found = scale_noise(judged.contradiction, look.scale)
        doubt, truth = ESTIMATED_DOUBT, clip_noise(found, look.limits)
    errors = estimate_errors(networks, judged.shots, frames, generator, doubt, truth)
    preprocessor = setup.preprocessor(networks.prior, judged.look.clipped_noise)
    known = judged.look.clipped_noise if truth is None else truth
    elsewhere = error_elsewhere(wholes, preprocessor, known, generator)
    return replace(judged, errors=replace(errors, elsewhere=elsewhere))


def _check(look: PlaneLook, clips: Sequence[PreparedClip]) -> PlaneJudgement:
    """Compare the given noise model with the residual of the anchors.

    The networks receive the given level; errors are estimated with the measured noise if it
    contradicts the given one.
    """
    try:
        found = _from_residual(look, clips)
    except InputError:  # frames too small or too flat to measure
        found = None
    if found is None or not found.contradicts:
        return PlaneJudgement(look, clips, None)
    seen = scale_noise(found.second.model, 1 / look.scale)
    return PlaneJudgement(look, clips, None, contradiction=seen)


def _revise(
    look: PlaneLook, clips: Sequence[PreparedClip], networks: Networks, setup: Setup
) -> PlaneJudgement:
    """Estimate the noise from the residual of the anchors and choose between both estimates."""
    found = _from_residual(look, clips)
    if found is None or not found.takes_second:
        return PlaneJudgement(look, clips, None, found)
    look = look.with_noise(found.model)
    preprocessor = setup.preprocessor(networks.prior, look.clipped_noise)
    again = [prepare_again(clip, preprocessor) for clip in clips]
    return PlaneJudgement(look, _with_anchors(again, networks), None, found)


def _with_anchors(clips: Sequence[PreparedClip], networks: Networks) -> list[PreparedClip]:
    return [
        clip.with_anchors(anchors_of_clip(clip, networks.temporal)) if clip.targets else clip
        for clip in clips
    ]


def _from_residual(look: PlaneLook, clips: Sequence[PreparedClip]) -> Revision | None:
    """Estimate the noise from y - anchor; None where no frame has a neighbour."""
    pairs = [
        (clip.frames[t].noisy, clip.anchors[t], clip.channels)
        for clip in clips
        for t in clip.targets
    ][:RESIDUAL_FRAMES]
    if not pairs:
        return None
    noisy = torch.stack([_without_padding(y, channels, look.size) for y, _, channels in pairs])
    anchor = torch.stack([_without_padding(a, channels, look.size) for _, a, channels in pairs])
    return revise(look.working_noise, noisy, anchor)


def _without_padding(frame: Tensor, channels: int, size: tuple[int, int]) -> Tensor:
    return frame[:channels, : size[0], : size[1]].cpu()
