"""How the chunks of a Zarr array are laid out in files and compressed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from f2r.errors import InputError

COMPRESSORS = ("blosc", "zstd", "gzip", "zlib", "bz2", "lzma", "lz4")
"""Compressors whose chunks are checked before they are unpacked."""
PLAIN = {"bytes", "crc32c", "transpose"}
"""Codecs that leave the number of bytes as it is, but for a checksum."""
SHARDING, CHECKSUM = "sharding_indexed", "crc32c"
CHECKSUM_BYTES = 4
ABSENT = 2**64 - 1
"""Place and size of a chunk that a shard leaves out."""


@dataclass(frozen=True)
class Layout:
    """How the chunks of an array lie in its files."""

    shape: tuple[int, ...]
    """Lengths of the array."""
    file: tuple[int, ...]
    """Lengths of the part of the array in one file: a chunk or a shard."""
    chunk: tuple[int, ...]
    """Lengths of a chunk."""
    size: int
    """Bytes of the pixels of a chunk."""
    compressor: str | None
    """Name from `COMPRESSORS`; None where chunks are not compressed, or in another way."""
    is_exact: bool
    """Whether a chunk unpacks to `size` bytes, because no filter changes them."""
    is_sharded: bool
    """Whether a file is a shard, with an index of its chunks."""
    index_checksum: int = 0
    """Bytes of the checksum of that index."""
    index_is_first: bool = False
    """Whether the index lies before the chunks."""
    absent: int = ABSENT
    """Place and size of a chunk that is left out."""

    @property
    def chunks_in_file(self) -> tuple[int, ...]:
        """Number of chunks of a shard along each axis."""
        return tuple(f // c for f, c in zip(self.file, self.chunk, strict=True))


def read_layout(array: Any, path: Path) -> Layout:
    """Read the layout of an array of the library.

    Args:
        array: a `zarr.Array`.
        path: the image in errors.

    Raises:
        InputError: its chunks are changed after compression, or its shards are of an uncommon kind.
    """
    codecs = _codecs(array.metadata.to_dict())
    shard = _shard(codecs, path)
    names = [_name(codec) for codec in (shard["codecs"] if shard else codecs)]
    compressors = [name for name in names if name in COMPRESSORS]
    after = {*names[names.index(compressors[0]) + 1 :]} if compressors else set[str]()
    if not after <= {CHECKSUM}:
        raise InputError(f"{path}: chunks with codecs {names} are not supported: save it again")
    return Layout(
        shape=tuple(array.shape),
        file=tuple(array.shards or array.chunks),
        chunk=tuple(array.chunks),
        size=prod(array.chunks) * np.dtype(array.dtype).itemsize,
        compressor=compressors[0] if compressors else None,
        is_exact={*names} <= {*PLAIN, *compressors},
        is_sharded=bool(shard),
        index_checksum=CHECKSUM_BYTES if shard and len(shard["index_codecs"]) > 1 else 0,
        index_is_first=shard.get("index_location") == "start",
    )


def _shard(codecs: Sequence[Any], path: Path) -> Mapping[str, Any]:
    """Return what the metadata say of shards, empty without any."""
    if SHARDING not in map(_name, codecs):
        return {}
    shard: Mapping[str, Any] = codecs[0].get("configuration", {})
    index = [_name(codec) for codec in shard.get("index_codecs", ())]
    is_plain = len(codecs) == 1 and SHARDING not in map(_name, shard["codecs"])
    if not is_plain or index not in (["bytes"], ["bytes", CHECKSUM]):
        raise InputError(f"{path}: shards of this kind are not supported: save it again")
    return shard


def _codecs(metadata: Mapping[str, Any]) -> Sequence[Any]:
    """List the codecs of an array, in the order of writing."""
    if "codecs" in metadata:
        found: Sequence[Any] = metadata["codecs"]
        return found
    return [codec for codec in (*(metadata["filters"] or ()), metadata["compressor"]) if codec]


def _name(codec: Any) -> str:
    """Name a codec of Zarr 3, or of Zarr 2 (`id`)."""
    return str(codec.get("name", codec.get("id"))).removeprefix("numcodecs.")
