"""Weights on disk: safetensors with the network's configuration in the metadata, never a pickle."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from f2r.errors import InputError
from f2r.models.layers import Network, channels_last
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator

KINDS: dict[type[nn.Module], str] = {
    ImagePrior: "prior",
    TemporalEstimator: "temporal",
    SpatialRefiner: "refiner",
}
"""Name of each network in file metadata, and of its shipped file."""


def save_network(path: Path, network: nn.Module, facts: dict[str, str]) -> None:
    """Write a network's weights in float16 with its configuration and `facts` as metadata."""
    tensors = {k: v.detach().half().cpu().contiguous() for k, v in network.state_dict().items()}
    config = json.dumps(network.config)
    metadata = {"kind": KINDS[type(network)], "config": config, "licence": "Apache-2.0"}
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata=metadata | facts)
    partial.replace(path)


def load_network(path: Path, kind: type[Network]) -> Network:
    """Read a network written by `save_network`.

    Raises:
        InputError: the file is missing, damaged, or holds another network.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable weights file ({error})") from None
    if metadata.get("kind") != KINDS[kind]:
        found = metadata.get("kind", "unknown")
        raise InputError(f"{path}: holds '{found}' weights, '{KINDS[kind]}' weights are needed")
    network = kind(**_config(metadata))
    network.load_state_dict(tensors)
    return network


def _config(metadata: dict[str, str]) -> dict[str, Any]:
    values = json.loads(metadata["config"])
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def shipped(kind: type[nn.Module]) -> Path:
    """Give the path of the weights that come with the package."""
    return Path(str(resources.files("f2r") / "weights" / f"{KINDS[kind]}.safetensors"))


def load_shipped(kind: type[Network], device: torch.device | None = None) -> Network:
    """Load a network with the weights that come with the package."""
    return channels_last(load_network(shipped(kind), kind)).to(device)


def load_prior(device: torch.device | None = None) -> ImagePrior:
    """Load the shipped image prior D, ready for inference."""
    return load_shipped(ImagePrior, device).eval().requires_grad_(False)


def describe_shipped() -> list[str]:
    """Say which weights come with the package: name, size, facts of their training."""
    lines = []
    for name in KINDS.values():
        path = Path(str(resources.files("f2r") / "weights" / f"{name}.safetensors"))
        with safe_open(path, framework="pt") as file:
            facts = {
                k: v for k, v in (file.metadata() or {}).items() if k not in {"kind", "config"}
            }
        listed = ", ".join(f"{key} {value}" for key, value in sorted(facts.items()))
        lines.append(f"{name}, {path.stat().st_size / 1e6:.1f} MB, {listed}")
    return lines
