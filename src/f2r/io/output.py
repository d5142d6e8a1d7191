"""Outputs that appear under their name only when they are complete."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import numpy as np

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Frame, Samples
from f2r.io.names import check_name
from f2r.system.claim import Claim
from f2r.system.placing import cannot_write, check_file, check_free, discard


def check_output(path: Path, source: Path | None, *, overwrite: bool) -> None:
    """Refuse an output that cannot be written or would destroy something.

    Raises:
        InputError: the folder is missing or read-only, the output is the input, or it exists.
    """
    check_name(path)
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder: create it or name another output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: this folder is not writable: name another output with -o")
    if source is not None and _is_same(path, source):
        raise InputError(f"{path}: the output is the input: name another output with -o")
    if source is not None and source.is_dir() and source.resolve() in path.resolve().parents:
        raise InputError(f"{path}: the output lies inside the input folder: name another with -o")
    check_free(path, overwrite=overwrite)


def claim_file(path: Path, source: str, *, overwrite: bool) -> Claim:
    """Check a single file to write, and take the right to.

    Raises:
        InputError: it cannot be written, would replace something, or is being written.
    """
    check_output(path, None if source == "-" else Path(source), overwrite=overwrite)
    check_file(path, overwrite=overwrite)
    return Claim(path, overwrite=overwrite)


def _is_same(path: Path, other: Path) -> bool:
    if path.resolve() == other.resolve():
        return True
    return path.exists() and other.exists() and path.samefile(other)


class FileWriter(ABC):
    """Base of the writers: checks, the unfinished file, and its move into place.

    Args:
        claim: claim of the output, which has been checked by `check_output`.
        info: the clip to write.
        losses: what this output cannot keep.
    """

    failures: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    """What writing raises when the disk is full or the encoder gives up."""
    keeps_nan: bool = True
    """Whether float samples are written as they are."""

    def __init__(self, claim: Claim, info: ClipInfo, losses: tuple[str, ...]) -> None:
        self.path = claim.path
        self.info = info
        self.count = 0
        self._losses = (*(info.source.unread if info.source else ()), *losses)
        if info.source is not None and info.source.gaps and not self.keeps_nan:
            self._losses += ("NaN is filled, the output cannot hold it.",)
        self._claim = claim
        self._part = claim.part(claim.path)
        self._is_open = self._holds_claim = True

    @property
    def losses(self) -> tuple[str, ...]:
        """Properties that the output cannot keep, one sentence each."""
        return self._losses

    def write(self, frame: Frame) -> None:
        """Append one (H, W, C) float32 frame in nominal units."""
        self.put(self.pack(frame))

    def pack(self, frame: Frame) -> Samples:
        """Convert a frame to the samples of the file, without writing."""
        shape = (self.info.height, self.info.width, self.info.channels)
        if frame.shape != shape:
            raise ValueError(f"frame of shape {frame.shape}, the clip has {shape}")
        return self._pack(frame)

    def put(self, samples: Samples) -> None:
        """Append a packed frame."""
        if not self._is_open:
            raise ValueError(f"{self.path} is closed")
        with self._explained():
            self._put(self._with_gaps(samples))
        self.count += 1

    def _with_gaps(self, samples: Samples) -> Samples:
        """Put NaN back where the input has it; integers and videos cannot hold it."""
        source = self.info.source
        if source is None or not source.gaps or samples[0].dtype != np.float32:
            return samples
        return [source.gaps.restore(plane, self.count) for plane in samples]

    def close(self) -> None:
        """Finish the file and move it into place; closing twice is harmless."""
        if not self._is_open:
            return
        if self.count == 0:
            self.abort()
            raise InputError(f"{self.path}: not written, the clip has no frame")
        try:
            with self._explained():
                self._finish()
                self._is_open = False
                self._claim.place(self._part, self.path, self._check_replaced)
        finally:
            self.abort()
            self._drop()

    def abort(self) -> None:
        """Remove what was written; a finished file stays."""
        if self._is_open:
            self._is_open = False
            try:
                self._release()
            finally:
                self._drop()

    def _drop(self) -> None:
        """Remove the unfinished file and release the output."""
        if not self._holds_claim:
            return
        self._holds_claim = False
        discard(self._part)
        if not self._claim.is_shared:
            self._claim.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Remove the unfinished file when writing fails, and say why in one line."""
        try:
            yield
        except self.failures as error:
            with suppress(*self.failures):
                self.abort()
            self._is_open = False
            self._drop()
            raise cannot_write(self.path, error) from error

    def _check_replaced(self, old: Path, new: Path) -> None:
        """Refuse to lose what the folder `old` holds, which `new` is going to replace."""
        raise NotImplementedError(f"{old} -> {new}: writers of folders say what may be lost")

    @abstractmethod
    def _pack(self, frame: Frame) -> Samples:
        """Turn a frame of the right shape into the samples of the file."""

    @abstractmethod
    def _put(self, samples: Samples) -> None:
        """Append packed samples."""

    @abstractmethod
    def _finish(self) -> None:
        """Write the rest and close the unfinished file."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of the unfinished file without finishing it."""
