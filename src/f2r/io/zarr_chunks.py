"""Chunks of a Zarr array on disk, looked at before the library unpacks them.

numcodecs believes the sizes that a chunk states of itself, and unpacks without a limit.

Sources: Zarr 2 and 3; its codecs `sharding_indexed` and `crc32c`; numcodecs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from f2r.errors import InputError
from f2r.io.unpacked import (
    GZIP,
    ZLIB,
    bound_zstd,
    count_bz2,
    count_deflate,
    count_lzma,
    most_accepted,
    stated_by_blosc,
    stated_by_lz4,
)
from f2r.io.zarr_layout import Layout, read_layout

COPY = "copy the image again"
HEAD = 16
"""Bytes by which Blosc and LZ4 state their size."""


@dataclass(frozen=True)
class Piece:
    """Bytes of a compressed chunk within an open file."""

    stream: BinaryIO
    start: int
    size: int

    def read(self, most: int) -> bytes:
        """Read its first bytes."""
        self.stream.seek(self.start)
        return self.stream.read(min(self.size, most))


class ChunkFiles:
    """Checks the chunks that one frame lies in.

    Args:
        folder: the Zarr group.
        array: the array within it.
        time_axis: index of the axis of frames, None for one frame.

    Raises:
        InputError: the layout of the chunks cannot be checked.
    """

    def __init__(self, folder: Path, array: Any, time_axis: int | None) -> None:
        self._folder = folder / array.path
        self._name_of = array.metadata.encode_chunk_key
        self._time = time_axis
        self._layout = read_layout(array, folder)

    def check(self, frame: int) -> None:
        """Look at the chunks of a frame.

        Raises:
            InputError: one is no file, or does not unpack to what it should.
        """
        layout = self._layout
        for place in self._grid(layout.shape, layout.file, frame):
            file = self._folder / self._name_of(place)
            if file.exists() and not file.is_file():  # a pipe would be waited for
                raise InputError(f"{file}: is no file: {COPY}")
            if layout.compressor is None or not file.exists():
                continue
            with file.open("rb") as stream:
                try:
                    for piece in self._pieces(stream, file.stat().st_size, frame):
                        _check_size(piece, layout)
                except InputError as error:
                    raise InputError(f"{file}: this chunk is damaged ({error}): {COPY}") from error

    def _grid(
        self, lengths: tuple[int, ...], parts: tuple[int, ...], frame: int
    ) -> Iterator[tuple[int, ...]]:
        """Give the places of the parts that a frame lies in."""
        sides = zip(lengths, parts, strict=True)
        counts = [range(-(-length // part)) for length, part in sides]
        if self._time is not None:
            first = frame // parts[self._time]
            counts[self._time] = range(first, first + 1)
        return product(*counts)

    def _pieces(self, stream: BinaryIO, size: int, frame: int) -> Iterator[Piece]:
        """Give the chunks of a frame within a file: the file, or the parts of a shard."""
        layout = self._layout
        if not layout.is_sharded:
            yield Piece(stream, 0, size)
            return
        index = _read_index(stream, size, layout)
        within = 0 if self._time is None else frame % layout.file[self._time]
        for place in self._grid(layout.file, layout.chunk, within):
            start, length = (int(number) for number in index[place])
            if start == length == layout.absent:
                continue
            if start + length > size:
                raise InputError("it lies outside its file")
            yield Piece(stream, start, length)


def _read_index(stream: BinaryIO, size: int, layout: Layout) -> Any:
    """Read the places and sizes of the chunks of a shard: (..., 2) uint64."""
    counts = layout.chunks_in_file
    length = 16 * int(np.prod(counts, dtype=object))
    whole = length + layout.index_checksum
    if whole > size:
        raise InputError("its index is cut short")
    stream.seek(0 if layout.index_is_first else size - whole)
    return np.frombuffer(stream.read(length), "<u8").reshape(*counts, 2)


def _check_size(piece: Piece, layout: Layout) -> None:
    """Refuse a chunk that unpacks to another size than its part of the array has."""
    most = most_accepted(layout.size)
    if piece.size > most:
        raise InputError("it is larger than its pixels")
    unpacked = _unpacked(piece, layout.compressor, most)
    states = layout.compressor in {"blosc", "lz4"}
    if unpacked > most or (states and layout.is_exact and unpacked != layout.size):
        raise InputError("it does not unpack to the size of its pixels")


def _unpacked(piece: Piece, compressor: str | None, most: int) -> int:
    """Give the bytes that a chunk states or bound those that come out."""
    if compressor == "blosc":
        return stated_by_blosc(piece.read(HEAD), piece.size)
    if compressor == "lz4":
        return stated_by_lz4(piece.read(HEAD))
    data = piece.read(piece.size)
    if compressor == "zstd":
        return bound_zstd(data, most)
    if compressor in {"zlib", "gzip"}:
        return count_deflate(data, most, GZIP if compressor == "gzip" else ZLIB)
    if compressor == "bz2":
        return count_bz2(data, most)
    return count_lzma(data, most)
