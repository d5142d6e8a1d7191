"""Which kind of file a path is, by its suffix and first bytes, and advice for what is none."""

from dataclasses import dataclass
from pathlib import Path

from f2r.errors import InputError

ARRAY_SUFFIXES = {".npy"}
ZARR_SUFFIXES = {".zarr"}
TIFF_SUFFIXES = {".tif", ".tiff", ".btf"}
VIDEO_SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".y4m"}
"""Containers that can be written; many more can be read."""
READABLE_SUFFIXES = VIDEO_SUFFIXES | {
    *(".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".mxf", ".3gp", ".ogv", ".ivf")
}
"""Files of a folder that are taken for videos."""
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}

RECOGNISED_BYTES = 64
"""Bytes by which a file is recognised."""
AS_FOLDER = "put the frames of the clip into a folder and pass that"


@dataclass(frozen=True)
class Kind:
    """A kind of file that must bear its own suffix."""

    what: str
    suffixes: frozenset[str]
    """Suffixes that go with it."""
    proper: str
    """Suffix to rename it to; empty if that would not help."""


ARRAY_FILE = Kind("a NumPy array", frozenset(ARRAY_SUFFIXES), ".npy")
TIFF_FILE = Kind("a TIFF file", frozenset(TIFF_SUFFIXES), ".tif")
SINGLE_PICTURE = Kind("a single picture", frozenset(), "")
MAGIC = {
    b"\x93NUMPY": ARRAY_FILE,
    b"II*\0": TIFF_FILE,
    b"MM\0*": TIFF_FILE,
    b"II+\0": TIFF_FILE,
    b"MM\0+": TIFF_FILE,
    b"\x89PNG": SINGLE_PICTURE,
    b"\xff\xd8\xff": SINGLE_PICTURE,
}
MATROSKA = b"\x1aE\xdf\xa3"


def check_file(path: Path) -> str:
    """Check that there is a file whose first bytes go with its name; return its suffix.

    Raises:
        InputError: there is none, or its name says something else than its bytes.
    """
    start = _start_of(path)
    suffix = path.suffix.lower()
    found = next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), None)
    if _is_animated(path, start):
        raise InputError(
            f"{path}: is an animated PNG, which is not read: make it a video first, for example "
            "with ffmpeg -i INPUT -c:v ffv1 OUTPUT.mkv"
        )
    if found is SINGLE_PICTURE or suffix in PICTURE_SUFFIXES:
        raise InputError(f"{path}: is a single picture: {AS_FOLDER}")
    if found is not None and suffix not in found.suffixes:
        raise InputError(
            f"{path}: is {found.what} under a wrong name: rename it to *{found.proper}"
        )
    for kind in (ARRAY_FILE, TIFF_FILE):
        if suffix in kind.suffixes and found is not kind:
            if start.startswith(MATROSKA):
                raise InputError(
                    f"{path}: is a Matroska video under a wrong name: rename it to *.mkv"
                )
            raise InputError(f"{path}: is not what its extension {suffix} says: save it again")
    return suffix


def _start_of(path: Path) -> bytes:
    if not path.exists():
        raise InputError(f"{path}: no such file or folder: check the name")
    if not path.is_file():
        raise InputError(f"{path}: is not a file: pass a video, a folder, a TIFF stack or .npy")
    try:
        with path.open("rb") as stream:
            start = stream.read(RECOGNISED_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    if not start:
        raise InputError(f"{path}: is empty (0 bytes): copy or record it again")
    return start


def _is_animated(path: Path, start: bytes) -> bool:
    """Tell an animated PNG: the chunk acTL stands before the pixels (PNG, 3rd edition, 11.3.6)."""
    if not start.startswith(b"\x89PNG"):
        return False
    with path.open("rb") as stream:
        head = stream.read(2**16)
    place = head.find(b"acTL")
    return place > 0 and (head.find(b"IDAT") < 0 or place < head.find(b"IDAT"))
