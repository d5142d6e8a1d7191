"""The whole method over a stream of frames; memory does not depend on its length."""

from collections.abc import Iterator
from dataclasses import dataclass

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
    """What the method says of one frame; each (C, H, W) float32, nominal, not clipped."""

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
    """How its neighbours align to it, in float16; None where it has none or is made in tiles."""
    gain: float = 1.0
    """Factor by which the exposure of the frame was matched."""

    @property
    def has_neighbours(self) -> bool:
        """False for a shot of one frame, where the prior works alone."""
        return self.to_previous is not None or self.to_next is not None

    @property
    def starts_shot(self) -> bool:
        """True at the start of the clip and after a scene cut."""
        return self.to_previous is None


class PlaneStream:
    """Denoises frames as they come, three behind the newest.

    Everything derived from a frame (prior, flow, features) is computed once and dropped when
    no later target needs it. Of frames larger than a tile only frames and flows are kept, and
    features are computed anew for every tile.

    Args:
        networks: trained networks.
        preprocessor: prior, noise model and flow of the clip, and the size of tiles.
        prior_share: weight of D(y) in the refined frame, in [0, 1].
        wanted: frames whose estimates are made; of others the prior stands for all. None: all.
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

    def push(self, noisy: Tensor, gain: float = 1.0) -> Iterator[Estimate]:
        """Take the next frame and yield the estimate that it completes, if any.

        Args:
            noisy: (C, H, W).
            gain: factor by which its exposure was matched.
        """
        yield from self.take(self.prepare(noisy, gain))

    def prepare(self, noisy: Tensor, gain: float = 1.0) -> PreparedFrame:
        """Apply the prior to a frame; the arguments are those of `push`."""
        is_whole = self._tiling.is_whole((noisy.shape[-2], noisy.shape[-1]))
        return self.preprocessor.prepare(noisy, is_whole, gain)

    def take(self, frame: PreparedFrame) -> Iterator[Estimate]:
        """Do as `push` with the next frame, which is prepared; it gets its flows."""
        size = (frame.noisy.shape[-2], frame.noisy.shape[-1])
        self._linker.push(frame)
        self._frames[self._received] = frame
        if self._tiling.is_whole(size):
            with self._tiling.shrinking(size):
                self._features[self._received] = encode_frame(self.networks.temporal, frame)
        self._received += 1
        if self._received > self.networks.lookahead:
            yield self._deliver()

    def finish(self) -> Iterator[Estimate]:
        """Yield the estimates of the last frames."""
        self._linker.finish()
        while self._delivered < self._received:
            yield self._deliver()

    @property
    def _tiling(self) -> Tiling:
        return self.preprocessor.tiling

    def _deliver(self) -> Estimate:
        target = self._delivered
        frame = self._frames[target]
        anchor = refined = frame.denoised
        around = None
        if frame.has_neighbours and (self.wanted is None or target in self.wanted):
            anchor, refined, around = self._estimate(target)
            refined = torch.lerp(refined, frame.denoised, self.prior_share)
        self._delivered += 1
        last = target - self.networks.temporal.radius
        self._frames.pop(last, None)
        self._features.pop(last, None)
        flows = frame.to_previous, frame.to_next
        return Estimate(frame.noisy, frame.denoised, anchor, refined, *flows, around, frame.gain)

    def _estimate(self, target: int) -> tuple[Tensor, Tensor, Neighbourhood | None]:
        """Give anchor, refined frame and alignment: at once if memory allows, else in tiles."""
        window = Window(self._frames, target)
        if self._tiling.is_whole(window.size):
            with self._tiling.shrinking(window.size):
                return self._estimate_whole(target)
        self._features.clear()
        anchor = tiled_anchor(self.networks.temporal, self.preprocessor, window)
        frame = self._frames[target]
        refined = tiled_refined(self.networks.refiner, self.preprocessor, frame, anchor)
        give_memory_back()
        return anchor, refined, None

    def _estimate_whole(self, target: int) -> tuple[Tensor, Tensor, Neighbourhood]:
        around = neighbourhood(self._frames, target, self.networks.temporal.radius)
        anchor = anchor_of_frame(
            self.networks.temporal, self._frames, self._features, around, target
        )
        refined = refine_frame(self.networks.refiner, self._frames[target], anchor)
        return anchor, refined, around.in_half_precision()
