"""Loss of stage 1: L1 = E || f_theta({z_i}_{i != t}, V) - y_t ||^2.

Source: Frames2Residual, figure 2.
"""

import torch
from torch import Tensor

from f2r.method.prepared_clip import PreparedClip
from f2r.method.stage_1 import encode, predict_anchor
from f2r.models.temporal import TemporalEstimator, align
from f2r.train.crops import Crops
from f2r.train.windows import CropSampler

FLOOR = (5 / 255) ** 2
"""Added to a crop's noise variance before it weighs the loss."""


def estimate_anchor(estimator: TemporalEstimator, crops: Crops) -> Tensor:
    """Predict the targets of a batch from their neighbours, (B, C, S, S) float32."""
    neighbours = crops.joint.shape[1]
    features = encode(estimator, crops.joint.flatten(0, 1), crops.sigma.flatten(0, 1))
    split = tuple(scale.unflatten(0, (-1, neighbours)) for scale in features)
    aligned = align(crops.warped, split, crops.flow, crops.visible, crops.present)
    return predict_anchor(estimator, aligned)


def temporal_loss(
    estimator: TemporalEstimator, sampler: CropSampler, generator: torch.Generator
) -> Tensor:
    """Give L1 on a new batch.

    Each crop is weighted by the inverse of its noise variance, so that clips of all noise levels
    count the same.
    """
    crops = sampler.draw(generator)
    anchor = estimate_anchor(estimator, crops)
    error = masked_error(anchor, crops.target, crops.trained)
    return (error / (crops.variance + FLOOR)).mean()


def noise_power(clip: PreparedClip) -> float:
    """Give the mean noise variance of a clip plus `FLOOR`: its errors are divided by this."""
    return float(clip.frames[0].sigma.square().mean()) + FLOOR


def masked_error(estimate: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Average the squared difference of (B, C, S, S) over a (B, 1, S, S) mask: (B,)."""
    return masked_mean((estimate - target).square(), mask)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average (B, C, S, S) over a (B, 1, S, S) mask: (B,)."""
    total = (values.mean(dim=1, keepdim=True) * mask).sum(dim=(1, 2, 3))
    return total / mask.sum(dim=(1, 2, 3)).clamp(min=1)
