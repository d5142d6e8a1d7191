"""The methods by the names that the command line knows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from f2r.errors import InputError
from f2r.models.weights import WeightSet
from f2r_bench.methods.classical import Classical
from f2r_bench.methods.deepflow import DeepFlow
from f2r_bench.methods.draft import Draft
from f2r_bench.methods.dvdnet import DvdFrames, DvdNet
from f2r_bench.methods.fastdvdnet import FastDvdNet
from f2r_bench.methods.flornn import FloRnn
from f2r_bench.methods.frames2residual import FramesToResidual
from f2r_bench.methods.method import Method
from f2r_bench.methods.nafnet import NafNet
from f2r_bench.methods.plain import Noisy, Prior
from f2r_bench.methods.tap import Tap
from f2r_bench.methods.udvd import SLIM_WIDTH, WIDTH, Udvd
from f2r_bench.methods.video_noise2noise import VideoNoise2Noise


@dataclass(frozen=True)
class Resources:
    """What methods are made from."""

    device: torch.device
    """Where to compute."""
    weights: Mapping[str, Path] = field(default_factory=dict)
    """Checkpoints by name: that of the method; for DVDnet `dvdnet-spatial` and `dvdnet-temporal`;
    `prior` for other weights of ours."""

    def need(self, name: str) -> Path:
        """Give the checkpoint of that name, or say how to pass it."""
        if name not in self.weights:
            raise InputError(
                f"method {name.partition('-')[0]} needs the authors' checkpoint: "
                f"--weights {name}=FILE"
            )
        return self.weights[name]

    def dvdnet(self) -> tuple[torch.device, Path, Path]:
        """Give what DVDnet is made from."""
        return self.device, self.need("dvdnet-spatial"), self.need("dvdnet-temporal")


METHODS: dict[str, Callable[[Resources], Method]] = {
    "noisy": lambda _: Noisy(),
    "prior": lambda r: Prior(r.device, r.weights.get("prior")),
    "f2r": lambda r: FramesToResidual(r.device),
    "f2r-fast": lambda r: FramesToResidual(r.device, trains=False),
    "f2r-draft": lambda r: Draft(r.device),
    "f2r-self-supervised": lambda r: FramesToResidual(r.device, weights=WeightSet.SELF_SUPERVISED),
    "f2r-fast-self-supervised": lambda r: FramesToResidual(
        r.device, False, WeightSet.SELF_SUPERVISED
    ),
    "video-noise2noise": lambda r: VideoNoise2Noise(r.device),
    "udvd": lambda r: Udvd(r.device, WIDTH, r.weights.get("udvd")),
    "udvd-slim": lambda r: Udvd(r.device, SLIM_WIDTH),
    "tap": lambda r: Tap(r.device),
    "dvdnet-frames": lambda r: DvdFrames(r.device, r.need("dvdnet-spatial")),
    "dvdnet": lambda r: DvdNet(*r.dvdnet()),
    "dvdnet-deepflow": lambda r: DvdNet(*r.dvdnet(), DeepFlow(), "dvdnet-deepflow"),
    "fastdvdnet": lambda r: FastDvdNet(r.device, r.need("fastdvdnet")),
    "flornn": lambda r: FloRnn(r.device, r.need("flornn")),
    "nafnet": lambda r: NafNet(r.device, r.need("nafnet")),
    "bm3d": lambda _: Classical("bm3d"),
    "bm4d": lambda _: Classical("bm4d"),
}
"""How each method is made."""

WEIGHTS = ("prior", "udvd", "dvdnet-spatial", "dvdnet-temporal", "fastdvdnet", "flornn", "nafnet")
"""Names of the checkpoints that can be given."""


def read_weights(pairs: Sequence[str]) -> dict[str, Path]:
    """Read options of the form NAME=FILE.

    Raises:
        InputError: an option has another form.
    """
    weights = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if not (name and equals and file):
            raise InputError(f"--weights {pair}: give NAME=FILE")
        weights[name] = Path(file)
    return weights


def build_methods(names: Sequence[str], resources: Resources) -> list[Method]:
    """Make the methods, each ready to run.

    Raises:
        InputError: a method or a checkpoint is unknown, missing, or does not fit.
    """
    for name in names:
        if name not in METHODS:
            raise InputError(f"method '{name}' is unknown: choose among {', '.join(METHODS)}")
    for name in resources.weights:
        if name not in WEIGHTS:
            raise InputError(f"weights '{name}' are unknown: name one of {', '.join(WEIGHTS)}")
    return [METHODS[name](resources) for name in dict.fromkeys(names)]
