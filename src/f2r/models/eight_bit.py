"""Residual blocks with 8-bit convolutions, for inference on processors that have them.

Weights are integers with one scale per output channel, as in the weights file. Activations are
scaled per channel by their peaks, which were measured on training footage. Sums stay in bfloat16:
what a block adds to is never rounded to 8 bits.

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", equation 4; the bfloat16 sums are ours.
"""

import copy
import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from f2r.models.layers import Network, ResidualBlock

PEAKS_FILE = "peaks.safetensors"
"""File beside the shipped weights with the peaks of all of them."""

STEPS, MIDDLE = 127, 128
"""Levels on either side of zero, and the level that stands for zero."""

HIDDEN_STEPS = 255
"""Levels of hidden features, which are never negative."""

FINEST_DECODER = "decoders.0."
"""Part of the names of the blocks that stay in bfloat16: rounding so near to the result costs 0.04
dB at a noise of 10 and 0.07 dB at 5, in 8-bit units."""

LEAST_PEAK = 1e-6
"""Lower bound of a peak: a channel may never be used."""


class Peaks(NamedTuple):
    """Largest activations of a residual block."""

    input: Tensor
    """(C,) of the absolute input."""
    hidden: Tensor
    """(C,) of the rectified output of the first convolution."""


class EightBitBlock(nn.Module):
    """A `ResidualBlock` whose convolutions multiply 8-bit numbers; it overwrites its input.

    Args:
        block: the block to convert.
        peaks: its largest activations; larger ones are clipped.
    """

    def __init__(self, block: ResidualBlock, peaks: Peaks) -> None:
        super().__init__()
        step = (peaks.input.float().clamp(min=LEAST_PEAK) / STEPS).view(1, -1, 1, 1)
        hidden = (peaks.hidden.float().clamp(min=LEAST_PEAK) / HIDDEN_STEPS).view(-1, 1, 1, 1)
        self._per_step = (1 / step).bfloat16()
        step = 1 / self._per_step.float()
        expand, project = block.expand, block.project
        assert expand.bias is not None
        assert project.bias is not None
        self._expand = _Convolution(
            expand.weight * step / hidden, expand.bias / hidden.flatten(), MIDDLE
        )
        self._project = _Convolution(project.weight * hidden.view(1, -1, 1, 1), project.bias, 0)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) bfloat16 features in channels-last format to the same."""
        hidden = self._expand.rectified(_to_levels(features * self._per_step))
        return self._project.added_to(features, hidden)


class _Convolution:
    """A 3x3 convolution of 8-bit levels by oneDNN."""

    def __init__(self, weight: Tensor, bias: Tensor, zero: int) -> None:
        """Args: float32 weights; level of the input that stands for 0."""
        scale = (weight.abs().amax((1, 2, 3)) / STEPS).clamp(min=torch.finfo(torch.float32).tiny)
        levels = (weight / scale.view(-1, 1, 1, 1)).round().to(torch.int8)
        packed = torch.ops.onednn.qconv_prepack(levels, scale, 1.0, zero, *_SHAPE, None)
        none = torch.zeros(len(scale), dtype=torch.int32)
        self._input = (1.0, zero, packed, scale, none)
        self._bias = bias.detach().float()

    def rectified(self, levels: Tensor) -> Tensor:
        """Give rectified results as levels of step 1."""
        run = torch.ops.onednn.qconv2d_pointwise.default
        result: Tensor = run(
            levels, *self._input, self._bias, *_SHAPE, 1.0, 0, torch.uint8, "relu", [], ""
        )
        return result

    def added_to(self, total: Tensor, levels: Tensor) -> Tensor:
        """Add results to bfloat16 numbers, in place."""
        run = torch.ops.onednn.qconv2d_pointwise.binary
        output: Any = (1.0, 0, total.dtype, 1.0, 0, "sum", 1.0, "none", [], "")
        result: Tensor = run(levels, *self._input, total, self._bias, *_SHAPE, *output)
        return result


_SHAPE: Any = ([1, 1], [1, 1], [1, 1], 1)
"""Stride, padding, dilation and groups."""


def _to_levels(values: Tensor) -> Tensor:
    """Round numbers in channels-last format to 8-bit levels, clipped."""
    rows = values.permute(0, 2, 3, 1).float()
    rounded = torch.quantize_per_tensor(rows, 1.0, MIDDLE, torch.quint8)
    levels = torch.empty(0, dtype=torch.uint8)
    levels.set_(rounded.untyped_storage(), 0, rounded.shape, rounded.stride())  # no copy
    return levels.permute(0, 3, 1, 2)


@cache
def has_eight_bits() -> bool:
    """Whether this processor multiplies 8-bit numbers, and this torch does what is used of it."""
    try:
        found = torch.cpu.get_capabilities()
        return any(found.get(name) for name in ("avx512_vnni", "amx_int8")) and _is_right()
    except (AttributeError, RuntimeError, TypeError):  # another version of torch
        return False


def _is_right() -> bool:
    """Whether a small block of 8 bits gives what the block gives."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        block, features = ResidualBlock(16), torch.rand(1, 16, 8, 8)
        one = torch.ones(16)
        exact = block(features.clone()) - features
        last = features.bfloat16().contiguous(memory_format=torch.channels_last)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch 2.13 announces a replacement, once
            fast = EightBitBlock(block, Peaks(one, one))(last).float() - features
    return bool((fast - exact).square().mean() < 0.01 * exact.square().mean())


def in_eight_bits(network: Network) -> Network:
    """Give a network with residual blocks of 8 bits, or itself where its peaks are not known.

    The weights are shared; the result is for inference under bfloat16 autocast on the CPU.
    """
    peaks = shipped_peaks().get(fingerprint(network))
    if peaks is None:
        return network
    shared: dict[int, Any] = {id(tensor): tensor for tensor in network.parameters()}
    converted = copy.deepcopy(network, shared)
    with torch.no_grad():
        for name, found in peaks.items():
            block = converted.get_submodule(name)
            assert isinstance(block, ResidualBlock)
            parent, _, last = name.rpartition(".")
            setattr(converted.get_submodule(parent), last, EightBitBlock(block, found))
    return converted


def fingerprint(network: nn.Module) -> str:
    """Identify weights by their SHA-256, hexadecimal, shortened."""
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()[:16]


@cache
def shipped_peaks() -> Mapping[str, Mapping[str, Peaks]]:
    """Read the peaks of the shipped weights: fingerprint of a network, name of a block."""
    path = Path(str(resources.files("f2r") / "weights" / PEAKS_FILE))
    found: dict[str, dict[str, Peaks]] = {}
    for key, values in load_file(path).items():
        print_, name = key.split("/")
        found.setdefault(print_, {})[name] = Peaks(*values.float())
    return found


@contextmanager
def measuring_peaks(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Measure the peaks of a network while it is applied: (2, C) by name of the block."""
    found: dict[str, Tensor] = {}
    hooks = []

    def keep(name: str, row: int, values: Tensor) -> None:
        peaks = values.detach().float().clamp(min=0).amax((0, 2, 3))
        kept = found.setdefault(name, torch.zeros(2, len(peaks)))
        kept[row] = torch.maximum(kept[row], peaks)

    for name, block in network.named_modules():
        if isinstance(block, ResidualBlock) and FINEST_DECODER not in name:
            hooks += [
                block.register_forward_pre_hook(lambda _, x, n=name: keep(n, 0, x[0].abs())),
                block.expand.register_forward_hook(lambda _, __, y, n=name: keep(n, 1, y)),
            ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
