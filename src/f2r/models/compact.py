"""Compress weights: residual blocks to 8 bits, everything else to float16.

Residual blocks hold nine tenths of the weights. Their convolutions are stored as integers in
[-127, 127] with one scale per output channel. Head, tail and the layers between levels lose more by
it and keep float16. Measured: docs/weights.md.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"
"""Suffix of the tensor that holds the scales of another."""


Layout = dict[str, tuple[str, list[int]]]
"""Data type (a name of safetensors) and shape of every stored tensor."""


def stored_layout(state: Mapping[str, Tensor]) -> Layout:
    """Give data type and shape of what `compact` stores; reads only the shapes of `state`."""
    layout: Layout = {}
    for name, tensor in state.items():
        shape = list(tensor.shape)
        layout[name] = ("I8" if _is_residual(tensor) else "F16", shape)
        if _is_residual(tensor):
            layout[name + SCALE] = ("F32", shape[:1])
    return layout


def compact(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convert the state of a network to the tensors that are stored."""
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
    """Convert stored tensors back to a state in float32; `stored` must have the right layout."""
    return {
        name: tensor * stored[name + SCALE].view(-1, 1, 1, 1)
        if tensor.dtype == torch.int8
        else tensor.float()
        for name, tensor in stored.items()
        if not name.endswith(SCALE)
    }


def _is_residual(weights: Tensor) -> bool:
    """Whether these are the weights of a convolution that keeps the channel count."""
    return weights.ndim == 4 and weights.shape[0] == weights.shape[1]
