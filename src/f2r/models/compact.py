"""Weights in few bytes: residual blocks in 8 bits, all else in float16.

Nine tenths of a network lie in its residual blocks. Their convolutions are stored as whole numbers
in [-127, 127] with one scale per output channel. Head, tail and the layers between levels, which
suffer most from it, are not. Measured: docs/weights.md.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"
"""Added to the name of a tensor for that of its scales."""


Layout = dict[str, tuple[str, list[int]]]
"""Type, as safetensors names it, and shape of every stored tensor."""


def layout_of(state: Mapping[str, Tensor]) -> Layout:
    """Say what `compact` stores for a network's state; needs shapes alone."""
    layout: Layout = {}
    for name, tensor in state.items():
        shape = list(tensor.shape)
        layout[name] = ("I8" if _is_residual(tensor) else "F16", shape)
        if _is_residual(tensor):
            layout[name + SCALE] = ("F32", shape[:1])
    return layout


def compact(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors to be stored for a network's state."""
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        weights = tensor.detach().cpu().float().contiguous()
        if not _is_residual(weights):
            stored[name] = weights.half()
            continue
        scale = (weights.abs().amax((1, 2, 3)) / 127).clamp(min=torch.finfo(torch.float32).tiny)
        stored[name] = (weights / scale.view(-1, 1, 1, 1)).round().to(torch.int8).contiguous()
        stored[name + SCALE] = scale
    return stored


def expand(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a network's state in float32 from what `compact` gave; its layout must be right."""
    return {
        name: tensor * stored[name + SCALE].view(-1, 1, 1, 1)
        if tensor.dtype == torch.int8
        else tensor.float()
        for name, tensor in stored.items()
        if not name.endswith(SCALE)
    }


def _is_residual(weights: Tensor) -> bool:
    """Tell a convolution that keeps the number of channels."""
    return weights.ndim == 4 and weights.shape[0] == weights.shape[1]
