"""Completeness of GIF; FFmpeg ends it without an error at the first damage.

Source: GIF89a specification, CompuServe 1990: blocks (15 to 27) and LZW (appendix F).
"""

from pathlib import Path

from f2r.errors import InputError

IMAGE, EXTENSION, TRAILER = 0x2C, 0x21, 0x3B
MOST_CODES = 12
"""Bits of the longest code."""
MOST_UNPACKED = 2**23
"""Largest size of compressed pixels that are unpacked and counted."""


def check_gif(path: Path) -> None:
    """Walk over the blocks of a GIF and count the pixels of its pictures.

    Raises:
        InputError: it is cut short or damaged.
    """
    data = path.read_bytes()
    try:
        is_whole = _is_whole(data)
    except IndexError:  # it ends within a block
        is_whole = False
    if not is_whole:
        raise InputError(
            f"{path}: this GIF is cut short or damaged: copy it again, or pass --skip-corrupt"
        )


def _is_whole(data: bytes) -> bool:
    place = 13 + _table_bytes(data[10])
    while data[place] != TRAILER:
        kind = data[place]
        if kind == EXTENSION:
            _, place = _sub_blocks(data, place + 2, keep=False)
            continue
        if kind != IMAGE:
            return False
        width, height = (int.from_bytes(data[place + i : place + i + 2], "little") for i in (5, 7))
        place += 10 + _table_bytes(data[place + 9])
        bits = data[place]
        codes, place = _sub_blocks(data, place + 1, keep=True)
        if not 1 <= bits < MOST_CODES:
            return False
        if len(codes) <= MOST_UNPACKED and count_pixels(codes, bits) != width * height:
            return False
    return True


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _sub_blocks(data: bytes, place: int, *, keep: bool) -> tuple[bytes, int]:
    """Join blocks that begin with their length; give where they end."""
    parts = []
    while size := data[place]:
        if place + 1 + size >= len(data):
            raise IndexError(place)
        if keep:
            parts.append(data[place + 1 : place + 1 + size])
        place += 1 + size
    return b"".join(parts), place + 1


def count_pixels(codes: bytes, bits: int) -> int:
    """Count the pixels that LZW codes stand for; -1 if a code has no meaning."""
    clear, end = 1 << bits, (1 << bits) + 1
    lengths = [1] * clear + [0, 0]
    size, previous, total = bits + 1, 0, 0
    held, count = 0, 0
    for byte in codes:
        held |= byte << count
        count += 8
        while count >= size:
            code = held & ((1 << size) - 1)
            held >>= size
            count -= size
            if code == end:
                return total
            if code == clear:
                del lengths[end + 1 :]
                size, previous = bits + 1, 0
                continue
            if code > len(lengths) or (code == len(lengths) and not previous):
                return -1
            if previous and len(lengths) < 1 << MOST_CODES:
                lengths.append(previous + 1)
            if code >= len(lengths):
                return -1
            previous = lengths[code]
            total += previous
            if len(lengths) == 1 << size and size < MOST_CODES:
                size += 1
    return total
