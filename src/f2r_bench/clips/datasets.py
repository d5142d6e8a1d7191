"""Find the clips of a published data set, or of any folder."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.io import open_reader
from f2r.io.recognise import ARRAY_SUFFIXES, PICTURE_SUFFIXES, TIFF_SUFFIXES, VIDEO_SUFFIXES

FRAME_CAP = 85
"""Frames of a clip that count, as in the published protocols."""
SET8 = (
    "hypersmooth",
    "motorbike",
    "park_joy",
    "rafting",
    "snowboard",
    "sunflower",
    "touchdown",
    "tractor",
)
"""The clips of Set8; published with and without a folder for each of their two sources."""
DAVIS_FRAMES = Path("JPEGImages", "480p")
"""Where DAVIS 2017 keeps its frames."""
DAVIS_LIST = Path("ImageSets", "2017", "test-dev.txt")
"""Where DAVIS 2017 says which clips belong to the test set."""
FRAME_SUFFIXES = PICTURE_SUFFIXES | TIFF_SUFFIXES
CLIP_SUFFIXES = VIDEO_SUFFIXES | ARRAY_SUFFIXES | TIFF_SUFFIXES
DEPTH = 3
"""Levels of folders that are searched."""
MOST_BYTES = 2**33
"""Largest clip that is held in memory, as float32."""


@dataclass(frozen=True)
class Clip:
    """A clean clip on disk."""

    name: str
    """Name in tables and of result files."""
    path: Path
    """Folder of frames, or file."""


@dataclass(frozen=True)
class Dataset:
    """Clips that are measured together."""

    name: str
    """'Set8', 'DAVIS 2017 test-dev', or the name of the folder."""
    clips: tuple[Clip, ...]
    """In the order of their names."""


def find_dataset(root: Path, wanted: Sequence[str] = ()) -> Dataset:
    """Find the clips below a folder.

    A folder that holds pictures is a clip, and so is a video, `.npy` or TIFF stack beside such
    folders. DAVIS 2017 is recognised by its layout, Set8 by its eight names.

    Args:
        root: the data set, or one clip.
        wanted: names of the clips to take; empty takes all.

    Raises:
        InputError: there is no clip, a wanted or listed one is missing, or frames are missing.
    """
    if not root.exists():
        raise InputError(f"{root}: no such folder")
    name, clips = _layout(root)
    unknown = [clip for clip in wanted if clip not in {c.name for c in clips}]
    if unknown:
        known = ", ".join(clip.name for clip in clips)
        raise InputError(f"{root}: has no clip '{unknown[0]}': choose among {known}")
    chosen = [clip for clip in clips if not wanted or clip.name in wanted]
    for clip in chosen:
        check_numbering(clip)
    return Dataset(name, tuple(chosen))


def _layout(root: Path) -> tuple[str, list[Clip]]:
    if (root / DAVIS_FRAMES).is_dir():
        clips = _below(root / DAVIS_FRAMES)
        listed = root / DAVIS_LIST
        if not listed.is_file():
            return "DAVIS", clips
        return "DAVIS 2017 test-dev", _listed(clips, listed.read_text().split(), root)
    clips = _below(root)
    if set(SET8) <= {clip.name for clip in clips}:
        return "Set8", [clip for clip in clips if clip.name in SET8]
    return root.resolve().name, clips


def _listed(clips: Sequence[Clip], names: Sequence[str], root: Path) -> list[Clip]:
    found = {clip.name: clip for clip in clips}
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{root}: the listed clip '{missing[0]}' is missing: copy it again")
    return [found[name] for name in sorted(names)]


def _below(root: Path) -> list[Clip]:
    paths = [root] if root.is_file() else sorted(_clip_paths(root, DEPTH))
    if not paths:
        raise InputError(
            f"{root}: holds no clips: give a folder of clips, each a folder of frames, a video, "
            "a TIFF stack or .npy"
        )
    names = [path.stem if path.is_file() else path.name for path in paths]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{root}: two clips are called '{twice[0]}': rename one")
    return sorted(map(Clip, names, paths), key=lambda clip: clip.name)


def _clip_paths(folder: Path, depth: int) -> Iterator[Path]:
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    if any(path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES for path in inside):
        yield folder
        return
    stills = [path for path in inside if path.is_file() and path.suffix.lower() in TIFF_SUFFIXES]
    if stills and _is_one_page(stills[0]):
        yield folder
        return
    for path in inside:
        if path.is_dir() and depth > 1:
            yield from _clip_paths(path, depth - 1)
        elif path.is_file() and path.suffix.lower() in CLIP_SUFFIXES:
            yield path


def _is_one_page(path: Path) -> bool:
    import tifffile

    try:
        with tifffile.TiffFile(path) as tif:
            return len(tif.pages) == 1
    except (tifffile.TiffFileError, OSError):
        return False


def check_numbering(clip: Clip) -> None:
    """Refuse a folder of numbered frames that leaves numbers out.

    Raises:
        InputError: a frame is missing; the text names the first.
    """
    if clip.path.is_file():
        return
    files = [f for f in clip.path.iterdir() if f.suffix.lower() in FRAME_SUFFIXES]
    numbers = sorted(int(m[1]) for f in files if (m := re.search(r"(\d+)$", f.stem)))
    steps = [b - a for a, b in pairwise(numbers)]
    if len(numbers) < len(files) or len(steps) < 2:
        return
    usual = min(steps)
    for number, step in zip(numbers, steps, strict=False):
        if step != usual and usual > 0:
            raise InputError(
                f"{clip.path}: frame {number + usual} is missing, after frame {number}: copy the "
                "clip again, or remove what follows"
            )


def read_clip(clip: Clip, frames: int = FRAME_CAP) -> Tensor:
    """Read the first frames of a clip: (T, C, H, W) float32, nominal; C is 3, or 1 of a grey one.

    Raises:
        InputError: the clip cannot be read, has other channels, or is too large to be held.
    """
    with open_reader(clip.path) as reader:
        info = reader.info
        if not info.is_colour and info.channels != 1:
            raise InputError(
                f"{clip.path}: has {info.channels} channels: methods are compared on RGB or grey"
            )
        count = min(frames, info.frames or frames)
        if 4 * info.channels * info.width * info.height * count > MOST_BYTES:
            raise InputError(f"{clip.path}: is larger than 8 GiB in memory: use fewer --frames")
        read = list(islice(reader, frames))
    if not read:
        raise InputError(f"{clip.path}: has no frames")
    return torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2).contiguous()


def size_of(text: str) -> tuple[int, int]:
    """Read WIDTHxHEIGHT.

    Raises:
        InputError: the text is no size.
    """
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    if min(width, height) < 2:
        raise InputError(f"'{text}' is no size: give for example 256x192")
    return width, height


def crop_centre(clip: Tensor, size: str) -> Tensor:
    """Cut the centre out of (..., H, W): at most WIDTHxHEIGHT, sides even."""
    wanted = size_of(size)[::-1]
    for axis, most in zip((-2, -1), wanted, strict=True):
        length = min(most, clip.shape[axis]) // 2 * 2
        clip = clip.narrow(axis, (clip.shape[axis] - length) // 4 * 2, length)
    return clip.contiguous()
