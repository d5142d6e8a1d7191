"""What a run says of one frame, at the border: (H, W, C) arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from f2r.io.clip import Frame
from f2r.method.planes import PlaneLayout
from f2r.method.stream import Estimate
from f2r.run.resume.spool import Mark


@dataclass(frozen=True)
class PlaneEstimate:
    """The estimate of one plane, and what turns it into the output."""

    estimate: Estimate
    """Levels multiplied by `scale`."""
    scale: float
    """What the levels of this plane were multiplied by."""
    finish: Callable[[Estimate], Tensor]
    """Chooses the output among the estimates, the bias of clipping undone."""


@dataclass(frozen=True)
class Result:
    """One denoised frame and what it was made from; (H, W, C) float32, nominal.

    Each part is put together when it is asked for, so that what nobody wants costs nothing.
    """

    layout: PlaneLayout
    """How planes become a frame."""
    planes: Sequence[PlaneEstimate]
    """One per plane of the clip."""
    strength: float
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
        """What the report says of this frame."""
        first = self.planes[0].estimate
        return Mark(first.starts_shot, not first.has_neighbours)

    def _blend(self, plane: PlaneEstimate) -> Tensor:
        return torch.lerp(plane.estimate.noisy, plane.finish(plane.estimate), self.strength)

    def _merge(self, part: Callable[[PlaneEstimate], Tensor]) -> Frame:
        return self.layout.merge([part(plane) / plane.scale for plane in self.planes])
