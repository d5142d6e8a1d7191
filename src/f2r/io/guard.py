"""Reading of clips with all errors converted to one line."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from f2r.errors import reading
from f2r.io.clip import COUNTED, ClipInfo, Closing, Frame, FrameReader

LARGEST_RELATIVE = 64.0
"""Level above which float samples are counts rather than relative to white."""
LEVEL_PERCENTILE = 99.0
"""Percentile that measures the level of a frame."""


class GuardedReader(Closing):
    """A reader that raises only `InputError`.

    Args:
        name: the clip in errors.
        open_it: opens the reader behind it.
        counts_to_nominal: divide floats that count something by a power of two, so that they come
            near 1; `info.scale` holds the power, and writers undo it.

    Raises:
        InputError: the clip cannot be opened.
    """

    def __init__(
        self, name: object, open_it: Callable[[], FrameReader], *, counts_to_nominal: bool = False
    ) -> None:
        self._name = name
        self._scale = 1.0
        with reading(name):
            self._inner = open_it()
            info = self._inner.info
            # The first frame also tells a writer whether there is NaN.
            first = next(iter(self._inner), None) if info.dtype in COUNTED else None
        if counts_to_nominal and first is not None and info.mosaic is None:
            self._scale = _scale_of(first)
            info = replace(info, scale=info.scale * self._scale)
        self.info: ClipInfo = info

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        frames = self._inner.starting_at(start)
        while True:
            with reading(self._name):
                frame = next(frames, None)
            if frame is None:
                return
            yield frame if self._scale == 1 else frame / np.float32(self._scale)

    def entry_before(self, start: int) -> int:
        """Give the frame at which decoding must begin to reach frame `start`."""
        return self._inner.entry_before(start)

    @property
    def skipped(self) -> int:
        """Damaged packets that the latest pass left out."""
        return int(getattr(self._inner, "skipped", 0))

    def close(self) -> None:
        """Close the file."""
        self._inner.close()


def _scale_of(frame: Frame) -> float:
    """Give the power of two that brings counts near 1; 1 for samples relative to white."""
    level = float(np.percentile(np.abs(frame), LEVEL_PERCENTILE))
    return float(2.0 ** np.ceil(np.log2(level))) if level > LARGEST_RELATIVE else 1.0
