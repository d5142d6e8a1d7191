"""Decoded video pictures to nominal RGB or grey, and back, without rounding or clipping.

swscale clips to [0, 1], which biases the noise at black and white. Here the
matrix is applied in float32; chroma is repeated to full resolution and averaged back, so that an
unchanged frame returns to exactly the samples that it came from.

Source: ITU-R BT.601, BT.709 and BT.2020 (matrix coefficients, quantisation ranges), ITU-T H.273.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.clip import Frame, Samples

DEPTHS = (8, 9, 10, 12, 14, 16)
SUBSAMPLINGS = {
    (1, 1): "444",
    (2, 1): "422",
    (2, 2): "420",
    (1, 2): "440",
    (4, 1): "411",
    (4, 4): "410",
}
LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
"""(Kr, Kb) by matrix coefficients of H.273."""
BT709, UNSPECIFIED, BT601 = 1, 2, 6
LIMITED, FULL = 1, 2
"""Values of `color_range`."""


@dataclass(frozen=True)
class PixelLayout:
    """What the samples of a pixel format mean; names the planar format that F2R works on."""

    family: Literal["grey", "rgb", "yuv"]
    depth: int
    """Bits of a sample."""
    subsampling: tuple[int, int] = (1, 1)
    """Luma samples per chroma sample, across and down."""
    has_alpha: bool = False
    is_full: bool = False
    """The format's name itself says full range (yuvj...)."""

    @property
    def name(self) -> str:
        """FFmpeg's name of the planar format without alpha."""
        stem = {"grey": "gray", "rgb": "gbrp"}.get(self.family)
        if stem is None:
            stem = f"yuv{SUBSAMPLINGS[self.subsampling]}p"
        return stem if self.depth == 8 else f"{stem}{self.depth}le"

    @property
    def channels(self) -> int:
        """Channels of a frame: 1 or 3."""
        return 1 if self.family == "grey" else 3

    @property
    def peak(self) -> int:
        """Largest sample value."""
        return (1 << self.depth) - 1

    @property
    def dtype(self) -> type[np.unsignedinteger[Any]]:
        """Type that holds a sample."""
        return np.uint8 if self.depth == 8 else np.uint16


