"""Load published checkpoints into our architectures, and say which keys do not fit."""

import argparse
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from f2r.errors import InputError

WRAPPERS = ("state_dict", "params", "params_ema", "model", "net")
"""Keys under which published files hide the weights; several at once keep the first."""

PARALLEL = "module."
"""Prefix of every key that was saved from a data-parallel wrapper."""

MOST_BYTES = 2**31
"""Largest checkpoint that is read."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read the weights of a published checkpoint: tensors and plain values, no pickled code.

    Args:
        path: a `.pth` or `.pt` file, perhaps wrapped (`WRAPPERS`), perhaps saved in parallel.

    Returns:
        Tensors by their published names, without the prefix of the parallel wrapper.

    Raises:
        InputError: the file is missing, too large, damaged, or holds no weights.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such weights file")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: is larger than 2 GiB: give a checkpoint of the network alone")
    try:
        # UDVD's files keep their options in a Namespace, which holds values and runs nothing.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: is no readable checkpoint ({reason})") from None
    return _named_tensors(content, path)


def _named_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    for key in WRAPPERS:
        if isinstance(content, Mapping) and key in content:
            content = content[key]
            break
    if isinstance(content, list | tuple) and content:
        content = content[0]
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{path}: holds no weights by name")
    weights = {str(k).removeprefix(PARALLEL): v for k, v in content.items()}
    if not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"{path}: holds no weights by name")
    return weights


def fit_checkpoint(
    network: nn.Module, weights: Mapping[str, Tensor], path: Path, name: str
) -> None:
    """Put weights into a network, all of them or none, and make it ready for inference.

    Args:
        network: our architecture, with the published key names.
        weights: tensors by name.
        path: where they come from, for the error.
        name: the method, for the error.

    Raises:
        InputError: a key is missing, unknown, or of another shape; the first of each is named.
    """
    expected = network.state_dict()
    missing = [key for key in expected if key not in weights]
    unknown = [key for key in weights if key not in expected]
    misshapen = [
        f"{key} {tuple(weights[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in expected
        if key in weights and weights[key].shape != expected[key].shape
    ]
    faults = [
        f"{len(keys)} {what} (first: {keys[0]})"
        for what, keys in (
            ("keys missing", missing),
            ("keys unknown", unknown),
            ("shapes different", misshapen),
        )
        if keys
    ]
    if faults:
        raise InputError(f"{path}: does not fit {name}: {'; '.join(faults)}")
    network.load_state_dict(dict(weights))
    network.eval()


def count_blocks(weights: Mapping[str, Tensor], prefix: str) -> int:
    """Count the numbered blocks `prefix.0.…`, `prefix.1.…` among the keys."""
    start = prefix + "."
    numbers = {key[len(start) :].split(".")[0] for key in weights if key.startswith(start)}
    return len({number for number in numbers if number.isdigit()})
