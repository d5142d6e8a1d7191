"""Measure the noise of a clip and judge whether the method can work on it."""

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from f2r.flow.estimator import DisFlow
from f2r.infer.planes import PlaneLayout, layout_of
from f2r.infer.stream import Networks, PlaneStream
from f2r.io import open_reader
from f2r.levels import normalise
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_prior, load_shipped
from f2r.noise.diagnose import Diagnosis, diagnose
from f2r.noise.estimate import estimate_noise
from f2r.noise.evidence import NoiseEstimate
from f2r.preprocess import Preprocessor
from f2r.raw.mosaic import Mosaic

FRAMES = 12
"""Frames that are looked at, from the start of the clip."""


@dataclass(frozen=True)
class PlaneNoise:
    """The noise of one plane of a clip."""

    name: str
    """'colour', 'grey', 'channel N' or, of raw clips, the colours."""
    estimate: NoiseEstimate
    """Fitted model and its evidence."""
    diagnosis: Diagnosis
    """Which assumptions hold, judged against the anchor of the shipped stage 1."""


def inspect_noise(source: str, mosaic: Mosaic | None = None) -> list[PlaneNoise]:
    """Measure the noise of each plane of a clip.

    Args:
        source: the clip.
        mosaic: what its samples mean, where they are raw and the file does not say so.

    Raises:
        InputError: the clip cannot be read.
    """
    networks = Networks(
        load_prior(), load_shipped(TemporalEstimator).eval(), load_shipped(SpatialRefiner).eval()
    )
    with open_reader(source, mosaic=mosaic) as reader:
        layout = layout_of(reader.info)
        frames = [layout.split(frame) for frame in islice(reader, FRAMES)]
    return [
        _inspect_plane([planes[k] for planes in frames], layout, k, networks)
        for k in range(len(layout.groups))
    ]


def _inspect_plane(
    frames: list[Tensor], layout: PlaneLayout, index: int, networks: Networks
) -> PlaneNoise:
    channels = len(layout.groups[index])
    cut = (slice(channels), slice(layout.height), slice(layout.width))
    seen = [frame[cut] for frame in frames]
    estimate = estimate_noise(seen)
    scale, noise = normalise(seen, estimate.model)
    stream = PlaneStream(networks, Preprocessor(networks.prior, noise, DisFlow()))
    estimates = [e for frame in frames for e in stream.push(scale * frame)]
    estimates += stream.finish()
    noisy = torch.stack([e.noisy[cut] for e in estimates])
    anchor = torch.stack([e.anchor[cut] for e in estimates])
    return PlaneNoise(layout.name(index), estimate, diagnose(noisy, anchor, noise))
