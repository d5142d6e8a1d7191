"""Between frames of VapourSynth and nominal frames."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Frame
from f2r.io.video.pixels import (
    FULL,
    LIMITED,
    UNSPECIFIED,
    Colour,
    PixelLayout,
    pack_frame,
    unpack_frame,
)

KNOWN = "YUV of 8 to 16 bits, RGB, GRAY or 32-bit float RGBS and GRAYS"


def layout_of(clip: Any) -> PixelLayout | None:
    """Describe the integer samples of a clip; None for 32-bit floats.

    Raises:
        InputError: the format varies, or is none that F2R takes.
    """
    found = clip.format
    if found is None or not clip.width or not clip.height:
        raise InputError("clip: its format or size varies: make them constant first")
    family = found.color_family.name.lower()
    is_float = found.sample_type.name == "FLOAT"
    if is_float and (found.bits_per_sample != 32 or family == "yuv"):
        raise InputError(f"clip: format {found.name} is not supported: convert it to RGBS")
    if is_float:
        return None
    families = {"yuv": "yuv", "rgb": "rgb", "gray": "grey"}
    if family not in families or not 8 <= found.bits_per_sample <= 16:
        raise InputError(f"clip: format {found.name} is not supported: give {KNOWN}")
    sampling = 2**found.subsampling_w, 2**found.subsampling_h
    return PixelLayout(families[family], found.bits_per_sample, sampling)  # type: ignore[arg-type]


def describe_clip(clip: Any) -> ClipInfo:
    """Describe a clip as the readers of files do.

    Raises:
        InputError: its format is none that F2R takes.
    """
    layout = layout_of(clip)
    is_grey = clip.format.num_planes == 1
    info = ClipInfo(
        frames=len(clip),
        height=clip.height,
        width=clip.width,
        channels=1 if is_grey else 3,
        is_colour=not is_grey,
        bit_depth=32,
        dtype="float32",
        scale=1.0,
        fps=Fraction(clip.fps) if clip.fps else None,
    )
    if layout is None:
        return info
    return replace(
        info,
        bit_depth=layout.depth,
        dtype="uint8" if layout.depth == 8 else "uint16",
        scale=float(layout.peak),
        chroma_subsampled=layout.subsampling != (1, 1),
    )


def read_frame(picture: Any, layout: PixelLayout | None) -> Frame:
    """Turn a frame of VapourSynth into an (H, W, C) nominal frame."""
    planes = [np.asarray(picture[k]) for k in range(picture.format.num_planes)]
    if layout is None:
        return np.stack(planes, axis=2).astype(np.float32)
    return unpack_frame(_ordered(planes, layout), layout, _colour(picture))


def write_frame(frame: Frame, picture: Any, layout: PixelLayout | None) -> None:
    """Put an (H, W, C) nominal frame into a frame of VapourSynth; integers are rounded."""
    if layout is None:
        planes = [frame[..., k] for k in range(frame.shape[2])]
    else:
        planes = _ordered(pack_frame(frame, layout, _colour(picture)), layout, back=True)
    for k, plane in enumerate(planes):
        np.copyto(np.asarray(picture[k]), plane)


def _ordered(planes: list[Any], layout: PixelLayout, *, back: bool = False) -> list[Any]:
    """Put red, green, blue in the order green, blue, red, or back."""
    if layout.family != "rgb":
        return planes
    return [planes[k] for k in ((2, 0, 1) if back else (1, 2, 0))]


def _colour(picture: Any) -> Colour:
    """Read the tags of a frame; without any, the range is limited, as in VapourSynth."""
    tags = picture.props
    matrix = int(tags.get("_Matrix", UNSPECIFIED))
    # Newer versions say the range by H.273 in `_Range`, older ones the other way in `_ColorRange`.
    is_full = int(tags["_Range"]) == 1 if "_Range" in tags else tags.get("_ColorRange", 1) == 0
    return Colour(matrix=matrix, range=FULL if is_full else LIMITED)
