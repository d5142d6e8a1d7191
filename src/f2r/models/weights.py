"""Weights files: safetensors with the configuration of the network in the metadata."""

import hashlib
import json
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from f2r.errors import InputError
from f2r.models.compact import compact, expand, stored_layout
from f2r.models.draft import DraftDenoiser
from f2r.models.layers import PICTURE, RAW, Network, channels_last
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.system.durable import write_durably

KINDS: dict[type[nn.Module], str] = {
    ImagePrior: "prior",
    TemporalEstimator: "temporal",
    SpatialRefiner: "refiner",
    DraftDenoiser: "draft",
}
"""Name of each network in the metadata and of its shipped file."""

LARGEST_OPTION = 1024
"""Largest width or depth that a file may ask for."""

MOST_LEVELS = 8
"""Most levels of a network that a file may ask for."""


def save_network(path: Path, network: nn.Module, facts: dict[str, str]) -> None:
    """Write the compressed weights of a network; configuration and `facts` become metadata."""
    config = json.dumps(network.config)
    metadata = {"kind": KINDS[type(network)], "config": config, "licence": "Apache-2.0"}
    content = save(compact(network.state_dict()), metadata=metadata | facts)
    write_durably(path, lambda partial: _write(partial, content))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def load_network(path: Path, kind: type[Network]) -> Network:
    """Read a network written by `save_network`.

    Raises:
        InputError: the file is missing or damaged, or holds weights of another network or of
            another version.
    """
    metadata = _metadata(path)
    if metadata.get("kind") != KINDS[kind]:
        found = metadata.get("kind", "unknown")
        raise InputError(f"{path}: holds '{found}' weights, '{KINDS[kind]}' weights are needed")
    config = read_config(path, metadata.get("config", ""))
    expected = stored_layout(on_meta(path, kind, config).state_dict())
    with safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        if {k: (s.get_dtype(), s.get_shape()) for k, s in slices.items()} != expected:
            raise _misfit(path)
        tensors = expand({name: file.get_tensor(name) for name in slices})
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise InputError(f"{path}: holds NaN or infinity: train these weights again")
    network = kind(**config)
    network.load_state_dict(tensors)
    return network


def on_meta(path: Path, kind: type[Network], config: dict[str, Any]) -> Network:
    """Build a network without memory for its weights, to check what a file claims.

    Raises:
        InputError: no network of this kind has these options.
    """
    try:
        with torch.device("meta"):
            return kind(**config)
    except (TypeError, ValueError, LookupError, RuntimeError, AttributeError):
        raise _misfit(path) from None


def _misfit(path: Path) -> InputError:
    return InputError(f"{path}: does not fit the networks of this version: train it again with it")


def _metadata(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise InputError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable weights file ({error})") from None


def read_config(path: Path, text: str) -> dict[str, Any]:
    """Read the options of a network from JSON: numbers and short lists of numbers within bounds.

    Args:
        path: the file, for errors.
        text: the JSON.

    Raises:
        InputError: the options are none.
    """
    try:
        values = json.loads(text)
        config = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    except (ValueError, AttributeError, RecursionError):
        raise _misfit(path) from None
    for value in config.values():
        numbers = value if isinstance(value, tuple) else (value,)
        sane = all(isinstance(n, int | float) and 0 <= n <= LARGEST_OPTION for n in numbers)
        if len(numbers) > MOST_LEVELS or not sane:
            raise _misfit(path)
    if config.get("channels") not in {PICTURE, RAW}:
        raise _misfit(path)
    return config


def check_weights_fit(network: nn.Module, path: Path, *, raw: bool) -> None:
    """Check that weights fit pictures or raw frames.

    Raises:
        InputError: the network is for pictures and `raw` is true, or the reverse.
    """
    options: Any = network.config
    if options["channels"] != (RAW if raw else PICTURE):
        made, seen = ("pictures", "raw") if raw else ("raw", "pictures")
        raise InputError(f"{path}: holds weights for {made}, {seen} need others")


def kind_of(path: Path) -> str:
    """Give the kind of a weights file: 'prior', 'temporal' or 'refiner'.

    Raises:
        InputError: the file cannot be read or is of no known kind.
    """
    kind = _metadata(path).get("kind", "unknown")
    if kind not in KINDS.values():
        raise InputError(f"{path}: holds '{kind}' weights: give a file that f2r train has made")
    return kind


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class WeightSet(StrEnum):
    """The sets of shipped weights, by the frames that they are for; the value is the folder."""

    PICTURES = ""
    """Pictures with unprocessed noise."""
    CODED = "coded"
    """Pictures with noise that went through a lossy codec."""
    RAW = "raw"
    """Packed raw frames."""
    SELF_SUPERVISED = "self-supervised"
    """Pictures; both stages never saw a clean frame. Taken only when asked for."""
    DRAFT = "draft"
    """Pictures, coded or not: the one network of the draft preset."""


def shipped_set(of: WeightSet) -> dict[str, Path]:
    """Give the files of a set of shipped weights by kind: 'draft' alone, or the three others."""
    is_draft = of is WeightSet.DRAFT
    kinds = [kind for kind in KINDS if (kind is DraftDenoiser) is is_draft]
    return {KINDS[kind]: shipped(kind, of) for kind in kinds}


def shipped(kind: type[nn.Module], of: WeightSet = WeightSet.PICTURES) -> Path:
    """Give the path of shipped weights."""
    folder = resources.files("f2r") / "weights" / of.value
    return Path(str(folder / f"{KINDS[kind]}.safetensors"))


def load_shipped(kind: type[Network], device: torch.device | None = None) -> Network:
    """Load a network with the shipped weights for pictures."""
    return channels_last(load_network(shipped(kind), kind)).to(device)


def load_prior(device: torch.device | None = None) -> ImagePrior:
    """Load the shipped image prior for inference, without gradients."""
    return load_shipped(ImagePrior, device).eval().requires_grad_(False)


def facts_of(path: Path) -> dict[str, str]:
    """Read the training facts of a weights file."""
    own = {"kind", "config", "licence"}
    return {key: value for key, value in _metadata(path).items() if key not in own}


def describe_file(path: Path) -> str:
    """Describe a weights file in one line: kind, size, training facts, SHA-256."""
    metadata = _metadata(path)
    facts = {k: v for k, v in metadata.items() if k not in {"kind", "config"}}
    listed = ", ".join(f"{key} {value}" for key, value in sorted(facts.items()))
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    return f"{metadata.get('kind')}, {size}, {listed}, sha256 {sha256_of(path)}"
