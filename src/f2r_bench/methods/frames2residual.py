"""Frames2Residual itself, through the public API, as any user runs it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from f2r.flow.estimator import DisFlow
from f2r.method.networks import Networks
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import PlaneStream
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_prior, load_shipped
from f2r.noise.models import NoiseModel
from f2r.run.arrays import denoise
from f2r_bench.methods.frames import pad_sides
from f2r_bench.methods.method import Learning, Outcome


class FramesToResidual:
    """`f2r.denoise` with a time budget, or with the preset `fast`.

    Args:
        device: where to compute.
        trains: False takes the shipped weights as they are.
    """

    learning = Learning.SELF_SUPERVISED
    takes_grey = True

    def __init__(self, device: torch.device, trains: bool = True) -> None:
        self.device, self.trains = device, trains
        self.name = "f2r" if trains else "f2r-fast"
        self.shipped = Networks(
            load_prior(device),
            load_shipped(TemporalEstimator, device).eval(),
            load_shipped(SpatialRefiner, device).eval(),
        )

    def networks(self) -> Sequence[nn.Module]:
        """Give prior, temporal estimator and refiner."""
        return (self.shipped.prior, self.shipped.temporal, self.shipped.refiner)

    def denoise(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> Outcome:
        """Denoise through the API; see `Method.denoise`."""
        trains = self.trains and seconds > 0
        result = denoise(
            noisy.permute(0, 2, 3, 1),
            noise=noise,
            preset="fast",
            time_budget=seconds if trains else None,
            device=self.device.type,
            seed=seed,
        )
        frames = torch.from_numpy(np.ascontiguousarray(result.frames)).permute(0, 3, 1, 2)
        spent, training = result.report["seconds"], result.report.get("training")
        steps = training["temporal_steps"] + training["refiner_steps"] if training else 0
        return Outcome(frames, spent["total"] - spent["denoise"], steps)

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise with the shipped weights."""
        height, width = noisy.shape[-2:]
        stream = PlaneStream(self.shipped, Preprocessor(self.shipped.prior, noise, DisFlow()))
        refined = []
        for frame in pad_sides(noisy, 8):
            refined += [estimate.refined.cpu() for estimate in stream.push(frame)]
        refined += [estimate.refined.cpu() for estimate in stream.finish()]
        return torch.stack(refined)[..., :height, :width]
