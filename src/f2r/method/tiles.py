"""Tiles of large frames, with halos; they shrink when memory runs out.

The halo covers the receptive field and is cut off afterwards, so tiles fit without seams and
without blending.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from f2r.errors import F2RError

GRID = 8
"""Edges of tiles are multiples of this, so that all scales of a network are aligned."""

SMALLEST_TILE = 64
"""Side of the smallest tile, in pixels."""


class Box(NamedTuple):
    """A rectangle of a frame, in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left

    def cut(self, image: Tensor) -> Tensor:
        """Take the rectangle out of (..., H, W)."""
        return image[..., self.top : self.bottom, self.left : self.right]

    def grown(self, margin: int, height: int, width: int) -> "Box":
        """Grow on every side, rounded out to the grid, within a frame whose sides are on it."""
        return Box(
            max(self.top - margin, 0) // GRID * GRID,
            max(self.left - margin, 0) // GRID * GRID,
            min(-(-(self.bottom + margin) // GRID) * GRID, height),
            min(-(-(self.right + margin) // GRID) * GRID, width),
        )


class Tile(NamedTuple):
    """A tile of a frame."""

    inner: Box
    """Part of the frame that the tile fills."""
    outer: Box
    """The same with its halo."""

    def trim(self, computed: Tensor) -> Tensor:
        """Cut the halo off (C, h, w) values of the outer box."""
        top, left = self.inner.top - self.outer.top, self.inner.left - self.outer.left
        height, width = self.inner.size
        return computed[..., top : top + height, left : left + width]


@dataclass
class Tiling:
    """Size of the tiles, shared by all steps on the frames of one clip."""

    side: int = 1 << 30
    """Largest side of a tile, halo included, in pixels; shrinks when memory runs out."""

    def is_whole(self, size: tuple[int, int]) -> bool:
        """Whether a frame fits into one tile."""
        return max(size) <= self.side

    def apply(self, size: tuple[int, int], halo: int, compute: Callable[[Tile], Tensor]) -> Tensor:
        """Compute a frame in tiles.

        Args:
            size: rows and columns of the frame, multiples of `GRID`.
            halo: how far from a pixel its inputs lie.
            compute: gives (C, h, w) values of a tile's outer box.

        Returns:
            (C, H, W) values of the frame.

        Raises:
            F2RError: memory does not suffice for the smallest tiles.
        """
        while True:
            with self._shrinking(size, halo):
                result: Tensor | None = None
                for tile in self.tiles(size, halo):
                    part = tile.trim(compute(tile))
                    if part.shape[-2:] == size:
                        return part
                    if result is None:
                        result = part.new_empty((*part.shape[:-2], *size))
                    tile.inner.cut(result).copy_(part)
                assert result is not None
                return result

    @contextmanager
    def shrinking(self, size: tuple[int, int]) -> Iterator[None]:
        """Make tiles smaller where a computation on a whole frame runs out of memory.

        The block is left then, and the caller continues after it.
        """
        with self._shrinking(size, 0):
            yield

    @contextmanager
    def _shrinking(self, size: tuple[int, int], halo: int) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._shrink(size, halo)

    def tiles(self, size: tuple[int, int], halo: int) -> Iterator[Tile]:
        """Cover a frame by tiles of nearly equal size."""
        height, width = size
        rows, columns = (_cuts(side, self.side, halo) for side in size)
        for top, bottom in rows:
            for left, right in columns:
                inner = Box(top, left, bottom, right)
                yield Tile(inner, inner.grown(halo, height, width))

    def _shrink(self, size: tuple[int, int], halo: int) -> None:
        if self.side <= SMALLEST_TILE + 2 * halo:
            raise F2RError(
                "out of memory even in small pieces: close other programs, or scale the clip"
            )
        self.side = max(min(self.side, max(size)) // 2, SMALLEST_TILE + 2 * halo)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _cuts(side: int, largest: int, halo: int) -> list[tuple[int, int]]:
    """Cut a side into equal parts that are at most `largest` with their halos."""
    if side <= largest:
        return [(0, side)]
    count = -(-side // max(largest - 2 * halo, SMALLEST_TILE))
    edges = [side * i // count // GRID * GRID for i in range(count)] + [side]
    return list(itertools.pairwise(edges))


def is_out_of_memory(error: BaseException) -> bool:
    """Recognise exhausted memory, which torch reports in several ways."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate" in text)
