"""Measure the noise of a clip and judge whether the method can work on it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from f2r.flow.estimator import DisFlow
from f2r.io import FrameReader, open_reader
from f2r.io.raw.mosaic import Mosaic
from f2r.method.networks import Networks, load_networks
from f2r.method.planes import PlaneLayout, layout_of
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import PlaneStream, run_through
from f2r.models.weights import WeightSet
from f2r.noise.coded import estimate_coded_noise
from f2r.noise.diagnose import diagnose
from f2r.noise.estimate import estimate_noise
from f2r.noise.normalise import normalise
from f2r.noise.plane_noise import PlaneNoise

INSPECTED = 12
"""Frames that are measured, from the start of the clip."""
INSPECTED_SIDE = 1448
"""Rows and columns that are measured, in the middle of larger frames."""


def inspect_noise(
    source: str,
    mosaic: Mosaic | None = None,
    *,
    axes: str | None = None,
    skip_corrupt: bool = False,
    announce: Callable[[str], None] = lambda _: None,
) -> list[PlaneNoise]:
    """Measure the noise of each plane of a clip.

    Args:
        source: the clip.
        mosaic: pattern and levels of raw samples, if the file does not hold them.
        axes: names of the axes of a TIFF or `.npy`, such as 'YXT'.
        skip_corrupt: leave damaged video packets and pictures out instead of stopping at them.
        announce: receives sentences on what is doubtful about the clip.

    Raises:
        InputError: the clip cannot be read.
    """
    opened = open_reader(
        source, mosaic=mosaic, axes=axes, skip_corrupt=skip_corrupt, counts_to_nominal=True
    )
    with opened as reader:
        for doubt in reader.info.source.doubts if reader.info.source else ():
            announce(f"warning: {doubt}")
        return inspect_reader(reader)


def inspect_reader(reader: FrameReader, side: int | None = None) -> list[PlaneNoise]:
    """Measure the noise of each plane of an open clip, as `inspect_noise` does.

    Args:
        reader: the clip.
        side: rows and columns that are measured, in the middle of larger frames; default: 1448.
    """
    coding = reader.info.coding
    raw = WeightSet.RAW if reader.info.mosaic is not None else WeightSet.PICTURES
    networks = load_networks(None, torch.device("cpu"), raw if coding is None else WeightSet.CODED)
    rows, columns = (
        _middle(length, side or INSPECTED_SIDE)
        for length in (reader.info.height, reader.info.width)
    )
    height, width = rows.stop - rows.start, columns.stop - columns.start
    layout = layout_of(replace(reader.info, height=height, width=width))
    frames = [
        layout.split(np.ascontiguousarray(frame[rows, columns]))
        for frame in islice(reader, INSPECTED)
    ]
    return [
        _inspect_plane([planes[k] for planes in frames], layout, k, networks, coding)
        for k in range(len(layout.groups))
    ]


def _middle(length: int, side: int) -> slice:
    start = max(0, (length - side) // 2)
    return slice(start, min(length, start + side))


def _inspect_plane(
    frames: list[Tensor],
    layout: PlaneLayout,
    index: int,
    networks: Networks,
    coding: str | None,
) -> PlaneNoise:
    channels = len(layout.groups[index])
    cut = (slice(channels), slice(layout.height), slice(layout.width))
    seen = [frame[cut] for frame in frames]
    estimate = estimate_noise(seen)
    scale, noise = normalise(seen, estimate.model)
    stream = PlaneStream(networks, Preprocessor(networks.prior, noise, DisFlow()))
    estimates = list(run_through(stream, (stream.prepare(scale * frame) for frame in frames)))
    noisy = torch.stack([e.noisy[cut] for e in estimates])
    anchor = torch.stack([e.anchor[cut] for e in estimates])
    diagnosis = diagnose(noisy, anchor, noise)
    coded = None if coding is None else estimate_coded_noise(torch.stack(seen))
    return PlaneNoise(layout.name(index), estimate, diagnosis, scale, coding, coded)
