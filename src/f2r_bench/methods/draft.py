"""The draft preset of F2R, through the public API."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from f2r.noise.models import NoiseModel
from f2r_bench.core import denoise, draft_clip, load_draft
from f2r_bench.methods.frames import pad_sides
from f2r_bench.methods.method import Learning, Outcome


class Draft:
    """`f2r.denoise` with the preset `draft`, which never trains on the clip."""

    name = "f2r-draft"
    takes_grey = True
    least_steps = 0
    learning = Learning.SUPERVISED

    def __init__(self, device: torch.device) -> None:
        self.device, self.network = device, load_draft(device)

    def networks(self) -> Sequence[nn.Module]:
        """Give the one network."""
        return (self.network,)

    def denoise(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> Outcome:  # noqa: ARG002
        """Denoise through the API; see `Method.denoise`."""
        result = denoise(
            noisy.permute(0, 2, 3, 1),
            noise=noise,
            preset="draft",
            device=self.device.type,
            seed=seed,
        )
        frames = torch.from_numpy(np.ascontiguousarray(result.frames)).permute(0, 3, 1, 2)
        return Outcome(frames, 0.0, 0)

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise with the shipped weights."""
        height, width = noisy.shape[-2:]
        return draft_clip(self.network, noise, pad_sides(noisy, 8))[..., :height, :width]
