"""Measure the noise of a clip and judge whether the method can work on it."""

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from f2r.flow.estimator import DisFlow
from f2r.io import FrameReader, open_reader
from f2r.io.raw.mosaic import Mosaic
from f2r.method.networks import load_networks
from f2r.method.planes import PlaneLayout, layout_of
from f2r.method.preprocess import Preprocessor
from f2r.method.stream import Networks, PlaneStream
from f2r.noise.diagnose import Diagnosis, diagnose
from f2r.noise.estimate import estimate_noise
from f2r.noise.evidence import NoiseEstimate
from f2r.noise.normalise import normalise

FRAMES = 12
"""Frames that are looked at, from the start of the clip."""
SIDE = 1448
"""Rows and columns that are looked at, in the middle of larger frames."""


@dataclass(frozen=True)
class PlaneNoise:
    """The noise of one plane of a clip."""

    name: str
    """'colour', 'grey', 'channel N' or 'raw'."""
    estimate: NoiseEstimate
    """Fitted model and its evidence."""
    diagnosis: Diagnosis
    """Which assumptions hold, judged against the anchor of the shipped stage 1; levels are
    multiplied by `scale`."""
    scale: float
    """What levels were multiplied by before they were judged."""

    def measures(self) -> list[tuple[str, str]]:
        """Name every figure and write it, in 8-bit units."""
        found, judged = self.estimate.evidence, self.diagnosis
        fixed, near = judged.fixed_pattern, judged.autocorrelation
        y, x = near.shape[0] // 2, near.shape[1] // 2
        beside = (near[y, x + 1] + near[y + 1, x]) / 2
        return [
            ("noise, root mean square", f"{255 * self.estimate.sigma:.2f} of 255"),
            ("found over predicted", f"{judged.level:.2f}"),
            ("fit of variance, misfit", f"{100 * found.misfit:.0f} %"),
            ("next pixels", f"{float(beside):.2f}"),
            ("channels", f"{found.channels:.2f}"),
            ("next frames", _number(judged.frames)),
            ("fixed pattern", "?" if fixed is None else f"{255 * fixed / self.scale:.2f} of 255"),
            ("hot or dead pixels", str(int(judged.hot.any(0).sum()))),
            (
                "at black, at white",
                f"{_share(found.limits.low_share)}, {_share(found.limits.high_share)}",
            ),
        ]

    def advice(self) -> str:
        """Say in one line what to do."""
        if self.estimate.is_noise_free:
            return "hardly any noise: nothing needs to be removed"
        if self.diagnosis.holds:
            return "F2R can work on this clip: run f2r denoise as it is"
        if self.diagnosis.frames is None:
            return "only the image prior can work on a single frame; give a clip"
        return "f2r denoise will work, less well where an assumption fails; do what is said above"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def inspect_noise(source: str, mosaic: Mosaic | None = None) -> list[PlaneNoise]:
    """Measure the noise of each plane of a clip.

    Args:
        source: the clip.
        mosaic: what its samples mean, where they are raw and the file does not say so.

    Raises:
        InputError: the clip cannot be read.
    """
    with open_reader(source, mosaic=mosaic, counts_to_nominal=True) as reader:
        return inspect_reader(reader)


def inspect_reader(reader: FrameReader) -> list[PlaneNoise]:
    """Measure the noise of each plane of an open clip, as `inspect_noise` does."""
    raw = reader.info.mosaic is not None
    networks = load_networks(None, torch.device("cpu"), raw=raw)
    rows, columns = (_middle(side) for side in (reader.info.height, reader.info.width))
    height, width = rows.stop - rows.start, columns.stop - columns.start
    layout = layout_of(replace(reader.info, height=height, width=width))
    frames = [
        layout.split(np.ascontiguousarray(frame[rows, columns])) for frame in islice(reader, FRAMES)
    ]
    return [
        _inspect_plane([planes[k] for planes in frames], layout, k, networks)
        for k in range(len(layout.groups))
    ]


def _middle(side: int) -> slice:
    start = max(0, (side - SIDE) // 2)
    return slice(start, min(side, start + SIDE))


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
