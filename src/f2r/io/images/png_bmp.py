"""Completeness of PNG and BMP; OpenCV leaves the missing part of a truncated picture empty.

Source: PNG specification, 3rd edition, 5.3 (chunks) and 11.2.1 (IHDR); Microsoft, BITMAPINFOHEADER.
"""

import zlib
from pathlib import Path

from f2r.errors import InputError

ADVICE = "replace it, remove it, or pass --skip-corrupt"
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by PNG's colour type."""
DEFLATE_RATIO = 1032
"""Largest expansion by deflate."""
BMP_HEADER, BITFIELDS = 40, {0, 3}
"""Size of the usual header of a BMP, and its ways to store pixels without compression."""


def check_png(data: bytes, path: Path) -> None:
    """Check the checksum of every chunk, and the number of bytes for the pixels.

    Raises:
        InputError: the picture is cut short or damaged.
    """
    place, has_end = 8, False
    while place + 12 <= len(data) and not has_end:
        length = int.from_bytes(data[place : place + 4], "big")
        end = place + 8 + length
        if end + 4 > len(data) or zlib.crc32(data[place + 4 : end]) != int.from_bytes(
            data[end : end + 4], "big"
        ):
            raise damaged(path)
        has_end = data[place + 4 : place + 8] == b"IEND"
        place = end + 4
    if not has_end or _png_bytes(data) > DEFLATE_RATIO * len(data):
        raise damaged(path)


def _png_bytes(data: bytes) -> int:
    """Give the size of the unpacked pixels."""
    width, height = (int.from_bytes(data[i : i + 4], "big") for i in (16, 20))
    bits = width * data[24] * SAMPLES.get(data[25], 1)
    return height * (1 + -(-bits // 8))


def check_bmp(data: bytes, path: Path) -> None:
    """Check the number of bytes for uncompressed pixels.

    Raises:
        InputError: the picture is cut short.
    """
    number = {i: int.from_bytes(data[i : i + 4], "little", signed=True) for i in (10, 14, 18, 22)}
    bits, way = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    if number[14] < BMP_HEADER or way not in BITFIELDS:
        return
    row = -(-number[18] * bits // 32) * 4
    if number[10] < 0 or number[18] < 1 or number[10] + row * abs(number[22]) > len(data):
        raise damaged(path)


def damaged(path: Path) -> InputError:
    """Describe a damaged picture."""
    return InputError(f"{path}: this picture is cut short or damaged: {ADVICE}")
