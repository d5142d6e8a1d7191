"""Storage of the sample of a clip: in memory or on disk."""

import mmap
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

Keep: TypeAlias = Callable[[Tensor], Tensor]
"""Stores a tensor and returns the one to use instead."""


SMALLEST_FILE = 2**18
"""Bytes below which a tensor stays in memory; systems limit the number of mapped files."""


def choose_keep(folder: Path | None, device: torch.device) -> Keep:
    """Choose where a sample is kept: on disk if the run has a folder and works on the CPU."""
    if folder is None or device.type != "cpu":
        return in_memory
    return partial(on_disk, folder)


def in_memory(tensor: Tensor) -> Tensor:
    """Return the tensor unchanged."""
    return tensor


def on_disk(folder: Path, tensor: Tensor) -> Tensor:
    """Move a tensor to an unnamed file, which disappears with the tensor.

    Its pages are loaded on access and may be evicted at any time.

    Args:
        folder: folder of the file, which has no name there.
        tensor: on the CPU.

    Returns:
        The same values, mapped from the file; changes to them stay in memory. A small tensor is
        returned unchanged.

    Raises:
        OSError: the disk is full.
    """
    if tensor.nbytes < SMALLEST_FILE:
        return tensor
    dense = tensor.clone()  # keeps the order of channels-last frames
    flat = dense.as_strided((dense.numel(),), (1,))
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(flat.numpy().view("uint8").data)  # write, unlike mmap, says when space ends
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    values = torch.frombuffer(mapped, dtype=tensor.dtype)
    return values.as_strided(dense.shape, dense.stride())
