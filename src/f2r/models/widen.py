"""Extend networks for pictures to the four channels of raw, as a start for training.

Both greens of packed raw take over the weights of the green of a picture: halved at the input,
unchanged at the output.
"""

from typing import Any

from torch import Tensor, nn

from f2r.models.layers import PICTURE, RAW, Network, channels_last
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator

Picks = list[tuple[int, float]]
"""Per new channel: index of the old channel and the factor of its weights."""


def widen(network: Network) -> Network:
    """Extend a network for pictures to raw; a network for raw is returned unchanged."""
    options: Any = network.config
    if options["channels"] == RAW:
        return network
    wide = type(network)(**options | {"channels": RAW})
    state = network.state_dict()
    for name, layout in _inputs(network).items():
        old, share = zip(*_picks(layout, 0.5), strict=True)
        weight = state[f"{name}.weight"]
        state[f"{name}.weight"] = weight[:, list(old)] * weight.new_tensor(share).view(1, -1, 1, 1)
    for name, layout in _outputs(network).items():
        old, _ = zip(*_picks(layout, 1.0), strict=True)
        for part in (f"{name}.weight", f"{name}.bias"):
            fours: Tensor = state[part].unflatten(0, (-1, 4))  # the 2 x 2 pixels of a channel
            state[part] = fours[list(old)].flatten(0, 1)
    wide.load_state_dict(state)
    return channels_last(wide)


def _inputs(network: nn.Module) -> dict[str, list[int]]:
    """List the channel counts of the inputs of each first layer; PICTURE is extended."""
    if isinstance(network, ImagePrior):
        return {"net.head": [PICTURE] * 2}
    if isinstance(network, SpatialRefiner):
        return {"net.head": [PICTURE] * 4}
    assert isinstance(network, TemporalEstimator)
    neighbours = [PICTURE, PICTURE, 1] * 2 * network.radius
    return {"encoder.head": [PICTURE] * 3, "net.head": neighbours}


def _outputs(network: nn.Module) -> dict[str, list[int]]:
    """List the same for the last layer: scores of one channel each, then the frame."""
    if isinstance(network, ImagePrior):
        return {"net.tail": [PICTURE]}
    if isinstance(network, SpatialRefiner):
        return {"net.tail": [1, 1, 1, PICTURE]}
    assert isinstance(network, TemporalEstimator)
    return {"net.tail": [*[1] * 4 * network.radius, PICTURE]}


def _picks(layout: list[int], green: float) -> Picks:
    picks: Picks = []
    start = 0
    for count in layout:
        places = [0, 1, 1, 2] if count == PICTURE else list(range(count))
        shares = [1.0, green, green, 1.0] if count == PICTURE else [1.0] * count
        picks += [(start + place, share) for place, share in zip(places, shares, strict=True)]
        start += count
    return picks
