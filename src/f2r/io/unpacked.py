"""How much compressed data unpacks to, found without holding the result.

Sources: c-blosc 1, README_CHUNK_FORMAT (header of 16 bytes); RFC 8878 (Zstandard); numcodecs (LZ4:
the size in 4 bytes before the block).
"""

import zlib
from bz2 import BZ2Decompressor
from collections.abc import Callable, Iterator
from lzma import LZMADecompressor, LZMAError
from typing import Any

from f2r.errors import InputError

ALWAYS_ACCEPTED = 2**26
"""Bytes that a piece may always unpack to."""
DEFLATE_RATIO = 1032
"""Most bytes that one byte of deflate unpacks to."""
STEP = 2**20
"""Bytes that are unpacked at a time to be counted."""
ZLIB, GZIP = 15, 31
"""Headers of deflate, as `zlib` numbers them."""
ZSTD_MAGIC, ZSTD_SKIPPABLE = 0xFD2FB528, 0x184D2A50
"""Numbers that frames of Zstandard begin with; the second, plus up to 15, has no content."""
ZSTD_BLOCK = 2**17
"""Most bytes that a block of Zstandard unpacks to."""
RAW, REPEATED = 0, 1
"""Types of such blocks that state the size of their content."""


def most_accepted(size: int) -> int:
    """Give the most bytes that the data of a picture of `size` bytes may unpack to."""
    return max(2 * size, ALWAYS_ACCEPTED)


def count_deflate(data: bytes, most: int, header: int = ZLIB) -> int:
    """Count the bytes that deflate unpacks to, until there are more than `most`."""
    if len(data) * DEFLATE_RATIO <= most:
        return len(data) * DEFLATE_RATIO
    return count_unpacked(lambda: zlib.decompressobj(header), data, most)


def count_lzma(data: bytes, most: int) -> int:
    """Count the bytes that LZMA unpacks to, until there are more than `most`."""
    return count_unpacked(lambda: LZMADecompressor(memlimit=max(most, 2**28)), data, most)


def count_bz2(data: bytes, most: int) -> int:
    """Count the bytes that bzip2 unpacks to, until there are more than `most`."""
    return count_unpacked(BZ2Decompressor, data, most)


def count_unpacked(unpacker_of: Callable[[], Any], data: bytes, most: int) -> int:
    """Count the bytes of all streams in `data`, until there are more than `most`.

    Args:
        unpacker_of: makes a decompressor of the standard library for one stream.
        data: the streams, after which something else may follow.
        most: where counting ends, after at most one step more.

    Raises:
        zlib.error, lzma.LZMAError, OSError: a stream is damaged, or needs too much memory.
    """
    total = 0
    while data and total <= most:
        unpacker = unpacker_of()
        try:
            total += _count_stream(unpacker, data, most - total)
        except (zlib.error, LZMAError, OSError) as error:
            if total == 0 or "memory" in str(error).lower():
                raise
            break  # something else follows the last stream
        data = unpacker.unused_data
    return total


def _count_stream(unpacker: Any, data: bytes, most: int) -> int:
    """Count the bytes of one stream, until there are more than `most`."""
    total = 0
    while not unpacker.eof and total <= most:
        part = unpacker.decompress(data, STEP)
        data = getattr(unpacker, "unconsumed_tail", b"")
        total += len(part)
        if not part and not data:
            break
    return total


def stated_by_blosc(head: bytes, size: int) -> int:
    """Read the size that a Blosc chunk states of itself; numcodecs believes it.

    Args:
        head: the first 16 bytes.
        size: bytes of the chunk as it is.

    Raises:
        InputError: the chunk is shorter than it states, and would be read past its end.
    """
    unpacked, packed = (int.from_bytes(head[i : i + 4], "little") for i in (4, 12))
    if len(head) < 16 or packed > size:
        raise InputError("it states more bytes than it has")
    return unpacked


def stated_by_lz4(head: bytes) -> int:
    """Read the size that numcodecs puts before a block of LZ4, and believes."""
    return int.from_bytes(head[:4], "little")


def bound_zstd(data: bytes, most: int) -> int:
    """Bound the bytes that Zstandard unpacks to, by its blocks and what its frames state."""
    total = 0
    for size in _zstd_sizes(data):
        total += size
        if total > most:
            break
    return total


def _zstd_sizes(data: bytes) -> Iterator[int]:
    """Yield for each frame what it states beyond its blocks, and what its blocks may give."""
    place = 0
    while place + 8 <= len(data):
        number = int.from_bytes(data[place : place + 4], "little")
        if number & ~15 == ZSTD_SKIPPABLE:
            place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")
        elif number == ZSTD_MAGIC:
            stated, start = _zstd_header(data, place + 4)
            end, most = _zstd_blocks(data, start)
            yield max(stated, most)
            place = end + 4 * (data[place + 4] >> 2 & 1)  # a checksum may follow
        else:
            return  # the library refuses it


def _zstd_header(data: bytes, place: int) -> tuple[int, int]:
    """Read the size that a frame states, 0 without one, and where its blocks begin."""
    said = data[place]
    kind, is_single = said >> 6, said >> 5 & 1
    place += 1 + (not is_single) + (0, 1, 2, 4)[said & 3]
    length = (is_single, 2, 4, 8)[kind]
    stated = int.from_bytes(data[place : place + length], "little")
    return stated + 256 * (kind == 1), place + length


def _zstd_blocks(data: bytes, place: int) -> tuple[int, int]:
    """Give the end of a frame's blocks, and the most bytes that they unpack to."""
    most = 0
    while place + 3 <= len(data):
        said = int.from_bytes(data[place : place + 3], "little")
        kind, size = said >> 1 & 3, said >> 3
        most += size if kind in {RAW, REPEATED} else ZSTD_BLOCK
        place += 3 + (1 if kind == REPEATED else size)
        if said & 1:
            break
    return place, most
