"""What a method costs, counted rather than timed: parameters and multiply-accumulates."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from f2r.noise.models import Gaussian
from f2r_bench.methods.method import Method

FRAMES, SIDE = 9, 128
"""Size of the clip on which operations are counted."""


@dataclass(frozen=True)
class Cost:
    """Size of a method and work of its inference."""

    parameters: int
    """Numbers in the networks that inference needs."""
    macs_per_pixel: float
    """Multiply-accumulates of convolutions and matrix products per output pixel; optical flow,
    warping and filters are not counted."""


def count_cost(method: Method) -> Cost:
    """Count on a small random clip what inference does, averaged over its frames."""
    parameters = sum(p.numel() for network in method.networks() for p in network.parameters())
    if not parameters:
        return Cost(0, 0.0)
    generator = torch.Generator().manual_seed(0)
    clip = torch.rand(FRAMES, 3, SIDE, SIDE, generator=generator)
    with FlopCounterMode(display=False) as counter:
        method.infer(clip, Gaussian(30 / 255))
    pixels = FRAMES * SIDE * SIDE
    return Cost(parameters, counter.get_total_flops() / 2 / pixels)
