"""Backward warping, and the geometry that follows from it: composition and visibility."""

import torch
from torch import Tensor
from torch.nn import functional


def warp_backward(source: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """Fetch from `source` what the flow points to.

    Args:
        source: (B, C, Hs, Ws) images or features.
        flow: (B, 2, H, W) displacement (x, y) in pixels of `source`; the grid of the result
            may be smaller than the source.
        mode: 'bilinear' or 'bicubic'. Points outside take the nearest border sample.

    Returns:
        (B, C, H, W) in the type of `source`; out(p) = source(p + flow(p)).
    """
    height, width = flow.shape[-2:]
    source_height, source_width = source.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=torch.float32)
    columns = torch.arange(width, device=flow.device, dtype=torch.float32)
    x = (flow[:, 0].float() + columns) * (2 / max(source_width - 1, 1)) - 1
    y = (flow[:, 1].float() + rows[:, None]) * (2 / max(source_height - 1, 1)) - 1
    grid = torch.stack((x, y), dim=-1)
    warped = functional.grid_sample(
        source.float(), grid, mode=mode, padding_mode="border", align_corners=True
    )
    return warped.to(source.dtype)


def compose_flows(first: Tensor, second: Tensor) -> Tensor:
    """Chain V_{b->a} and V_{c->b} to V_{c->a}; each (B, 2, H, W) in pixels."""
    return first + warp_backward(second, first)


def visibility(forward: Tensor, backward: Tensor) -> Tensor:
    """Tell which target pixels the neighbour shows, by forward-backward consistency.

    Geometry only: no pixel value of the target enters, so a blind estimator may use it.

    Args:
        forward: (B, 2, H, W) V_{i->t} on the grid of the target t.
        backward: (B, 2, H, W) V_{t->i} on the grid of the neighbour i.

    Returns:
        (B, 1, H, W) in [0, 1]: 1 where the two flows cancel, 0 where they differ by many
        pixels or the target pixel lies outside the neighbour.

    Source: Sundaram, Brox, Keutzer 2010, "Dense point trajectories", made soft.
    """
    mismatch = (forward + warp_backward(backward, forward)).square().sum(1, keepdim=True)
    travelled = forward.square().sum(1, keepdim=True)
    score = torch.exp(-mismatch / (0.5 + 0.02 * travelled))
    height, width = forward.shape[-2:]
    x = forward[:, :1] + torch.arange(width, device=forward.device)
    y = forward[:, 1:] + torch.arange(height, device=forward.device)[:, None]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return score * inside