@dataclass(frozen=True)
class Colour:
    """How samples become colours, by the numbers of H.273 and FFmpeg."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = 0
    """0 unspecified, 1 limited, 2 full."""


@lru_cache(maxsize=64)
def parse_layout(name: str) -> PixelLayout:
    """Describe FFmpeg's pixel format `name`.

    Raises:
        InputError: the format is none that F2R can take apart (Bayer, float, ...).
    """
    pixel_format = av.VideoFormat(name, 16, 16)
    parts = [part for part in pixel_format.components if not part.is_alpha]
    bits = max(part.bits for part in parts)
    if bits > 16 or pixel_format.is_bayer or "f16" in name or "xyz" in name:
        raise InputError(
            f"pixel format {name} is not supported: convert the video first, for example with "
            "ffmpeg -i INPUT -pix_fmt yuv444p16le -c:v ffv1 OUTPUT.mkv"
        )
    depth = next(depth for depth in DEPTHS if depth >= bits)
    has_alpha = len(parts) < len(pixel_format.components)
    if pixel_format.is_rgb or pixel_format.has_palette:
        return PixelLayout("rgb", depth, has_alpha=has_alpha and not pixel_format.has_palette)
    if len(parts) == 1:
        return PixelLayout("grey", depth, has_alpha=has_alpha)
    across, down = 16 // pixel_format.chroma_width(), 16 // pixel_format.chroma_height()
    return PixelLayout("yuv", depth, (across, down), has_alpha, is_full=name.startswith("yuvj"))


def luma_weights(matrix: int, height: int, width: int) -> tuple[float, float]:
    """Return (Kr, Kb); without a tag by frame size, as players do."""
    return LUMA_WEIGHTS.get(matrix, LUMA_WEIGHTS[guess_matrix(height, width)])


def guess_matrix(height: int, width: int) -> int:
    """Return the usual matrix of untagged video: BT.709 for high definition, else BT.601."""
    return BT709 if width >= 1280 or height > 576 else BT601


def is_full_range(layout: PixelLayout, colour: Colour) -> bool:
    """Whether 0 is black and the largest sample white."""
    if layout.is_full or layout.family == "rgb":
        return True
    return colour.range == FULL or (layout.family == "grey" and colour.range != LIMITED)


def decode_frame(picture: av.VideoFrame, layout: PixelLayout, colour: Colour) -> Frame:
    """Turn a decoded picture into an (H, W, C) nominal frame."""
    return unpack_frame(_read_planes(picture, layout), layout, colour)


def unpack_frame(samples: Samples, layout: PixelLayout, colour: Colour) -> Frame:
    """Turn planes of `layout.name` into an (H, W, C) nominal frame; undoes `pack_frame`."""
    planes = [_levels(plane) for plane in samples]
    is_full = is_full_range(layout, colour)
    if layout.family == "rgb":
        green, blue, red = planes
        return np.stack([red, green, blue], axis=2) / np.float32(layout.peak)
    luma = _remove_range(planes[0], layout.depth, is_full=is_full, is_chroma=False)
    if layout.family == "grey":
        return luma[..., None]
    blue, red = (
        _remove_range(plane, layout.depth, is_full=is_full, is_chroma=True) for plane in planes[1:]
    )
    weights = luma_weights(colour.matrix, *luma.shape)
    return _join(luma, blue, red, weights, layout.subsampling)


def pack_frame(frame: Frame, layout: PixelLayout, colour: Colour) -> Samples:
    """Turn an (H, W, C) nominal frame into the planes of `layout.name`, rounded and clipped."""
    height, width, channels = frame.shape
    if layout.family == "rgb":
        planes = [frame[..., i % channels] * np.float32(layout.peak) for i in (1, 2, 0)]
    else:
        weights = luma_weights(colour.matrix, height, width)
        planes = _split(frame, weights, layout) if channels == 3 else _grey_planes(frame, layout)
        is_full = is_full_range(layout, colour)
        planes = [
            _apply_range(plane, layout.depth, is_full=is_full, is_chroma=i > 0)
            for i, plane in enumerate(planes)
        ]
    return [np.rint(plane).clip(0, layout.peak).astype(layout.dtype) for plane in planes]


def make_picture(planes: Samples, layout: PixelLayout) -> av.VideoFrame:
    """Turn packed planes into a picture of `layout.name`."""
    height, width = planes[0].shape
    picture = av.VideoFrame(width, height, layout.name)
    for target, plane in zip(picture.planes, planes, strict=True):
        rows = np.frombuffer(memoryview(target), layout.dtype).reshape(target.height, -1)
        rows[:, : target.width] = plane
    return picture


def _levels(plane: NDArray[Any]) -> Frame:
    return plane.astype(np.float32)


def _read_planes(picture: av.VideoFrame, layout: PixelLayout) -> list[NDArray[Any]]:
    if picture.format.name.replace("yuvj", "yuv") != layout.name:
        picture = picture.reformat(format=layout.name)  # repacking only: same family and depth
    planes = []
    for plane in picture.planes:
        rows = np.frombuffer(memoryview(plane), layout.dtype).reshape(plane.height, -1)
        if plane.line_size < 0:  # bottom-up pictures of AVI
            rows = rows[::-1]
        planes.append(rows[:, : plane.width])
    return planes


def _scale(depth: int, *, is_full: bool, is_chroma: bool) -> tuple[float, float]:
    """Return (zero, span) of the samples; chroma spans -0.5 to 0.5."""
    unit = 2 ** (depth - 8)
    zero = 128 * unit if is_chroma else 0 if is_full else 16 * unit
    span = 2**depth - 1 if is_full else (224 if is_chroma else 219) * unit
    return float(zero), float(span)


def _remove_range(plane: Frame, depth: int, *, is_full: bool, is_chroma: bool) -> Frame:
    zero, span = _scale(depth, is_full=is_full, is_chroma=is_chroma)
    return (plane - np.float32(zero)) / np.float32(span)


def _apply_range(plane: Frame, depth: int, *, is_full: bool, is_chroma: bool) -> Frame:
    zero, span = _scale(depth, is_full=is_full, is_chroma=is_chroma)
    return plane * np.float32(span) + np.float32(zero)


def _join(
    luma: Frame,
    blue: Frame,
    red: Frame,
    weights: tuple[float, float],
    subsampling: tuple[int, int],
) -> Frame:
    """Add the chroma, repeated to the size of the luma."""
    k_red, k_blue = weights
    k_green = 1 - k_red - k_blue
    green = -(2 * k_blue * (1 - k_blue) * blue + 2 * k_red * (1 - k_red) * red) / k_green
    offsets = (2 * (1 - k_red) * red, green, 2 * (1 - k_blue) * blue)
    frame = np.empty((*luma.shape, 3), np.float32)
    for channel, offset in enumerate(offsets):
        full = offset.repeat(subsampling[1], 0).repeat(subsampling[0], 1)
        np.add(luma, full[: luma.shape[0], : luma.shape[1]], out=frame[..., channel])
    return frame


def _split(frame: Frame, weights: tuple[float, float], layout: PixelLayout) -> list[Frame]:
    """Return luma and, unless the layout is grey, the chroma averaged to its resolution."""
    k_red, k_blue = weights
    red, green, blue = (frame[..., channel] for channel in range(3))
    luma = k_red * red + (1 - k_red - k_blue) * green + k_blue * blue
    if layout.family == "grey":
        return [luma]
    return [
        luma,
        _average((blue - luma) / (2 * (1 - k_blue)), layout.subsampling),
        _average((red - luma) / (2 * (1 - k_red)), layout.subsampling),
    ]


def _average(plane: Frame, subsampling: tuple[int, int]) -> Frame:
    across, down = subsampling
    if (across, down) == (1, 1):
        return plane
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % down), (0, -width % across)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // down, down, padded.shape[1] // across, across)
    mean: Frame = blocks.mean(axis=(1, 3), dtype=np.float32)
    return mean


def _grey_planes(frame: Frame, layout: PixelLayout) -> list[Frame]:
    luma = frame[..., 0]
    if layout.family == "grey":
        return [luma]
    across, down = layout.subsampling
    size = (-(-luma.shape[0] // down), -(-luma.shape[1] // across))
    return [luma, np.zeros(size, np.float32), np.zeros(size, np.float32)]
