"""What the others are measured against: the noisy clip as it is, and our prior frame by frame."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from f2r.flow.estimator import DisFlow
from f2r.models.layers import channels_last
from f2r.models.prior import ImagePrior
from f2r.models.weights import load_network, load_prior
from f2r.noise.models import NoiseModel
from f2r_bench.core import Preprocessor
from f2r_bench.methods.frames import pad_sides
from f2r_bench.methods.method import Learning, Untrained


class Noisy(Untrained):
    """The input itself."""

    name = "noisy"
    learning = Learning.NONE
    takes_grey = True

    def networks(self) -> Sequence[nn.Module]:
        """Give no network."""
        return ()

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:  # noqa: ARG002
        """Return the input."""
        return noisy


class Prior(Untrained):
    """The image prior D on every frame alone, at the precision in which F2R runs it.

    Args:
        device: where to compute.
        weights: safetensors file of the prior; None takes the shipped weights.
    """

    name = "prior"
    learning = Learning.SUPERVISED
    takes_grey = True

    def __init__(self, device: torch.device, weights: Path | None = None) -> None:
        if weights is None:
            self.prior = load_prior(device)
        else:
            self.prior = channels_last(load_network(weights, ImagePrior)).to(device).eval()

    def networks(self) -> Sequence[nn.Module]:
        """Give the prior."""
        return (self.prior,)

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise frame by frame."""
        return apply_prior(Preprocessor(self.prior, noise, DisFlow()), noisy)


def apply_prior(preprocessor: Preprocessor, noisy: Tensor) -> Tensor:
    """Apply D to (T, 3, H, W) frames of any size, one at a time; the result is on the CPU."""
    height, width = noisy.shape[-2:]
    padded = pad_sides(noisy, preprocessor.prior.size_multiple)
    denoised = [preprocessor.prepare(frame).denoised.cpu() for frame in padded]
    return torch.stack(denoised)[..., :height, :width]
