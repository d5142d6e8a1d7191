"""The file of a fitted model: safetensors, with decisions and options as JSON in its metadata."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from f2r import __version__
from f2r.config import DenoiseConfig
from f2r.errors import InputError, reading
from f2r.io.output import claim_file
from f2r.io.raw.mosaic import Mosaic
from f2r.method.networks import Networks, RunNetworks
from f2r.models.draft import DraftDenoiser
from f2r.models.given_prior import DenoiseImages, GivenPrior
from f2r.models.layers import Network, channels_last
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import KINDS, on_meta, read_config
from f2r.run.decide import PlaneDecision
from f2r.run.model import Model, Subject
from f2r.run.repair import Defects
from f2r.system.device import choose_device

FORMAT = "f2r-model"
"""Kind of the file in its metadata."""

VERSION = "1"
"""Version of the format; files of others are refused."""

BLANK = "0" * 64
"""Placeholder for the SHA-256 while it is computed."""

LARGEST_MODEL = 2**29
"""Bytes of the largest file that is read."""

ADVICE = "copy it again, or fit the model again"


def save_model(model: Model, path: Path, *, overwrite: bool) -> None:
    """Write a model; see `Model.save`."""
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "made_by": f"F2R {__version__}",
        "sha256": BLANK,
        "model": json.dumps(_content(model)),
    }
    for name, network in _stored(model.networks).items():
        metadata[f"{name}.config"] = json.dumps(network.config)
    content = save_tensors(_tensors(model), metadata=metadata)
    digest = hashlib.sha256(content).hexdigest()
    sealed = content.replace(BLANK.encode(), digest.encode(), 1)
    claim = claim_file(path, "-", overwrite=overwrite)
    try:
        claim.write(path, lambda part: _write(part, sealed))
    finally:
        claim.release()


def load_model(
    path: str | Path, *, device: str = "auto", prior: DenoiseImages | None = None
) -> Model:
    """Read a model that `Model.save` wrote.

    Args:
        path: the file.
        device: where to compute: auto, cpu, cuda or mps.
        prior: the image denoiser of a model that was fitted with one of the user's own.

    Returns:
        The model, which gives the same frames as the saved one.

    Raises:
        InputError: the file is missing, damaged, of another version or no model; the prior is
            missing or not wanted.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such model file")
    with reading(path, ADVICE):
        metadata, tensors = _read_file(path)
        content = json.loads(metadata["model"])
        if content["needs_prior"] != (prior is not None):
            raise InputError(
                f"{path}: was fitted with {'a' if content['needs_prior'] else 'no'} prior of the "
                "user's own: load it the same way"
            )
        config = DenoiseConfig.from_dict({**content["config"], "device": device})
        networks = _networks(path, metadata, tensors, prior, choose_device(device))
        decisions = [PlaneDecision.from_dict(one) for one in content["decisions"]]
        subject = _subject(content["subject"], tensors)
    if len(decisions) != len(subject.groups):
        raise InputError(f"{path}: its decisions do not fit its planes: {ADVICE}")
    return Model(config, subject, decisions, networks, content["report"])


def _content(model: Model) -> dict[str, Any]:
    mosaic = model.subject.mosaic
    return {
        "config": model.config.to_report(),
        "decisions": [decision.to_dict() for decision in model.decisions],
        "subject": {
            "groups": model.subject.groups,
            "mosaic": None if mosaic is None else asdict(mosaic),
            "units": model.subject.units,
        },
        "needs_prior": any(isinstance(one, GivenPrior) for one in _networks_of(model.networks)),
        "report": dict(model.report),
    }


def _networks_of(networks: RunNetworks) -> tuple[Any, ...]:
    if isinstance(networks, DraftDenoiser):
        return (networks,)
    return networks.prior, networks.temporal, networks.refiner


def _stored(networks: RunNetworks) -> dict[str, Any]:
    """Give the networks whose weights go into the file; a user's own prior does not."""
    return {KINDS[type(one)]: one for one in _networks_of(networks) if type(one) in KINDS}


def _tensors(model: Model) -> dict[str, Tensor]:
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in _stored(model.networks).items()
        for key, value in network.state_dict().items()
    }
    defects = model.subject.defects
    found = {"hot": defects.hot, "offsets": defects.offsets} if defects else {}
    return tensors | {f"defects.{k}": v.contiguous() for k, v in found.items() if v is not None}


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _read_file(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read and verify metadata and tensors of a model file."""
    if path.stat().st_size > LARGEST_MODEL:
        raise InputError(f"{path}: is too large for a model: {ADVICE}")
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path}: is no fitted model: give a file that Model.save has written")
    if metadata.get("version") != VERSION:
        raise InputError(
            f"{path}: has version {metadata.get('version')} of the format, this F2R reads version "
            f"{VERSION}: fit the model again"
        )
    content, digest = path.read_bytes(), metadata.get("sha256", "")
    blank = content.replace(digest.encode(), BLANK.encode(), 1)
    if hashlib.sha256(blank).hexdigest() != digest:
        raise InputError(f"{path}: is damaged (its checksum is wrong): {ADVICE}")
    return metadata, load_tensors(content)


def _networks(
    path: Path,
    metadata: Mapping[str, str],
    tensors: Mapping[str, Tensor],
    prior: DenoiseImages | None,
    device: torch.device,
) -> RunNetworks:
    def build(kind: type[Network]) -> Network:
        name = KINDS[kind]
        config = read_config(path, metadata.get(f"{name}.config", ""))
        own = {
            k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")
        }
        expected = {k: v.shape for k, v in on_meta(path, kind, config).state_dict().items()}
        if {k: v.shape for k, v in own.items()} != expected:
            raise InputError(f"{path}: its weights do not fit this version: fit the model again")
        network = kind(**config)
        network.load_state_dict(own)
        return channels_last(network).to(device).eval()

    if f"{KINDS[DraftDenoiser]}.config" in metadata:
        return build(DraftDenoiser)
    if prior is None:
        chosen: Any = build(ImagePrior).requires_grad_(False)
    else:
        chosen = GivenPrior(prior).to(device)
    return Networks(chosen, build(TemporalEstimator), build(SpatialRefiner))


def _subject(content: dict[str, Any], tensors: Mapping[str, Tensor]) -> Subject:
    mosaic = content["mosaic"]
    hot, offsets = tensors.get("defects.hot"), tensors.get("defects.offsets")
    return Subject(
        tuple(tuple(group) for group in content["groups"]),
        None if mosaic is None else _mosaic(mosaic),
        float(content["units"]),
        None if hot is None and offsets is None else Defects(hot, offsets),
    )


def _mosaic(values: dict[str, Any]) -> Mosaic:
    """Build a mosaic from JSON, which has lists instead of tuples."""
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Mosaic(**plain | {"matrix": tuple(tuple(row) for row in values["matrix"])})
