"""A prepared shot: denoised frames, aligned neighbours, anchors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from f2r.method.alignment import Neighbourhood, neighbourhood
from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.method.stage_1 import Features, anchor_of_frame, encode_frame
from f2r.method.storage import Keep, in_memory
from f2r.method.two_pass_flow import Linker
from f2r.models.temporal import RADIUS, TemporalEstimator, offsets_within, warp_pixels
from f2r.noise.models import NoiseModel


@dataclass(frozen=True)
class PreparedClip:
    """Consecutive frames of one shot, prepared, with the flows between them."""

    frames: Sequence[PreparedFrame]
    """T prepared frames, equal sizes, multiples of 8."""
    neighbours: Sequence[Neighbourhood]
    """T neighbourhoods; flows may be float16."""
    noise: NoiseModel
    """Noise model of the clip."""
    grey: bool = False
    """Whether the three channels are one, with one noise."""
    anchors: Sequence[Tensor] = ()
    """T anchors (C, H, W), once stage 1 has predicted them."""
    held_out: Tensor | None = None
    """(T, rows, columns) bool in host memory: tiles that are never a target of training; None: no
    tile."""
    keep: Keep = in_memory
    """Where frames, flows, warped neighbours and anchors are kept."""
    clean: Sequence[Tensor] = ()
    """T clean frames (C, H, W) where training has them as targets; empty where y itself is."""
    aims: Sequence[int] | None = None
    """Frames that anchors are wanted of; None: all."""
    _warped: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def with_anchors(self, anchors: Sequence[Tensor]) -> Self:
        """Give the clip with other anchors."""
        return replace(self, anchors=anchors)

    def with_held_out(self, held_out: Tensor) -> Self:
        """Give the clip with tiles that are held out of training."""
        return replace(self, held_out=held_out)

    def with_clean(self, clean: Sequence[Tensor]) -> Self:
        """Give the clip with clean frames as the targets of training."""
        return replace(self, clean=clean)

    def target(self, frame: int) -> Tensor:
        """Give the training target of a frame: its clean frame if there is one, else y."""
        return self.clean[frame] if self.clean else self.frames[frame].noisy

    def warped(self, target: int) -> Tensor:
        """Give z of the neighbours on the target's grid, (N, 2C, H, W) float16, computed once."""
        if target not in self._warped:
            self._warped[target] = self.keep(self._warp_neighbours(target))
        return self._warped[target]

    def _warp_neighbours(self, target: int) -> Tensor:
        around = self.neighbours[target]
        shape = (len(self.offsets), 2 * self.frames[0].noisy.shape[0], *self.size)
        result = around.flow.new_zeros(shape, dtype=torch.float16)
        for n, offset in enumerate(self.offsets):
            if self.present[target][n]:
                joint = self.frames[target + offset].joint
                flow = around.flow[n].float()
                result[n] = warp_pixels(joint[None, None], flow[None, None])[0, 0]
        return result

    @property
    def offsets(self) -> tuple[int, ...]:
        """Offsets of the neighbours that a frame is aligned with."""
        return offsets_within(len(self.neighbours[0].flow) // 2)

    @property
    def channels(self) -> int:
        """Channels with independent noise: 1 of the three equal ones of a grey clip."""
        return 1 if self.grey else self.frames[0].noisy.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.frames[0].noisy.shape[-2:]
        return height, width

    @cached_property
    def present(self) -> list[list[bool]]:
        """Which neighbours each frame has."""
        return [around.present.tolist() for around in self.neighbours]

    @cached_property
    def host_flows(self) -> list[Tensor]:
        """Flows of each frame in host memory: reading them never waits for the device."""
        return [around.flow.cpu() for around in self.neighbours]

    @cached_property
    def targets(self) -> list[int]:
        """Frames that have at least one neighbour, of those that anchors are wanted of."""
        wanted = range(len(self.frames)) if self.aims is None else self.aims
        return [t for t in wanted if any(self.present[t])]


def prepare_clip(
    frames: Sequence[Tensor],
    preprocessor: Preprocessor,
    grey: bool = False,
    on_frame: Callable[[int], None] | None = None,
    compact: bool = True,
    keep: Keep = in_memory,
    radius: int = RADIUS,
) -> PreparedClip:
    """Apply the preprocessing to consecutive frames of one shot.

    Args:
        frames: T noisy frames (C, H, W), sides multiples of 8.
        preprocessor: prior, noise model and flow of the clip.
        grey: whether the three channels are one.
        on_frame: called with the number of frames done.
        compact: store flows in float16, half the memory; 1/64 px off at a displacement of 16.
        keep: where everything prepared is kept; see `PreparedClip`.
        radius: neighbours on either side that each frame is aligned with.
    """
    prepared: list[PreparedFrame] = []
    linker = Linker(preprocessor.flow)
    for noisy in frames:
        prepared.append(_kept_frame(preprocessor.prepare(noisy), keep))
        linker.push(prepared[-1])
        if on_frame:
            on_frame(len(prepared))
    linker.finish()
    indexed = dict(enumerate(prepared))
    neighbours = [neighbourhood(indexed, t, radius) for t in indexed]
    if compact:
        neighbours = [around.in_half_precision() for around in neighbours]
    neighbours = [_kept_flows(around, keep) for around in neighbours]
    unlinked = [replace(frame, to_previous=None, to_next=None) for frame in prepared]
    return PreparedClip(unlinked, neighbours, preprocessor.noise, grey, keep=keep)


def prepare_again(clip: PreparedClip, preprocessor: Preprocessor) -> PreparedClip:
    """Apply the prior under another noise model; the flows stay, the anchors go."""
    frames = []
    for frame in clip.frames:
        again = preprocessor.prepare(frame.noisy)
        kept = clip.keep(again.denoised), clip.keep(again.sigma)
        frames.append(replace(frame, denoised=kept[0], sigma=kept[1]))
    noise, grey = preprocessor.noise, clip.grey
    return PreparedClip(frames, clip.neighbours, noise, grey, keep=clip.keep, aims=clip.aims)


def _kept_frame(frame: PreparedFrame, keep: Keep) -> PreparedFrame:
    return PreparedFrame(keep(frame.noisy), keep(frame.denoised), keep(frame.sigma))


def _kept_flows(around: Neighbourhood, keep: Keep) -> Neighbourhood:
    return Neighbourhood(keep(around.flow), keep(around.visible), around.present)


def anchors_of_clip(
    clip: PreparedClip,
    estimator: TemporalEstimator,
    on_frame: Callable[[int], None] | None = None,
) -> list[Tensor]:
    """Run stage 1 over a prepared clip: (C, H, W) float32 per frame.

    A frame that is no target takes the prior's estimate.
    """
    frames = dict(enumerate(clip.frames))
    features: dict[int, Features] = {}
    radius, anchors = estimator.radius, []
    for t, around in enumerate(clip.neighbours):
        anchor = clip.frames[t].denoised
        if t in clip.targets:
            for i in range(max(t - radius, 0), min(t + radius + 1, len(frames))):
                if i not in features:
                    features[i] = encode_frame(estimator, frames[i])
            anchor = anchor_of_frame(estimator, frames, features, around, t)
        features.pop(t - radius, None)
        anchors.append(clip.keep(anchor))
        if on_frame:
            on_frame(t + 1)
    return anchors
