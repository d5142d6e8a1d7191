"""Render raw clips as sRGB video or pictures."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Frame, FrameReader, Source
from f2r.io.opening import open_reader, open_writer
from f2r.io.raw.mosaic import Mosaic
from f2r.isp.forward import Look, grey_world, render
from f2r.isp.network import load_isp

BALANCE_FRAMES = 4
"""Frames on which the white balance is measured if the file holds none."""


@dataclass(frozen=True)
class Rendered:
    """Result of a rendering."""

    frames: int
    """Number of frames."""
    white_balance: tuple[float, float] | None
    """Gains of red and blue; None with the ISP network."""
    losses: tuple[str, ...]
    """Properties that the output cannot keep, one sentence each."""


def render_file(
    source: str | Path,
    output: Path,
    look: Look,
    *,
    mosaic: Mosaic | None = None,
    isp: Path | None = None,
    overwrite: bool = False,
    on_frame: Callable[[int, int], None] = lambda _, __: None,
) -> Rendered:
    """Render a raw clip as sRGB.

    Args:
        source: the raw clip.
        output: video, folder of pictures, TIFF stack or `.npy`; the extension decides.
        look: exposure, white balance and tone curve.
        mosaic: pattern and levels of a bare mosaic.
        isp: weights of the CRVD ISP network, which then renders instead.
        overwrite: replace an existing output.
        on_frame: called with the number of finished frames and of all frames (0 if unknown).

    Raises:
        InputError: the clip is not raw, or input or output cannot be used.
    """
    with open_reader(source, mosaic=mosaic) as reader:
        if reader.info.mosaic is None:
            raise InputError(
                f"{source}: is not raw: give --pattern, --black and --white if it is a mosaic"
            )
        shown = reader.info.mosaic
        chosen = None if isp else choose_balance(reader, look)
        network = load_isp(isp) if isp else None
        with open_writer(
            output, _shown_info(reader.info, network is None), overwrite=overwrite
        ) as (writer):
            count = 0
            for count, frame in enumerate(reader, 1):
                packed = _as_batch(frame)
                picture = network.show(packed) if network else render(packed, shown, chosen or look)
                writer.write(_as_frame(picture))
                on_frame(count, reader.info.frames or 0)
            losses = writer.losses
    return Rendered(count, chosen.white_balance if chosen else None, losses)


def choose_balance(reader: FrameReader, look: Look) -> Look:
    """Choose the white balance: of `look`, else of the camera, else grey world."""
    assert reader.info.mosaic is not None
    gains = look.white_balance or reader.info.mosaic.white_balance
    if gains is None:
        sample = torch.cat([_as_batch(frame) for frame in islice(reader, BALANCE_FRAMES)])
        gains = grey_world(sample)
    return replace(look, white_balance=gains)


def render_alike(mosaic: Mosaic, first: Frame, *others: Frame) -> Iterator[Frame]:
    """Render packed frames with the white balance and exposure of the first."""
    packed = _as_batch(first)
    gains = mosaic.white_balance or grey_world(packed)
    high = float(np.quantile(first[..., 1:3], 0.99))
    stops = float(np.clip(-np.log2(max(high, 1e-3)), 0.0, 6.0))
    for frame in (first, *others):
        yield _as_frame(render(_as_batch(frame), mosaic, Look(stops, gains)))


def _shown_info(info: ClipInfo, turned: bool) -> ClipInfo:
    assert info.mosaic is not None
    height, width = 2 * info.height, 2 * info.width
    if turned and info.mosaic.orientation in {5, 6, 7, 8}:
        height, width = width, height
    return replace(
        info,
        height=height,
        width=width,
        channels=3,
        is_colour=True,
        bit_depth=8,
        dtype="uint8",
        scale=255.0,
        source=Source(info.source.path) if info.source else None,
        mosaic=None,
    )


def _as_batch(frame: Frame) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]


def _as_frame(picture: Tensor) -> Frame:
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())
