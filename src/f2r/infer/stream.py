"""The whole method over a stream of frames; memory does not depend on its length."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from f2r.infer.stages import Features, encode_frame, predict_anchor, refine_frame
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.preprocess import REACH, PreparedFrame, Preprocessor, neighbourhood


@dataclass(frozen=True)
class Networks:
    """The three networks of the method."""

    prior: ImagePrior
    """D, frozen."""
    temporal: TemporalEstimator
    """f_theta, stage 1."""
    refiner: SpatialRefiner
    """g_phi, stage 2."""


@dataclass(frozen=True)
class Estimate:
    """What the method says of one frame; each (3, H, W) float32, nominal, not clipped."""

    noisy: Tensor
    """y."""
    prior: Tensor
    """D(y)."""
    anchor: Tensor
    """Stage 1; the prior where the frame has no neighbour."""
    refined: Tensor
    """Stage 2; the prior where the frame has no neighbour."""
    has_neighbours: bool
    """False for a shot of one frame, where the prior works alone."""
    starts_shot: bool
    """True at the start of the clip and after a scene cut."""


class PlaneStream:
    """Denoises frames as they come, two behind the newest.

    Everything derived from a frame (prior, flow, features) is computed once and dropped when
    no later target needs it.

    Args:
        networks: trained networks.
        preprocessor: prior, noise model and flow of the clip.
    """

    def __init__(self, networks: Networks, preprocessor: Preprocessor) -> None:
        self.networks, self.preprocessor = networks, preprocessor
        self._frames: dict[int, PreparedFrame] = {}
        self._features: dict[int, Features] = {}
        self._received = 0
        self._delivered = 0

    def push(self, noisy: Tensor) -> Iterator[Estimate]:
        """Take the next (3, H, W) frame and yield the estimate that it completes, if any."""
        frame = self.preprocessor.prepare(noisy)
        if self._received:
            self.preprocessor.link(self._frames[self._received - 1], frame)
        self._frames[self._received] = frame
        self._features[self._received] = encode_frame(self.networks.temporal, frame)
        self._received += 1
        if self._received > REACH:
            yield self._deliver()

    def finish(self) -> Iterator[Estimate]:
        """Yield the estimates of the last frames."""
        while self._delivered < self._received:
            yield self._deliver()

    def _deliver(self) -> Estimate:
        target = self._delivered
        frame = self._frames[target]
        around = neighbourhood(self._frames, target)
        anchor = refined = frame.denoised
        has_neighbours = bool(around.present.any())
        if has_neighbours:
            anchor = predict_anchor(
                self.networks.temporal, self._frames, self._features, around, target
            )
            refined = refine_frame(self.networks.refiner, frame, anchor)
        self._delivered += 1
        self._frames.pop(target - REACH, None)
        self._features.pop(target - REACH, None)
        starts = frame.to_previous is None
        return Estimate(frame.noisy, frame.denoised, anchor, refined, has_neighbours, starts)
