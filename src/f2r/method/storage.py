"""Keep a sample of a clip on disk instead of in memory."""

import mmap
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

Keep: TypeAlias = Callable[[Tensor], Tensor]
"""Stores a tensor and gives what is to be used in its place."""


SMALL = 2**18
"""Bytes below which a tensor stays in memory: a system maps only so many files at a time."""


def choose_keep(folder: Path | None, device: torch.device) -> Keep:
    """Choose where a sample is kept: on disk if the run has a folder and works on the CPU."""
    if folder is None or device.type != "cpu":
        return in_memory
    return partial(on_disk, folder)


def in_memory(tensor: Tensor) -> Tensor:
    """Keep a tensor as it is."""
    return tensor


def on_disk(folder: Path, tensor: Tensor) -> Tensor:
    """Move a tensor to a file without a name, which is gone as soon as the tensor is.

    Its pages come from the file when they are read and may leave memory again at any time.

    Args:
        folder: where the file lies; nothing of it is seen there.
        tensor: on the CPU.

    Returns:
        The same values, mapped from the file; changes to them stay in memory. A small tensor comes
        back as it is.

    Raises:
        OSError: the disk is full.
    """
    if tensor.nbytes < SMALL:
        return tensor
    dense = tensor.clone()  # keeps the order of channels-last frames
    flat = dense.as_strided((dense.numel(),), (1,))
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(flat.numpy().view("uint8").data)  # write, unlike mmap, says when space ends
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    values = torch.frombuffer(mapped, dtype=tensor.dtype)
    return values.as_strided(dense.shape, dense.stride())
