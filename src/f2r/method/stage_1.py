"""Stage 1: the anchor x-_t = f_theta({z_i}_{i != t}, V).

Source: Frames2Residual, figure 2.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from f2r.method.alignment import Neighbourhood
from f2r.method.precision import mixed_precision
from f2r.method.preprocess import PreparedFrame
from f2r.models.temporal import Aligned, TemporalEstimator, align, offsets_within, warp_pixels

Features = tuple[Tensor, ...]
"""Encoded frames per scale k = 2, 3: (..., C_k, H / 2^k, W / 2^k)."""


def encode(estimator: TemporalEstimator, joint: Tensor, sigma: Tensor) -> Features:
    """Encode (B, 2C, H, W) z with its (B, C, H, W) noise level, once for every target."""
    with mixed_precision(joint.device):
        return estimator.encode(joint, sigma)


def predict_anchor(estimator: TemporalEstimator, aligned: Aligned) -> Tensor:
    """Predict the targets from their aligned neighbours: (B, C, H, W) float32 anchors."""
    with mixed_precision(aligned.joint.device):
        anchor: Tensor = estimator(aligned)
    return anchor


@torch.no_grad()
def encode_frame(estimator: TemporalEstimator, frame: PreparedFrame) -> Features:
    """Encode one frame: (C_k, H / 2^k, W / 2^k) per scale."""
    encoded = encode(estimator, frame.joint[None], frame.sigma[None])
    return tuple(scale[0] for scale in encoded)


@torch.no_grad()
def anchor_of_frame(
    estimator: TemporalEstimator,
    frames: Mapping[int, PreparedFrame],
    features: Mapping[int, Features],
    around: Neighbourhood,
    target: int,
) -> Tensor:
    """Predict the anchor of one whole frame: (C, H, W) float32.

    Args:
        estimator: the blind temporal estimator.
        frames: prepared frames by index; that of the target is not read.
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
    present = around.present[None].to(flow.device)
    aligned = align(warp_pixels(joint, flow), stacked, flow, visible, present)
    return predict_anchor(estimator, aligned)[0]


def _stack(maps: Sequence[Tensor]) -> Tensor:
    """Stack N maps (C, h, w) to (N, C, h, w) in channels-last memory format."""
    return torch.stack([part.movedim(0, -1) for part in maps]).movedim(-1, 1)
