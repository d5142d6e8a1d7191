"""Gaps (NaN): filled on reading and restored on writing."""

import zlib
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from f2r.errors import InputError

MIRROR_ROUNDS = 16
"""Rounds of mirroring; each about doubles the filled area."""


class Gaps:
    """Positions of NaN in the frames of a clip, such as borders after registration.

    A reader fills and records them; a writer restores them.
    """

    def __init__(self) -> None:
        self._masks: dict[int, tuple[tuple[int, ...], bytes]] = {}
        self._first = 0
        self._last: NDArray[np.float32] | None = None

    def __bool__(self) -> bool:
        return bool(self._masks)

    def fill(
        self, frame: NDArray[np.float32], index: int, name: object = "clip"
    ) -> NDArray[np.float32]:
        """Return the (H, W, C) frame with mirrored pixels in its gaps, and record them.

        Mirrored pixels have the noise of their surroundings; a mean would not.

        Raises:
            InputError: the frame holds infinity, or the first frame holds no number.
        """
        if np.isfinite(frame).all():
            self._masks.pop(index, None)
            filled = frame
        else:
            gaps = _find_gaps(frame, index, name)
            self._masks[index] = (gaps.shape, zlib.compress(np.packbits(gaps).tobytes(), 1))
            filled = frame.copy()
            for channel in range(frame.shape[2]):
                self._fill_plane(filled[..., channel], gaps[..., channel], (index, channel, name))
        self._last = filled
        return filled

    def from_frame(self, first: int) -> "Gaps":
        """Give the same gaps for a writer of the frames from `first` on."""
        part = Gaps()
        part._masks, part._first = self._masks, self._first + first
        return part

    def restore(self, frame: NDArray[np.float32], index: int) -> NDArray[np.float32]:
        """Return a frame, (H, W, C) or grey (H, W), with NaN where input frame `index` has it."""
        index += self._first
        if index not in self._masks:
            return frame
        shape, packed = self._masks[index]
        bits = np.frombuffer(zlib.decompress(packed), np.uint8)
        gaps = np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)
        if gaps.size != frame.size:
            return frame
        return np.where(gaps.reshape(frame.shape), np.float32(np.nan), frame)

    def forget(self, index: int) -> None:
        """Forget the gaps of a finished frame."""
        self._masks.pop(self._first + index, None)

    def _fill_plane(
        self,
        plane: NDArray[np.float32],
        gaps: NDArray[np.bool_],
        place: tuple[int, int, object],
    ) -> None:
        if not gaps.any():
            return
        if not gaps.all():
            mirror_into(plane, gaps)
            return
        index, channel, name = place
        if index == 0 or self._last is None:
            raise InputError(f"{name}: frame {index + 1} holds nothing but NaN: leave it out")
        plane[...] = self._last[..., channel]


def fill_from(
    start: int,
    frames: int,
    read: Callable[[int], NDArray[np.float32]],
    gaps: Gaps,
    name: object,
) -> Iterator[NDArray[np.float32]]:
    """Yield the filled frames from `start` on, as a pass over the whole clip gives them.

    A channel without any number takes the frame before, so reading begins where there is one.

    Args:
        start: first frame that is wanted.
        frames: frames of the clip.
        read: gives the (H, W, C) frame of an index, with its gaps.
        gaps: notes them.
        name: the clip in errors.
    """
    first = start
    while 0 < first < frames and np.isnan(read(first)).all((0, 1)).any():
        first -= 1
    for i in range(first, frames):
        filled = gaps.fill(read(i), i, name)
        if i >= start:
            yield filled


def _find_gaps(frame: NDArray[np.float32], index: int, name: object) -> NDArray[np.bool_]:
    if np.isinf(frame).any():
        raise InputError(f"{name}: frame {index + 1} holds infinity: replace those values first")
    gaps: NDArray[np.bool_] = np.isnan(frame)
    return gaps


def mirror_into(plane: NDArray[np.float32], gaps: NDArray[np.bool_]) -> None:
    """Fill the gaps of an (H, W) plane in place, each mirrored at the nearest pixel outside.

    Args:
        plane: the pixels.
        gaps: (H, W), where they are missing; not everywhere.
    """
    missing = gaps.copy()
    grid = np.indices(plane.shape)
    for _ in range(MIRROR_ROUNDS):
        nearest = _nearest(missing)
        mirrored = 2 * nearest - grid
        limits = np.array(plane.shape)[:, None, None]
        inside = ((mirrored >= 0) & (mirrored < limits)).all(0)
        rows, columns = np.where(inside, mirrored, 0)
        ready = missing & inside & ~missing[rows, columns]
        if not ready.any():
            break
        plane[ready] = plane[rows[ready], columns[ready]]
        missing &= ~ready
        if not missing.any():
            return
    rows, columns = _nearest(missing)
    plane[missing] = plane[rows[missing], columns[missing]]


def _nearest(missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give (2, H, W): row and column of the nearest pixel that is not missing."""
    import cv2

    _, labels = cv2.distanceTransformWithLabels(
        missing.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    present = np.nonzero(~missing)
    place = np.zeros((2, int(labels.max()) + 1), np.int64)
    place[:, labels[present]] = present
    return place[:, labels]
