"""One denoised frame and its parts, as (H, W, C) arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from f2r.io.clip import Frame
from f2r.method.planes import PlaneLayout
from f2r.method.stream import Estimate
from f2r.method.strength import Strength
from f2r.run.decide import PlaneDecision


class Mark(NamedTuple):
    """Facts of one frame for the report."""

    starts_shot: bool
    """Whether it is the first of the clip or the first after a scene cut."""
    is_alone: bool
    """Whether it has no neighbour, so that only the image prior was used."""


@dataclass(frozen=True)
class PlaneEstimate:
    """The estimate of one plane, and the decision that turns it into the output."""

    estimate: Estimate
    """Levels multiplied by the decision's `scale`."""
    decision: PlaneDecision
    """Chooses the output among the estimates."""

    @property
    def factor(self) -> float:
        """Factor of the levels of the input."""
        return self.decision.scale * self.estimate.gain


@dataclass(frozen=True)
class Result:
    """One denoised frame and its parts; (H, W, C) float32, nominal.

    Each part is merged on access.
    """

    layout: PlaneLayout
    """How planes become a frame."""
    planes: Sequence[PlaneEstimate]
    """One per plane of the clip."""
    strength: Strength
    """Share of the estimated noise that is removed."""

    @property
    def noisy(self) -> Frame:
        """The input."""
        return self._merge(lambda plane: plane.estimate.noisy)

    @property
    def prior(self) -> Frame:
        """The image prior's estimate."""
        return self._merge(lambda plane: plane.estimate.prior)

    @property
    def anchor(self) -> Frame:
        """Stage 1's estimate."""
        return self._merge(lambda plane: plane.estimate.anchor)

    @property
    def denoised(self) -> Frame:
        """The output."""
        return self._merge(self._blend)

    @property
    def mark(self) -> Mark:
        """Facts of this frame for the report."""
        first = self.planes[0].estimate
        return Mark(first.starts_shot, not first.has_neighbours)

    def _blend(self, plane: PlaneEstimate) -> Tensor:
        return self.strength.apply(plane.estimate.noisy, plane.decision.finish(plane.estimate))

    def _merge(self, part: Callable[[PlaneEstimate], Tensor]) -> Frame:
        return self.layout.merge([part(plane) / plane.factor for plane in self.planes])
