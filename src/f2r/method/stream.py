"""The whole method over a stream of frames; memory does not depend on its length."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.method.preprocess import Neighbourhood, PreparedFrame, Preprocessor, neighbourhood
from f2r.method.stages import Features, encode_frame, predict_anchor, refine_frame
from f2r.method.tiled import Window, predict_anchor_tiled, refine_frame_tiled
from f2r.method.tiles import Tiling
from f2r.method.two_pass_flow import LATE, Linker
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.system.allocator import give_memory_back


@dataclass(frozen=True)
class Networks:
    """The three networks of the method."""

    prior: ImagePrior
    """D, frozen."""
    temporal: TemporalEstimator
    """f_theta, stage 1."""
    refiner: SpatialRefiner
    """g_phi, stage 2."""

    @property
    def lookahead(self) -> int:
        """Frames on either side on which the estimate of a frame depends."""
        return self.temporal.radius + LATE


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
    """

    def __init__(
        self, networks: Networks, preprocessor: Preprocessor, prior_share: float = 0.0
    ) -> None:
        self.networks, self.preprocessor = networks, preprocessor
        self.prior_share = prior_share
        self._frames: dict[int, PreparedFrame] = {}
        self._features: dict[int, Features] = {}
        self._linker = Linker(preprocessor.flow)
        self._received = 0
        self._delivered = 0

    def push(self, noisy: Tensor) -> Iterator[Estimate]:
        """Take the next (C, H, W) frame and yield the estimate that it completes, if any."""
        size = (noisy.shape[-2], noisy.shape[-1])
        frame = self.preprocessor.prepare(noisy, keep_sigma=self._tiling.is_whole(size))
        self._linker.push(frame)
        self._frames[self._received] = frame
        features = self._tiling.attempt(size, lambda: encode_frame(self.networks.temporal, frame))
        if features is not None:
            self._features[self._received] = features
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
        if frame.has_neighbours:
            anchor, refined, around = self._estimate(target)
            refined = torch.lerp(refined, frame.denoised, self.prior_share)
        self._delivered += 1
        last = target - self.networks.temporal.radius
        self._frames.pop(last, None)
        self._features.pop(last, None)
        flows = frame.to_previous, frame.to_next
        return Estimate(frame.noisy, frame.denoised, anchor, refined, *flows, around)

    def _estimate(self, target: int) -> tuple[Tensor, Tensor, Neighbourhood | None]:
        """Give anchor, refined frame and alignment: at once if memory allows, else in tiles."""
        window = Window(self._frames, target)
        whole = self._tiling.attempt(window.size, lambda: self._estimate_whole(target))
        if whole is not None:
            return whole
        self._features.clear()
        anchor = predict_anchor_tiled(self.networks.temporal, self.preprocessor, window)
        frame = self._frames[target]
        refined = refine_frame_tiled(self.networks.refiner, self.preprocessor, frame, anchor)
        give_memory_back()
        return anchor, refined, None

    def _estimate_whole(self, target: int) -> tuple[Tensor, Tensor, Neighbourhood]:
        around = neighbourhood(self._frames, target, self.networks.temporal.radius)
        anchor = predict_anchor(
            self.networks.temporal, self._frames, self._features, around, target
        )
        refined = refine_frame(self.networks.refiner, self._frames[target], anchor)
        return anchor, refined, around.in_half_precision()
