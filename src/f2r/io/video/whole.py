"""Completeness of formats whose end FFmpeg does not check."""

from pathlib import Path

from f2r.errors import InputError
from f2r.io.video.gif import check_gif

Y4M = b"YUV4MPEG2"
LONGEST_LINE = 1024
"""Bytes of a header of YUV4MPEG2."""
SPACES = {"420": (2, 2, 2), "422": (2, 2, 1), "444": (2, 1, 1), "411": (2, 4, 1)}
SPACES |= {"mono": (0, 1, 1), "444alpha": (3, 1, 1)}
"""Planes besides luma, and how many luma samples there are to one of theirs, across and down."""


def check_whole(path: Path, kind: str) -> None:
    """Walk over the frames of YUV4MPEG2 or GIF without decoding YUV4MPEG2.

    Args:
        path: the video.
        kind: FFmpeg's name of its container; others than these two are not looked at.

    Raises:
        InputError: the file ends within a frame, or is damaged.
    """
    if kind == "yuv4mpegpipe":
        _check_y4m(path)
    elif kind == "gif":
        check_gif(path)


def _check_y4m(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.readline(LONGEST_LINE)
        length = _frame_bytes(head)
        if length is None:
            return
        number = 0
        while line := stream.readline(LONGEST_LINE):
            number += 1
            if not (line.startswith(b"FRAME") and line.endswith(b"\n")):
                raise _cut(path, number)
            if stream.tell() + length > size:
                raise _cut(path, number)
            stream.seek(length, 1)


def _cut(path: Path, number: int) -> InputError:
    return InputError(
        f"{path}: ends or is damaged within frame {number}: the program that made it was probably "
        "stopped; make it again, or pass --skip-corrupt for the whole frames"
    )


def _frame_bytes(head: bytes) -> int | None:
    """Give the bytes of a frame; None if the header names a colour space that is not known."""
    fields = {word[:1]: word[1:] for word in head.decode("ascii", "replace").split()[1:]}
    space = fields.get("C", "420")
    try:
        width, height = int(fields["W"]), int(fields["H"])
    except (KeyError, ValueError):
        return None
    name, depth = _depth_of(space)
    if name not in SPACES or width < 1 or height < 1:
        return None
    planes, across, down = SPACES[name]
    further = planes * -(-width // across) * -(-height // down)
    return (width * height + further) * (1 if depth == 8 else 2)


def _depth_of(space: str) -> tuple[str, int]:
    """Split '422p10' or 'mono16' into its name and bits; siting such as '420jpeg' is left out."""
    if space.startswith("420"):
        name, rest = "420", space[3:]
        return (name, int(rest[1:])) if rest[:1] == "p" and rest[1:].isdecimal() else (name, 8)
    if space.startswith("mono"):
        return "mono", int(space[4:]) if space[4:].isdecimal() else 8
    name, _, bits = space.partition("p")
    return name, int(bits) if bits.isdecimal() else 8
