"""Single pictures: size without decoding, samples, writing."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError, reading
from f2r.io.clip import check_frame_size
from f2r.io.images.exr import EXR_SUFFIXES, read_exr, read_exr_size, write_exr
from f2r.io.images.jpeg import FRAME_MARKERS, check_jpeg, says_damaged
from f2r.io.images.png_bmp import ADVICE, check_bmp, check_png, damaged
from f2r.io.quiet import caught_words

TIFF_FRAME_SUFFIXES = {".tif", ".tiff"}
CV2_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}
SUFFIXES = TIFF_FRAME_SUFFIXES | CV2_SUFFIXES | EXR_SUFFIXES
MOST_PIXELS_A_BYTE = 8 * 1032
"""Largest number of pixels per byte of a file: deflate at its limit, one bit per pixel."""


def read_size(path: Path) -> tuple[int, int]:
    """Read (height, width) from the header.

    Raises:
        InputError: the file is empty, cut short, or of another format than its name.
    """
    if path.suffix.lower() in TIFF_FRAME_SUFFIXES:
        return _tiff_size(path)
    if path.suffix.lower() in EXR_SUFFIXES:
        return read_exr_size(path)
    with reading(path, "this picture is cut short, copy it again"), path.open("rb") as stream:
        magic = stream.read(2)
        if magic == b"\x89P":
            return _png_size(stream)
        if magic == b"BM":
            return _bmp_size(stream)
        if magic == b"\xff\xd8":
            return _jpeg_size(stream)
    raise InputError(f"{path}: is not a PNG, JPEG or BMP picture: remove it or convert it")


def _number(stream: BinaryIO, size: int, byte_order: Any = "big", *, signed: bool = False) -> int:
    data = stream.read(size)
    if len(data) < size:
        raise ValueError("end of file")
    return int.from_bytes(data, byte_order, signed=signed)


def _png_size(stream: BinaryIO) -> tuple[int, int]:
    stream.seek(16)
    width = _number(stream, 4)
    return _number(stream, 4), width


def _bmp_size(stream: BinaryIO) -> tuple[int, int]:
    stream.seek(18)
    width = _number(stream, 4, "little", signed=True)
    return abs(_number(stream, 4, "little", signed=True)), width


def _jpeg_size(stream: BinaryIO) -> tuple[int, int]:
    while True:
        if _number(stream, 1) != 0xFF:
            raise ValueError("marker expected")
        marker = _number(stream, 1)
        while marker == 0xFF:  # fill bytes
            marker = _number(stream, 1)
        length = _number(stream, 2)
        if marker in FRAME_MARKERS:
            _number(stream, 1)
            height = _number(stream, 2)
            return height, _number(stream, 2)
        stream.seek(length - 2, 1)


def _tiff_size(path: Path) -> tuple[int, int]:
    import tifffile

    from f2r.io.tiff.tiff_opening import Complaints, listening

    advice = "this TIFF is damaged, save it again"
    with reading(path, advice), listening(Complaints()), tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        if len(tif.pages) > 1:
            raise InputError(f"{path}: is a stack of its own: pass it alone, not its folder")
        return int(page.imagelength), int(page.imagewidth)


def read_picture(path: Path) -> NDArray[Any]:
    """Decode samples (H, W) or (H, W, C), colour as RGB.

    Raises:
        InputError: the picture is damaged.
    """
    if path.suffix.lower() in TIFF_FRAME_SUFFIXES:
        return _read_tiff(path)
    if path.suffix.lower() in EXR_SUFFIXES:
        return read_exr(path)
    import cv2

    height, width = read_size(path)
    check_frame_size(height, width, path)
    data = path.read_bytes()
    if height * width > MOST_PIXELS_A_BYTE * len(data):
        raise damaged(path)
    with reading(path, f"this picture is damaged, {ADVICE}"):
        _check_whole(data, path)
    pixels: NDArray[Any] | None = None
    with reading(path, f"this picture is damaged, {ADVICE}"), caught_words() as words:
        # The flag keeps 16 bits and ignores the EXIF orientation, so that pixels stay in place.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or any(says_damaged(line) for line in words):
        raise damaged(path)
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        order = [2, 1, 0, *range(3, pixels.shape[2])]
        pixels = pixels[..., order]
    return pixels


def _check_whole(data: bytes, path: Path) -> None:
    if data.startswith(b"\x89P"):
        check_png(data, path)
    elif data.startswith(b"BM"):
        check_bmp(data, path)
    else:
        check_jpeg(data, path)


def _read_tiff(path: Path) -> NDArray[Any]:
    import tifffile

    from f2r.io.tiff.planes import decode_page
    from f2r.io.tiff.tiff_opening import Complaints, listening

    advice = f"this TIFF is damaged, {ADVICE}"
    with reading(path, advice), listening(Complaints()), tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        check_frame_size(int(page.imagelength), int(page.imagewidth), path)
        pixels = decode_page(page, path)
        if not page.axes.endswith(("YX", "YXS")) or pixels.ndim > 3:
            raise InputError(f"{path}: axes {page.axes} are not supported: save it as a picture")
        return np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels


def write_picture(path: Path, samples: NDArray[Any]) -> None:
    """Write (H, W, C) samples, 1 or 3 channels, in the format of the name."""
    pixels = samples[..., 0] if samples.shape[2] == 1 else samples
    if path.suffix.lower() in TIFF_FRAME_SUFFIXES:
        import tifffile

        photometric = "rgb" if samples.shape[2] == 3 else "minisblack"
        tifffile.imwrite(path, pixels, photometric=photometric, metadata=None)
        return
    if path.suffix.lower() in EXR_SUFFIXES:
        write_exr(path, pixels)
        return
    import cv2

    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., ::-1])
    options = [cv2.IMWRITE_JPEG_QUALITY, 100] if path.suffix.lower() in {".jpg", ".jpeg"} else []
    done, data = cv2.imencode(path.suffix.lower(), pixels, options)
    if not done:
        raise OSError(f"{path.suffix} cannot hold this picture")
    path.write_bytes(data.tobytes())
