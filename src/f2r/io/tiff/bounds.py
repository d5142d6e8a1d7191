"""Limits on what the pieces of a TIFF unpack to, checked before tifffile allocates it."""

import lzma
import zlib
from collections.abc import Iterator
from math import prod
from typing import Any

from f2r.errors import InputError

DEFLATE, LZMA, PACKBITS = {8, 32946}, {34925}, {32773}
"""Compressions that tifffile unpacks without a limit of its own, as TIFF numbers them."""
DEFLATE_RATIO, PACKBITS_RATIO = 1032, 64
"""How much a byte can unpack to."""
ALWAYS_ACCEPTED = 2**26
"""Bytes that a piece may always unpack to."""
STEP = 2**20


def check_page(page: Any, name: object) -> None:
    """Refuse a page whose pieces are much larger than its picture.

    Raises:
        InputError: it would take more memory than its size in pixels says.
    """
    layout = page.keyframe  # pages that are laid out alike share one description
    most = max(2 * _piece_bytes(layout), ALWAYS_ACCEPTED)
    if _piece_bytes(layout) > max(4 * int(layout.nbytes), ALWAYS_ACCEPTED):
        raise _bomb(name)
    compression = int(layout.compression)
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if _cannot_exceed(compression, size, most):
            continue
        handle = page.parent.filehandle
        handle.seek(start)
        if sum(_unpacked(handle.read(size), compression, most)) > most:
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


def _unpacked(data: bytes, compression: int, most: int) -> Iterator[int]:
    """Yield the sizes of what `data` unpacks to, until more than `most` bytes have come."""
    if compression in PACKBITS:
        yield from _packbits_sizes(data)
        return
    unpacker: Any = (
        zlib.decompressobj()
        if compression in DEFLATE
        else lzma.LZMADecompressor(memlimit=max(most, 2**28))
    )
    total = 0
    while total <= most:
        part = unpacker.decompress(data, STEP)
        data = unpacker.unconsumed_tail if compression in DEFLATE else b""
        if not part:
            return
        total += len(part)
        yield len(part)


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
