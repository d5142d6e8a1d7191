"""Limits on what the pieces of a TIFF unpack to, checked before tifffile allocates it."""

from collections.abc import Iterator
from math import prod
from typing import Any

from f2r.errors import InputError
from f2r.io.unpacked import (
    ALWAYS_ACCEPTED,
    DEFLATE_RATIO,
    count_deflate,
    count_lzma,
    most_accepted,
)

DEFLATE, LZMA, PACKBITS = {8, 32946}, {34925}, {32773}
"""Compressions that tifffile unpacks without a limit of its own, as TIFF numbers them."""
PACKBITS_RATIO = 64
"""Most bytes that one byte of PackBits unpacks to."""


def check_page(page: Any, name: object) -> None:
    """Refuse a page whose pieces are much larger than its picture.

    Raises:
        InputError: it would take more memory than its size in pixels says.
    """
    layout = page.keyframe  # pages that are laid out alike share one description
    most = most_accepted(_piece_bytes(layout))
    if _piece_bytes(layout) > max(4 * int(layout.nbytes), ALWAYS_ACCEPTED):
        raise _bomb(name)
    compression = int(layout.compression)
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if _cannot_exceed(compression, size, most):
            continue
        handle = page.parent.filehandle
        handle.seek(start)
        if _unpacked(handle.read(size), compression, most) > most:
            raise _bomb(name)


def _piece_bytes(layout: Any) -> int:
    """Give the bytes of an unpacked strip or tile."""
    bits = int(layout.bitspersample) or 8
    return prod(int(side) for side in layout.chunks) * -(-bits // 8)


def _cannot_exceed(compression: int, size: int, most: int) -> bool:
    if compression in DEFLATE:
        return size * DEFLATE_RATIO <= most
    if compression in PACKBITS:
        return size * PACKBITS_RATIO <= most
    return compression not in LZMA


def _unpacked(data: bytes, compression: int, most: int) -> int:
    """Give the bytes that `data` unpacks to, as far as `most`."""
    if compression in PACKBITS:
        return sum(_packbits_sizes(data))
    if compression in DEFLATE:
        return count_deflate(data, most)
    return count_lzma(data, most)


def _packbits_sizes(data: bytes) -> Iterator[int]:
    place = 0
    while place < len(data):
        head = data[place]
        yield head + 1 if head < 128 else 257 - head if head > 128 else 0
        place += head + 2 if head < 128 else 2 if head > 128 else 1


def _bomb(name: object) -> InputError:
    return InputError(
        f"{name}: unpacks to far more than the size of its pictures: it is damaged or hostile, "
        "save it again"
    )
