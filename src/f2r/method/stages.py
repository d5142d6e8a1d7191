"""The two stages on whole frames: features once per frame, anchor, refined frame.

Source: Frames2Residual, figures 2 and 3b.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from f2r.method.preprocess import Neighbourhood, PreparedFrame, Preprocessor, sigma_map
from f2r.method.recorrupt import recorrupt
from f2r.models.prior import joint_input
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator, align, offsets_within, warp_pixels

Features = tuple[Tensor, ...]


@torch.no_grad()
def encode_frame(estimator: TemporalEstimator, frame: PreparedFrame) -> Features:
    """Encode one frame for every target that needs it; per scale (C_k, H / 2^k, W / 2^k)."""
    joint, sigma = frame.joint[None], frame.sigma[None]
    with torch.autocast(joint.device.type, torch.bfloat16):
        return tuple(scale[0] for scale in estimator.encode(joint, sigma))


@torch.no_grad()
def predict_anchor(
    estimator: TemporalEstimator,
    frames: Mapping[int, PreparedFrame],
    features: Mapping[int, Features],
    around: Neighbourhood,
    target: int,
) -> Tensor:
    """Run stage 1 for one target: (C, H, W) float32.

    Args:
        estimator: the blind temporal estimator.
        frames: prepared frames by index; the target's own is only asked for its size.
        features: encoded frames by index.
        around: flows from the target to its neighbours.
        target: index t.
    """
    exists = around.present.tolist()
    seen = list(zip(offsets_within(estimator.radius), exists, strict=True))
    stand_in = next(target + o for o, e in seen if e)
    indices = [target + o if e else stand_in for o, e in seen]
    joint = torch.stack([frames[i].joint for i in indices])[None]
    flow, visible = around.flow[None].float(), around.visible[None].float()
    scales = zip(*(features[i] for i in indices), strict=True)
    stacked = tuple(_stack(scale)[None] for scale in scales)
    with torch.autocast(joint.device.type, torch.bfloat16):
        aligned = align(warp_pixels(joint, flow), stacked, flow, visible, around.present[None])
        anchor: Tensor = estimator(aligned)
    return anchor[0]


def _stack(maps: Sequence[Tensor]) -> Tensor:
    """Stack N maps (C, h, w) to (N, C, h, w), the channels of a pixel side by side in memory."""
    return torch.stack([part.movedim(0, -1) for part in maps]).movedim(-1, 1)


@torch.no_grad()
def refine_frame(refiner: SpatialRefiner, frame: PreparedFrame, anchor: Tensor) -> Tensor:
    """Run stage 2 on the centre frame as it is (alpha = 0): (C, H, W) float32."""
    joint, sigma = frame.joint[None], frame.sigma[None]
    with torch.autocast(joint.device.type, torch.bfloat16):
        refined: Tensor = refiner(anchor[None], joint, sigma)
    return refined[0]


@torch.no_grad()
def refine_by_draws(  # noqa: PLR0913, PLR0917
    refiner: SpatialRefiner,
    preprocessor: Preprocessor,
    frame: PreparedFrame,
    anchor: Tensor,
    alpha: float,
    draws: int,
    generator: torch.Generator,
    grey: bool = False,
) -> Tensor:
    """Run stage 2 on `draws` re-corrupted centre frames and average: (C, H, W) float32.

    What training sees; as good as the direct pass and `draws` times slower (METHOD.md, section 2).
    """
    total = torch.zeros_like(anchor)
    channels = 1 if grey else len(anchor)
    for _ in range(draws):
        noisy, level = frame.noisy[None, :channels], anchor[None, :channels]
        pair = recorrupt(noisy, preprocessor.noise, alpha, generator, level=level)
        shaken = pair.input.expand_as(anchor[None])
        sigma = math.sqrt(1 + alpha**2) * sigma_map(preprocessor.noise, frame.noisy[None])
        joint = joint_input(shaken, preprocessor.denoise(shaken, sigma))
        with torch.autocast(joint.device.type, torch.bfloat16):
            total += refiner(anchor[None], joint, sigma)[0]
    return total / draws
