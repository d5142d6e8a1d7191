"""Frames2Residual itself, through the public API, as any user runs it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from f2r.flow.estimator import DisFlow
from f2r.noise.models import NoiseModel
from f2r_bench.core import Preprocessor, denoise, estimate_clip, facts_of, load_networks
from f2r_bench.methods.frames import pad_sides
from f2r_bench.methods.method import Learning, Outcome


class FramesToResidual:
    """`f2r.denoise` with a time budget, or with the preset `fast`.

    Args:
        device: where to compute.
        trains: False takes the weights as they are.
        weights: name of a shipped set; None takes the default one, trained with clean frames.
    """

    takes_grey = True
    least_steps = 0  # its shipped weights serve as they are

    def __init__(
        self, device: torch.device, trains: bool = True, weights: str | None = None
    ) -> None:
        self.device, self.trains, self.weights = device, trains, weights
        self.name = "-".join(filter(None, ["f2r", "" if trains else "fast", weights]))
        self.learning = learning_of(trains, weights)
        self.shipped = load_networks(device, weights)

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
            weights=self.weights,
            seed=seed,
        )
        frames = torch.from_numpy(np.ascontiguousarray(result.frames)).permute(0, 3, 1, 2)
        facts = facts_of(result.report)
        spent = facts.seconds["total"] - facts.seconds["denoise"]
        return Outcome(frames, spent, facts.steps)

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise with the shipped weights."""
        height, width = noisy.shape[-2:]
        preprocessor = Preprocessor(self.shipped.prior, noise, DisFlow())
        estimates = estimate_clip(self.shipped, preprocessor, pad_sides(noisy, 8))
        return torch.stack([e.refined.cpu() for e in estimates])[..., :height, :width]


def learning_of(trains: bool, weights: str | None) -> Learning:
    """Say where the knowledge of F2R comes from."""
    if weights is not None:
        return Learning.SELF_SUPERVISED
    return Learning.ADAPTED if trains else Learning.SUPERVISED
