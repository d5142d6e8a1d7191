"""Chunks of a Zarr array on disk, looked at before the library unpacks them.

numcodecs believes the sizes that a Blosc chunk states of itself and reads past its end.

Source: c-blosc 1, README_CHUNK_FORMAT (header of 16 bytes).
"""

import json
from collections.abc import Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from f2r.errors import InputError

BLOSC_HEADER = 16
OUTSIDE = ("sharding", "gzip", "zstd", "zlib", "bz2", "lzma")
"""Codecs around which, or in place of which, Blosc is not the first thing in a chunk's file."""


class ChunkFiles:
    """Checks the files, and the Blosc headers, of the chunks that one frame lies in.

    Args:
        folder: the Zarr group.
        array: the array within it.
        time_axis: index of the axis of frames, None for one frame.
    """

    def __init__(self, folder: Path, array: Any, time_axis: int | None) -> None:
        self._folder = folder / array.path
        self._array = array
        self._time = time_axis
        said = json.dumps(array.metadata.to_dict(), default=str).lower()
        self._is_blosc = "blosc" in said and not any(
            f'"{name}' in said.replace('"cname": "', "") for name in OUTSIDE
        )

    def check(self, frame: int) -> None:
        """Look at the chunks of a frame.

        Raises:
            InputError: one is no file or states sizes that it does not have.
        """
        size = prod(self._array.chunks) * np.dtype(self._array.dtype).itemsize
        for place in self._places(frame):
            file = self._folder / self._array.metadata.encode_chunk_key(place)
            if file.exists() and not file.is_file():  # a pipe would be waited for
                raise InputError(f"{file}: is no file: copy the image again")
            if not self._is_blosc or not file.exists():
                continue
            with file.open("rb") as stream:
                head = stream.read(BLOSC_HEADER)
            unpacked, packed = (int.from_bytes(head[i : i + 4], "little") for i in (4, 12))
            if len(head) < BLOSC_HEADER or packed > file.stat().st_size or unpacked != size:
                raise InputError(f"{file}: this chunk is damaged: copy the image again")

    def _places(self, frame: int) -> Iterator[tuple[int, ...]]:
        sides = zip(self._array.shape, self._array.chunks, strict=True)
        counts = [range(-(-length // chunk)) for length, chunk in sides]
        if self._time is not None:
            first = frame // self._array.chunks[self._time]
            counts[self._time] = range(first, first + 1)
        return product(*counts)
