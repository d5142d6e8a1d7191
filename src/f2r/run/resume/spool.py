"""Spool of the finished frames on disk, in order, for resuming.

One file grows by one record per frame and is synchronised after each. A record is a header and the
compressed samples of the output, each with a checksum. A crash can truncate only the last record;
an error before a complete record is damage.
"""

import hashlib
import io
import mmap
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.clip import Samples
from f2r.run.result import Mark
from f2r.system.sealed import damaged

RECORD_HEADER = struct.Struct("<4sQIBI")
"""Magic number, bytes of the content, their CRC-32, mark of the frame, CRC-32 of the header."""
CHECK = 4
"""Bytes of a checksum."""

RECORD = b"F2Rf"


class FrameSpool:
    """An append-only file of frames.

    Args:
        path: the file; an existing one is continued after its last whole record.

    Raises:
        InputError: the file cannot be opened, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.marks: list[Mark] = []
        """One per frame."""
        self._starts: list[int] = []
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from error
        try:
            self._end = self._scan()
            if self._end < path.stat().st_size:
                self._file.truncate(self._end)
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        return len(self.marks)

    def append(self, samples: Samples, mark: Mark) -> None:
        """Append a frame and synchronise the file.

        Raises:
            InputError: the disk is full.
        """
        content = zlib.compress(_pack(samples), 1)
        flags = mark.starts_shot + 2 * mark.is_alone
        header = RECORD_HEADER.pack(RECORD, len(content), zlib.crc32(content), flags, 0)[:-CHECK]
        header += zlib.crc32(header).to_bytes(CHECK, "little")
        try:
            self._file.seek(self._end)
            self._file.write(header + content)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot grow ({error.strerror}): free some space on that disk"
            ) from error
        self._starts.append(self._end)
        self.marks.append(mark)
        self._end += len(header) + len(content)

    def read(self, index: int) -> Samples:
        """Return the samples of a frame.

        Raises:
            InputError: the record was damaged since it was written.
        """
        content = self._content(self._starts[index])
        if content is None:
            raise damaged(self.path, f"frame {index + 1}: its checksum is wrong")
        return _unpack(zlib.decompress(content))

    def check(self) -> None:
        """Read every frame.

        Raises:
            InputError: one was damaged since it was written.
        """
        for index, start in enumerate(self._starts):
            if self._content(start) is None:
                raise damaged(self.path, f"frame {index + 1}: its checksum is wrong")

    def digest(self) -> str:
        """Give the SHA-256 of all headers, which hold the checksums of all frames."""
        digest = hashlib.sha256()
        for start in self._starts:
            self._file.seek(start)
            digest.update(self._file.read(RECORD_HEADER.size))
        return digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # `append` has raised what it could not write
            self._file.close()

    def _scan(self) -> int:
        """Find the records by their headers; return where the last whole one ends."""
        size = self._file.seek(0, os.SEEK_END)
        end = 0
        while (found := self._header(end)) is not None:
            length, _, flags = found
            if end + RECORD_HEADER.size + length > size:
                break
            self._starts.append(end)
            self.marks.append(Mark(bool(flags & 1), bool(flags & 2)))
            end += RECORD_HEADER.size + length
        if self._starts and self._content(self._starts[-1]) is None:  # only the last can be torn
            self.marks.pop()
            end = self._starts.pop()
        self._refuse_records_after(end)
        return end

    def _refuse_records_after(self, end: int) -> None:
        """Raise on damage; a truncated end is followed by no complete record."""
        if end == self._file.seek(0, os.SEEK_END):
            return
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = data.find(RECORD, end + 1)
            while found > 0:
                if self._content(found) is not None:
                    raise damaged(self.path, f"frame {len(self.marks) + 1}: its checksum is wrong")
                found = data.find(RECORD, found + 1)

    def _header(self, start: int) -> tuple[int, int, int] | None:
        self._file.seek(start)
        data = self._file.read(RECORD_HEADER.size)
        if len(data) < RECORD_HEADER.size or not data.startswith(RECORD):
            return None
        _, length, checksum, flags, own = RECORD_HEADER.unpack(data)
        return None if zlib.crc32(data[:-CHECK]) != own else (length, checksum, flags)

    def _content(self, start: int) -> bytes | None:
        found = self._header(start)
        if found is None:
            return None
        content = self._file.read(found[0])
        return content if zlib.crc32(content) == found[1] else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def count_frames(path: Path, start: int = 0) -> tuple[int, int]:
    """Count the frames of a spool that another process may be writing.

    Args:
        path: the file; nothing is changed, and there may be none.
        start: end of a frame, from which to count.

    Returns:
        Frames, and where the last one ends in bytes.
    """
    count = 0
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            while start + RECORD_HEADER.size <= size:
                file.seek(start)
                mark, length, *_ = RECORD_HEADER.unpack(file.read(RECORD_HEADER.size))
                if mark != RECORD or start + RECORD_HEADER.size + length > size:
                    break
                start += RECORD_HEADER.size + length
                count += 1
    except OSError:
        return count, start
    return count, start


def _pack(samples: Samples) -> bytes:
    buffer = io.BytesIO()
    for plane in samples:
        np.save(buffer, _differences(plane), allow_pickle=False)
    return buffer.getvalue()


def _unpack(content: bytes) -> Samples:
    buffer = io.BytesIO(content)
    planes = []
    while buffer.tell() < len(content):
        planes.append(_sums(np.load(buffer, allow_pickle=False)))
    return planes


def _differences(plane: NDArray[Any]) -> NDArray[Any]:
    """Replace integers by their difference from the left, which compresses better."""
    if plane.dtype.kind != "u":
        return plane
    changes = plane.copy()
    changes[:, 1:] -= plane[:, :-1]
    return changes


def _sums(changes: NDArray[Any]) -> NDArray[Any]:
    if changes.dtype.kind != "u":
        return changes
    return np.cumsum(changes, axis=1, dtype=changes.dtype)
