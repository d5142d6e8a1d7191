"""Both stages over a stream of frames; memory does not depend on its length."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from f2r.method.alignment import Neighbourhood, neighbourhood
from f2r.method.networks import Networks
from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.method.stage_1 import Features, anchor_of_frame, encode_frame
from f2r.method.stage_2 import refine_frame
from f2r.method.tiled import Window, tiled_anchor, tiled_refined
from f2r.method.tiles import Tiling
from f2r.method.two_pass_flow import Linker
from f2r.system.allocator import give_memory_back


@dataclass(frozen=True)
class Estimate:
    """Estimates of one frame; each (C, H, W) float32, nominal, not clipped."""

    noisy: Tensor
    """y."""
    prior: Tensor
    """D(y)."""
    anchor: Tensor
    """Stage 1; the prior where the frame has no neighbour."""
    refined: Tensor
    """Stage 2 with a share of the prior; the prior where the frame has no neighbour."""
    to_previous: Tensor | None = None
    """(2, H, W) V_{t-1->t}; None at the start of a shot."""
    to_next: Tensor | None = None
    """(2, H, W) V_{t+1->t}; None at the end of a shot."""
    around: Neighbourhood | None = None
    """Alignment of its neighbours, float16; None without neighbours and for tiled frames."""
    gain: float = 1.0
    """Factor by which the exposure of the frame was matched."""

    @property
    def has_neighbours(self) -> bool:
        """False for a shot of one frame, where the prior is the only estimate."""
        return self.to_previous is not None or self.to_next is not None

    @property
    def starts_shot(self) -> bool:
        """True at the start of the clip and after a scene cut."""
        return self.to_previous is None


In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Stage(Protocol[In_contra, Out_co]):
    """A step of a stream: one output per input, in order, with a delay."""

    @property
    def lookahead(self) -> int:
        """Delay: number of inputs before the first output."""

    def push(self, value: In_contra | None) -> Out_co | None:
        """Take the next input, None after the last one; give the next output, if it is complete."""


class FrameEstimator(Protocol):
    """Estimates the frames of a stream, in order, with a delay."""

    @property
    def lookahead(self) -> int:
        """Delay in frames."""

    def prepare(self, noisy: Tensor, gain: float = 1.0) -> Any:
        """Make a (C, H, W) frame ready for `push`.

        Args:
            noisy: the frame.
            gain: factor by which its exposure was matched.
        """

    def push(self, frame: Any) -> Estimate | None:
        """Take the next frame that `prepare` gave, None after the last; give the next estimate."""


def run_through(stage: Stage[In_contra, Out_co], values: Iterable[In_contra]) -> Iterator[Out_co]:
    """Push all values through a new stage and yield its outputs."""
    for value in chain(values, repeat(None, stage.lookahead)):
        complete = stage.push(value)
        if complete is not None:
            yield complete


class _Stages(NamedTuple):
    """Results of both stages for one frame."""

    anchor: Tensor
    refined: Tensor
    around: Neighbourhood | None


class PlaneStream:
    """Applies flow and both stages to a stream of frames, with a delay of `lookahead` frames.

    Flow and features are computed once per frame and dropped when no later target needs them. Of
    frames larger than a tile only frames and flows are kept; features are computed for each tile.

    Args:
        networks: trained networks.
        preprocessor: prior, noise model and flow of the clip, and the size of tiles.
        prior_share: weight of D(y) in the refined frame, in [0, 1].
        wanted: frames that are estimated; the others get the prior's estimate. None: all.
    """

    def __init__(
        self,
        networks: Networks,
        preprocessor: Preprocessor,
        prior_share: float = 0.0,
        wanted: range | None = None,
    ) -> None:
        self.networks, self.preprocessor = networks, preprocessor
        self.prior_share, self.wanted = prior_share, wanted
        self._frames: dict[int, PreparedFrame] = {}
        self._features: dict[int, Features] = {}
        self._linker = Linker(preprocessor.flow)
        self._received = 0
        self._delivered = 0

    @property
    def lookahead(self) -> int:
        """Frames on either side on which an estimate depends."""
        return self.networks.lookahead

    def prepare(self, noisy: Tensor, gain: float = 1.0) -> PreparedFrame:
        """Apply the prior to a frame, for `push`.

        Args:
            noisy: (C, H, W).
            gain: factor by which its exposure was matched.
        """
        is_whole = self._tiling.is_whole((noisy.shape[-2], noisy.shape[-1]))
        return self.preprocessor.prepare(noisy, is_whole, gain)

    def push(self, frame: PreparedFrame | None) -> Estimate | None:
        """Take the next frame and give the next estimate, if it is complete.

        Args:
            frame: a frame without flows, which are added; None after the last frame.
        """
        if frame is None:
            self._linker.finish()
        else:
            self._receive(frame)
        waits_for = 0 if frame is None else self.lookahead
        if self._received - self._delivered <= waits_for:
            return None
        target, self._delivered = self._delivered, self._delivered + 1
        centre, stages = self._frames[target], self._estimate(target)
        last = target - self.networks.temporal.radius
        self._frames.pop(last, None)
        self._features.pop(last, None)
        flows = centre.to_previous, centre.to_next
        inputs = centre.noisy, centre.denoised
        return Estimate(*inputs, stages.anchor, stages.refined, *flows, stages.around, centre.gain)

    @property
    def _tiling(self) -> Tiling:
        return self.preprocessor.tiling

    def _receive(self, frame: PreparedFrame) -> None:
        size = (frame.noisy.shape[-2], frame.noisy.shape[-1])
        self._linker.push(frame)
        self._frames[self._received] = frame
        if self._tiling.is_whole(size):
            with self._tiling.shrinking(size):
                self._features[self._received] = encode_frame(self.networks.temporal, frame)
        self._received += 1

    def _estimate(self, target: int) -> _Stages:
        """Run both stages, on the whole frame if memory allows, else in tiles."""
        networks, frame = self.networks, self._frames[target]
        if not frame.has_neighbours or (self.wanted is not None and target not in self.wanted):
            return _Stages(frame.denoised, frame.denoised, None)
        window = Window(self._frames, target)
        if self._tiling.is_whole(window.size):
            with self._tiling.shrinking(window.size):
                around = neighbourhood(self._frames, target, networks.temporal.radius)
                anchor = anchor_of_frame(
                    networks.temporal, self._frames, self._features, around, target
                )
                refined = refine_frame(networks.refiner, frame, anchor)
                blended = torch.lerp(refined, frame.denoised, self.prior_share)
                return _Stages(anchor, blended, around.in_half_precision())
        self._features.clear()
        anchor = tiled_anchor(networks.temporal, self.preprocessor, window)
        refined = tiled_refined(networks.refiner, self.preprocessor, frame, anchor)
        give_memory_back()
        return _Stages(anchor, torch.lerp(refined, frame.denoised, self.prior_share), None)
