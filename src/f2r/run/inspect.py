"""Measure the noise of a clip and judge whether the method can work on it."""

from itertools import islice

import torch
from torch import Tensor

from f2r.flow.estimator import DisFlow
from f2r.io import FrameReader, open_reader
from f2r.io.raw.mosaic import Mosaic
from f2r.method.networks import Networks, load_networks
from f2r.method.planes import PlaneLayout, layout_of
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import PlaneStream
from f2r.noise.diagnose import diagnose
from f2r.noise.estimate import estimate_noise
from f2r.noise.normalise import normalise
from f2r.noise.plane_noise import PlaneNoise

FRAMES = 12
"""Frames that are looked at, from the start of the clip."""


def inspect_noise(source: str, mosaic: Mosaic | None = None) -> list[PlaneNoise]:
    """Measure the noise of each plane of a clip.

    Args:
        source: the clip.
        mosaic: what its samples mean, where they are raw and the file does not say so.

    Raises:
        InputError: the clip cannot be read.
    """
    with open_reader(source, mosaic=mosaic) as reader:
        return inspect_reader(reader)


def inspect_reader(reader: FrameReader) -> list[PlaneNoise]:
    """Measure the noise of each plane of an open clip, as `inspect_noise` does."""
    raw = reader.info.mosaic is not None
    networks = load_networks(None, torch.device("cpu"), raw=raw)
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
    return PlaneNoise(layout.name(index), estimate, diagnose(noisy, anchor, noise), scale)
