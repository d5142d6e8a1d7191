"""Backward warping, composition of flows, and visibility."""

from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

Place: TypeAlias = tuple[int, int]
"""Row and column of a pixel."""

LONGEST = 2**15 - 2
"""Longest side that OpenCV warps, pixels."""


def warp_backward(source: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample `source` at the positions that the flow points to.

    On a CPU, bicubic samples that need no gradient come from OpenCV, in half the time.

    Args:
        source: (B, C, Hs, Ws) images or features.
        flow: (B, 2, H, W) displacement (x, y), pixels of `source`; a constant. Its grid may be
            smaller than the source.
        mode: 'bilinear' or 'bicubic'. Positions outside take the border sample.

    Returns:
        (B, C, H, W), data type of `source`; out(p) = source(p + flow(p)).
    """
    if mode == "bicubic" and _suits_opencv(source, flow):
        return _warp_bicubic(source, flow)
    height, width = flow.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=torch.float32)[:, None]
    columns = torch.arange(width, device=flow.device, dtype=torch.float32)
    grid = flow.new_empty(flow.shape, dtype=torch.float32)
    for axis, (start, length) in enumerate(((columns, source.shape[-1]), (rows, source.shape[-2]))):
        scale = 2 / max(length - 1, 1)  # grid_sample counts from -1 to 1
        torch.add(start * scale - 1, flow[:, axis].float(), alpha=scale, out=grid[:, axis])
    places = grid.movedim(1, -1)
    warped = functional.grid_sample(
        source.float(), places, mode=mode, padding_mode="border", align_corners=True
    )
    return warped.to(source.dtype)


def _suits_opencv(source: Tensor, flow: Tensor) -> bool:
    sides = *source.shape[-2:], *flow.shape[-2:]
    return source.device.type == "cpu" and not source.requires_grad and max(sides) <= LONGEST


def _warp_bicubic(source: Tensor, flow: Tensor) -> Tensor:
    """Do the same by OpenCV, plane by plane."""
    import cv2

    height, width = flow.shape[-2:]
    x = (flow[:, 0].float() + torch.arange(width)).numpy()
    y = (flow[:, 1].float() + torch.arange(height)[:, None]).numpy()
    warped = torch.empty((*source.shape[:2], height, width))
    images = source.float().contiguous().numpy()
    for index, planes in enumerate(warped.numpy()):
        for plane, image in zip(planes, images[index], strict=True):
            places = x[index], y[index]
            cv2.remap(image, *places, cv2.INTER_CUBIC, plane, cv2.BORDER_REPLICATE)
    return warped.to(source.dtype)


def warp_features(features: Tensor, flow: Tensor) -> Tensor:
    """Warp features of several neighbours, bilinear; positions outside take the border sample.

    On a CPU each pixel is a weighted sum of four rows of a table, ten times as fast as
    `warp_backward`, which samples channel by channel.

    Args:
        features: (B, N, C, Hs, Ws), best in channels-last memory format.
        flow: (B, N, 2, H, W) displacement (x, y), pixels of `features`.

    Returns:
        (B, H, W, N, C).
    """
    batch, channels = features.shape[:2], features.shape[2]
    if features.device.type != "cpu":
        warped = warp_backward(features.flatten(0, 1), flow.flatten(0, 1))
        return warped.unflatten(0, batch).permute(0, 3, 4, 1, 2)
    rows, shares = _corners(flow, features.shape[-2], features.shape[-1])
    exact = features.float() if features.requires_grad else features  # sums of many gradients
    table = exact.movedim(2, -1).reshape(-1, channels)
    fetched = functional.embedding_bag(
        rows.view(-1, 4), table, per_sample_weights=shares.view(-1, 4).to(table.dtype), mode="sum"
    )
    return fetched.view(*rows.shape[:-1], channels).to(features.dtype)


def _corners(flow: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Find the four pixels around each position that (B, N, 2, H, W) flows point to.

    Returns:
        Indices of the pixels, counted through all B * N sources, and their bilinear weights; both
        (B, H, W, N, 4).
    """
    moved = flow.float().nan_to_num().movedim(1, -1)
    x = moved[:, 0] + torch.arange(flow.shape[-1])[:, None]
    y = moved[:, 1] + torch.arange(flow.shape[-2])[:, None, None]
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    left, top = x.int(), y.int()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    across, down = x - left, y - top
    sources = torch.arange(flow.shape[0] * flow.shape[1], dtype=torch.int32)
    first = (sources * (height * width)).view(flow.shape[0], 1, 1, flow.shape[1])
    places = [first + row * width + column for row in (top, bottom) for column in (left, right)]
    shares = [v * h for v in (1 - down, down) for h in (1 - across, across)]
    return torch.stack(places, -1), torch.stack(shares, -1)


def move_flow(flow: Tensor, at: Place, into: Place) -> Tensor:
    """Shift a flow between crops of a frame.

    Args:
        flow: (B, 2, H, W), pixels, on a crop whose first pixel lies at `at`.
        at: row and column of that crop in the frame.
        into: row and column of the crop that is going to be warped.

    Returns:
        (B, 2, H, W), pixels of the second crop.
    """
    shift = flow.new_tensor([at[1] - into[1], at[0] - into[0]])
    return flow + shift[:, None, None]


def compose_flows(first: Tensor, second: Tensor, at: Place = (0, 0)) -> Tensor:
    """Chain V_{b->a} and V_{c->b} to V_{c->a}.

    Args:
        first: (B, 2, H, W) V_{b->a}, pixels, on a crop of the frame.
        second: (B, 2, Hs, Ws) V_{c->b}, pixels, on the whole frame.
        at: row and column of the first pixel of `first`.

    Returns:
        (B, 2, H, W), pixels.
    """
    moved = first if at == (0, 0) else move_flow(first, at, (0, 0))
    return first + warp_backward(second, moved)


def visibility(
    forward: Tensor,
    backward: Tensor,
    at: Place = (0, 0),
    into: Place = (0, 0),
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Compute which target pixels the neighbour shows, by forward-backward consistency.

    No pixel value of the target is used, so a blind estimator may use the result.

    Args:
        forward: (B, 2, H, W) V_{i->t}, pixels, on the grid of the target t.
        backward: (B, 2, H, W) V_{t->i}, pixels, on the grid of the neighbour i.
        at: row and column of the first pixel of `forward` in the frame.
        into: the same for `backward`.
        size: height and width of the frame, if `forward` is a crop.

    Returns:
        (B, 1, H, W) in [0, 1]: 1 where the two flows cancel, 0 where they differ by many pixels or
        the position lies outside the frame.

    Source: Sundaram, Brox, Keutzer 2010, "Dense point trajectories", with a soft threshold.
    """
    moved = forward if at == into else move_flow(forward, at, into)
    mismatch = (forward + warp_backward(backward, moved)).square().sum(1, keepdim=True)
    travelled = forward.square().sum(1, keepdim=True)
    score = torch.exp(-mismatch / (0.5 + 0.02 * travelled))
    rows, columns = forward.shape[-2:]
    height, width = size or (rows, columns)
    x = forward[:, :1] + torch.arange(at[1], at[1] + columns, device=forward.device)
    y = forward[:, 1:] + torch.arange(at[0], at[0] + rows, device=forward.device)[:, None]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return score * inside
