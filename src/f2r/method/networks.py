"""The networks of a run: shipped ones or the user's."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch

from f2r.errors import InputError
from f2r.method.two_pass_flow import LATE
from f2r.models.draft import DraftDenoiser
from f2r.models.given_prior import DenoiseImages, GivenPrior
from f2r.models.layers import Network, channels_last
from f2r.models.prior import ImagePrior, Prior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import (
    KINDS,
    WeightSet,
    check_weights_fit,
    kind_of,
    load_network,
    sha256_of,
    shipped,
    shipped_set,
)
from f2r.models.widen import widen


@dataclass(frozen=True)
class Networks:
    """The networks of the method."""

    prior: Prior
    """D, frozen."""
    temporal: TemporalEstimator
    """f_theta, stage 1."""
    refiner: SpatialRefiner
    """g_phi, stage 2."""

    @property
    def lookahead(self) -> int:
        """Frames on either side on which the estimate of a frame depends."""
        return self.temporal.radius + LATE


RunNetworks: TypeAlias = Networks | DraftDenoiser
"""The networks of a run: those of the method, or the one of the draft preset."""


def own_weights(given: str | Path | None) -> dict[str, Path]:
    """Find the weight files that were asked for, by kind: 'prior', 'temporal', 'refiner', 'draft'.

    Args:
        given: one file, or a folder that holds files of these names, `.safetensors`; or
            'self-supervised' for the shipped set of that name; None gives no files.

    Raises:
        InputError: there is no such file, or the folder holds none.
    """
    if given is None:
        return {}
    if given == WeightSet.SELF_SUPERVISED:
        return shipped_set(WeightSet.SELF_SUPERVISED)
    path = Path(given)
    if not path.is_dir():
        return {kind_of(path): path}
    found = {kind: path / f"{kind}.safetensors" for kind in KINDS.values()}
    found = {kind: file for kind, file in found.items() if file.is_file()}
    if not found:
        names = ", ".join(f"{kind}.safetensors" for kind in KINDS.values())
        raise InputError(f"{path}: holds no weights: give a file, or a folder with {names}")
    return found


def load_run(
    given: str | Path | None,
    device: torch.device,
    of: WeightSet,
    denoise: DenoiseImages | None = None,
) -> RunNetworks:
    """Load the networks of a run, ready for inference; see `load_networks`, `load_draft`.

    Raises:
        InputError: a file cannot be read or does not fit, or an image denoiser is given for a
            draft, which has no prior.
    """
    if of is not WeightSet.DRAFT:
        return load_networks(given, device, of, denoise=denoise)
    if denoise is not None:
        raise InputError("prior: a draft has none: leave it out, or use preset fast")
    return load_draft(given, device)


def load_draft(given: str | Path | None, device: torch.device) -> DraftDenoiser:
    """Load the network of the draft preset, ready for inference.

    Args:
        given: as for `own_weights`; None takes the shipped one.
        device: where to put it.

    Raises:
        InputError: the file cannot be read or does not fit, or holds other networks only.
    """
    own = own_weights(given)
    if own and KINDS[DraftDenoiser] not in own:
        raise InputError(f"{given}: holds no weights for a draft: leave them out, or use fast")
    path = own.get(KINDS[DraftDenoiser], shipped(DraftDenoiser, WeightSet.DRAFT))
    network = load_network(path, DraftDenoiser)
    check_weights_fit(network, path, raw=False)
    return channels_last(network).to(device).eval()


def load_networks(
    given: str | Path | None,
    device: torch.device,
    of: WeightSet = WeightSet.PICTURES,
    *,
    widens: bool = False,
    denoise: DenoiseImages | None = None,
) -> Networks:
    """Load the three networks, ready for inference; those not given are the shipped ones.

    Args:
        given: as for `own_weights`.
        device: where to put them.
        of: which frames the networks are for; no draft.
        denoise: the user's own image denoiser, which becomes the prior.
        widens: weights for pictures are given a fourth channel where raw needs it, to be trained.

    Raises:
        InputError: a file cannot be read or does not fit.
    """
    own, raw = own_weights(given), of is WeightSet.RAW

    def load(kind: type[Network]) -> Network:
        path = own.get(KINDS[kind], shipped(kind, of))
        network = load_network(path, kind)
        network = widen(network) if raw and widens else network
        check_weights_fit(network, path, raw=raw)
        return channels_last(network).to(device).eval()

    prior: Prior
    if denoise is None:
        prior = load(ImagePrior).requires_grad_(False)
    else:
        prior = GivenPrior(denoise).to(device)
    return Networks(prior, load(TemporalEstimator), load(SpatialRefiner))


def describe_networks(
    given: str | Path | None,
    of: WeightSet = WeightSet.PICTURES,
    denoise: DenoiseImages | None = None,
) -> dict[str, dict[str, str]]:
    """List the file of each network: name and SHA-256, by kind."""
    own = own_weights(given)
    described = {}
    for name, file in shipped_set(of).items():
        if name == KINDS[ImagePrior] and denoise is not None:
            described[name] = {"origin": "own", "function": type(denoise).__name__}
            continue
        path = own.get(name, file)
        origin = _origin(given if name in own else None, of)
        described[name] = {"file": path.name, "origin": origin, "sha256": sha256_of(path)}
    return described


def _origin(given: str | Path | None, of: WeightSet) -> str:
    """Name the set of weights that a file belongs to."""
    if given is None:
        return f"shipped for {of}" if of else "shipped"
    return "shipped, self-supervised" if given == WeightSet.SELF_SUPERVISED else "own"
