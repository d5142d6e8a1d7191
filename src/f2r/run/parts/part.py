"""A part of a clip: its frames, and those that it reads."""

import re
from dataclasses import dataclass
from typing import Self

from f2r.errors import InputError

MOST_PARTS = 99_999
"""Parts of a clip, at most: their number has five digits in file names."""


@dataclass(frozen=True, order=True)
class Part:
    """One of the parts that a clip is cut into, by the numbers of its frames."""

    count: int
    """Parts of the clip; >= 1."""
    number: int
    """Number of this part, 1 to `count`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a part such as '3/16'.

        Raises:
            InputError: the text is no part, or there is no such part.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
        number, count = (int(match[1]), int(match[2])) if match else (0, 0)
        if match is None or not 1 <= number <= count <= MOST_PARTS:
            raise InputError(
                f"--part {text}: there is no such part: give NUMBER/COUNT, such as 1/16 to 16/16"
            )
        return cls(count, number)

    @property
    def name(self) -> str:
        """Prefix of the files of the part."""
        return f"{self.number:05d}-of-{self.count:05d}"

    def frames(self, total: int) -> range:
        """Give the frames of the part, counted from 0, of a clip of `total` frames."""
        return range(total * (self.number - 1) // self.count, total * self.number // self.count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parts_of(count: int) -> list[Part]:
    """List all parts of a clip."""
    return [Part(count, number) for number in range(1, count + 1)]
