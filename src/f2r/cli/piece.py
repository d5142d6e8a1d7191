"""Options that choose a piece of a clip, shared by several commands."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from f2r.io.excerpt import Piece


@dataclass(frozen=True)
class PieceArgs:
    """Only some consecutive frames of the clip."""

    start: str | None = None
    """Begin at this time after the first frame, such as 00:01:12 or 72."""
    duration: str | None = None
    """Take so much from there, such as 5 (seconds) or 1:30. Default: the rest."""
    frames: str | None = None
    """Instead of times: the first frame and the one after the last, counted from 0: 100:160."""


WHOLE = PieceArgs()
PieceOptions = Annotated[PieceArgs, tyro.conf.arg(name="")]


def piece_of(args: PieceArgs) -> "Piece | None":
    """Build what the options say; None if they say nothing.

    Raises:
        InputError: they cannot be read.
    """
    from f2r.io.excerpt import parse_piece

    return parse_piece(args.start, args.duration, args.frames)
