"""The networks as ONNX graphs with named inputs; warping lies outside of them."""

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from f2r.models.draft import FOLD, DraftDenoiser, DraftState
from f2r.models.prior import Prior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import Aligned, TemporalEstimator

OPSET = 18
"""Version of the ONNX operators."""

Compute = Callable[..., Any]
"""Tensors in, a tensor or several out."""

MULTIPLE = 8
"""Height and width are multiples of this, pixels."""

EXAMPLE = {"batch": 2, "height": 4 * MULTIPLE, "width": 6 * MULTIPLE}
"""Sizes with which a network is traced; no two are alike, and none is one."""

SHORT = {"batch": "batch", "height": "h", "width": "w"}
"""Names of the free lengths in a graph, where an axis is for example 8 * h."""


@dataclass(frozen=True)
class Axis:
    """An axis of any length."""

    name: str
    """'batch', 'height' or 'width'."""
    divisor: int = 1
    """What the length is divided by."""

    def __str__(self) -> str:
        return self.name if self.divisor == 1 else f"{self.name} / {self.divisor}"


@dataclass(frozen=True)
class Port:
    """An input or an output of a graph."""

    name: str
    """Name in the graph."""
    axes: tuple[int | Axis, ...]
    """Length of each axis."""
    holds: str
    """Meaning, unit and range."""
    type: str = "float32"
    """Data type: float32 or bool."""

    def example(self) -> Tensor:
        """Give a tensor of this shape."""
        shape = [a if isinstance(a, int) else EXAMPLE[a.name] // a.divisor for a in self.axes]
        return torch.ones(shape, dtype=torch.bool if self.type == "bool" else torch.float32)

    def to_dict(self) -> dict[str, Any]:
        """Describe it as JSON values."""
        axes = [axis if isinstance(axis, int) else str(axis) for axis in self.axes]
        return {"name": self.name, "type": self.type, "axes": axes, "holds": self.holds}


@dataclass(frozen=True)
class Graph:
    """A network with the names of its inputs and outputs."""

    name: str
    """Name of the file without its extension."""
    purpose: str
    """What it computes."""
    network: nn.Module = field(repr=False)
    """Holds the weights."""
    compute: Compute = field(repr=False)
    """The computation."""
    inputs: tuple[Port, ...]
    """Arguments, in this order."""
    outputs: tuple[Port, ...]
    """Results."""

    def write(self, path: Path) -> None:
        """Write the graph with its weights, float32, to one file.

        Needs the packages onnx and onnxscript.
        """
        sizes = {axis: torch.export.Dim(name) for axis, name in SHORT.items()}
        with _quiet():
            torch.onnx.export(
                _Traced(self),
                tuple(port.example() for port in self.inputs),
                path,
                input_names=[port.name for port in self.inputs],
                output_names=[port.name for port in self.outputs],
                opset_version=OPSET,
                dynamic_shapes=(tuple(_dynamic(port, sizes) for port in self.inputs),),
                dynamo=True,
                external_data=False,
                verbose=False,
            )

    def to_dict(self) -> dict[str, Any]:
        """Describe it as JSON values."""
        return {
            "file": f"{self.name}.onnx",
            "computes": self.purpose,
            "inputs": [port.to_dict() for port in self.inputs],
            "outputs": [port.to_dict() for port in self.outputs],
        }


def graphs_of(
    prior: Prior, estimator: TemporalEstimator, refiner: SpatialRefiner, channels: int
) -> list[Graph]:
    """List the graphs of three networks: prior, encoder and decoder of stage 1, stage 2.

    Args:
        prior: image denoiser D.
        estimator: blind temporal estimator.
        refiner: spatial refiner.
        channels: C, 3 for pictures, 4 for packed raw.
    """
    noisy = _image("noisy", channels, "y, nominal range [0, 1], not clipped")
    sigma = _image("sigma", channels, "standard deviation of the noise, nominal units, >= 0")
    joint = _image("joint", 2 * channels, "z = cat(D(y), y - D(y)), nominal units")
    denoised = _image("denoised", channels, "D(y), nominal range [0, 1], not clipped")
    anchor = _image("anchor", channels, "x-, nominal range [0, 1], not clipped")
    refined = _image("refined", channels, "x~, nominal range [0, 1], not clipped")
    widths = estimator.config["encoded"]
    assert isinstance(widths, tuple)
    encoded = tuple(_image(f"features_{4 << k}", c, "", 4 << k) for k, c in enumerate(widths))
    return [
        Graph("prior", "the image prior D", prior, prior, (noisy, sigma), (denoised,)),
        Graph(
            "encoder", "features of a frame", estimator, estimator.encode, (joint, sigma), encoded
        ),
        Graph(
            "temporal",
            "stage 1, from the aligned neighbours",
            estimator,
            _decoder(estimator),
            (*_neighbours(joint, encoded, 2 * estimator.radius),),
            (anchor,),
        ),
        Graph("refiner", "stage 2", refiner, refiner, (anchor, joint, sigma), (refined,)),
    ]


def draft_graph(network: DraftDenoiser, channels: int) -> Graph:
    """Give the graph of the draft preset, which takes the aligned state of the frame before.

    Args:
        network: the recurrent network.
        channels: C, 3.
    """

    def compute(noisy: Tensor, level: Tensor, denoised: Tensor, memory: Tensor) -> DraftState:
        return network(noisy, level, DraftState(denoised, memory))

    aligned = "of the frame before, aligned to this one"
    inputs = (
        _image("noisy", channels, "y, nominal range [0, 1], not clipped"),
        _image("level", 1, "standard deviation of the noise, nominal units, >= 0", FOLD),
        _image("previous", channels, f"result {aligned}; y at the start of a shot"),
        _image("memory", network.memory, f"features {aligned}; 0 at the start of a shot", FOLD),
    )
    outputs = (
        _image("denoised", channels, "result, nominal range [0, 1], in [-0.5, 1.5]"),
        _image("next_memory", network.memory, "features for the next frame", FOLD),
    )
    return Graph("draft", "one frame from the result before", network, compute, inputs, outputs)


def _neighbours(joint: Port, encoded: Sequence[Port], count: int) -> Iterator[Port]:
    """List the inputs of stage 1: what a frame has, for each of its neighbours."""
    aligned = "of the neighbours, warped to the grid of the target, zero where there is none"

    def of_all(port: Port, holds: str) -> Port:
        return Port(port.name, (port.axes[0], count, *port.axes[1:]), holds)

    yield of_all(joint, f"z {aligned}")
    for port in encoded:
        yield of_all(port, f"features {aligned}")
    seen = _image("visible", 1, "")
    yield of_all(seen, "share of a pixel that the neighbour shows, in [0, 1]")
    yield Port("present", (Axis("batch"), count), "whether the neighbour exists", "bool")


def _image(name: str, channels: int, holds: str, divisor: int = 1) -> Port:
    sides = Axis("height", divisor), Axis("width", divisor)
    return Port(name, (Axis("batch"), channels, *sides), holds or f"features at 1/{divisor}")


def _decoder(estimator: TemporalEstimator) -> Compute:
    """Give stage 1 for features in the layout (B, N, C_k, H / 2^k, W / 2^k)."""

    def decode(joint: Tensor, *others: Tensor) -> Tensor:
        *features, visible, present = others
        channels_last = tuple(scale.permute(0, 3, 4, 1, 2) for scale in features)
        anchor: Tensor = estimator(Aligned(joint, channels_last, visible, present))
        return anchor

    return decode


class _Traced(nn.Module):
    """A computation with the network that holds its weights."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.network, self.compute = graph.network, graph.compute

    def forward(self, *inputs: Tensor) -> Any:
        """Compute the outputs of the graph."""
        return self.compute(*inputs)


def _dynamic(port: Port, sizes: dict[str, Any]) -> dict[int, Any]:
    """Give the axes of any length; sides are multiples of `MULTIPLE`."""
    found = {}
    for k, axis in enumerate(port.axes):
        if isinstance(axis, Axis):
            size = sizes[axis.name]
            found[k] = size if axis.name == "batch" else MULTIPLE // axis.divisor * size
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from warning about packages that are not needed."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
