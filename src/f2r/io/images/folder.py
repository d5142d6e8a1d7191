"""Folders of numbered pictures: PNG, TIFF, JPEG, BMP, OpenEXR."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from f2r.errors import InputError
from f2r.io.clip import (
    ClipInfo,
    EncodeOptions,
    Frame,
    Indexed,
    Samples,
    SampleType,
    Source,
    check_frame_size,
    sample_type,
    stack_info,
    to_nominal,
    to_samples,
    white,
    written_scale,
)
from f2r.io.gaps import fill_from
from f2r.io.images import picture
from f2r.io.output import FileWriter
from f2r.system.claim import Claim

SAME_SUFFIX = {".jpeg": ".jpg", ".tiff": ".tif"}
"""Suffixes that mean the same as another."""
UNREADABLE = {".dng", ".webp", ".gif", ".tga", ".dpx", ".hdr"}
UNPICTURED = {"float32", "int16", "uint32"}
"""Types of samples that PNG cannot hold."""
CODEC_SUFFIXES = {"png": ".png", "tiff": ".tif", "bmp": ".bmp", "exr": ".exr"}


@dataclass(frozen=True)
class FolderSource(Source):
    """A folder of pictures in the order of their frames."""

    names: tuple[str, ...] = ()
    """File names, which the output keeps."""

    def piece(self, frames: range) -> "FolderSource":
        """Describe some consecutive frames."""
        gaps = self.gaps.from_frame(frames.start)
        return replace(self, names=self.names[frames.start : frames.stop], gaps=gaps)


def natural_key(name: str) -> list[tuple[int, str]]:
    """Sort key under which `frame10` follows `frame9`."""
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


class FolderReader(Indexed):
    """Frames of a folder, one picture decoded at a time.

    Args:
        path: the folder.
        files: its pictures in order; None finds them.
        skip_corrupt: leave damaged pictures out.
    """

    def __init__(
        self, path: Path, files: list[Path] | None = None, *, skip_corrupt: bool = False
    ) -> None:
        self._path = path
        self._files = _find_pictures(path) if files is None else files
        for file in self._files:
            if not file.is_file():  # a pipe would be waited for
                raise InputError(f"{file}: is no file: keep only the frames of one clip here")
        damaged = _find_damaged(self._files) if skip_corrupt else []
        self._files = [file for file in self._files if file not in damaged]
        if not self._files:
            raise InputError(f"{path}: all its pictures are damaged: copy them again")
        self._size = _check_sizes(self._files)
        self.info = self._describe(damaged)

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        assert self.info.source is not None
        gaps = self.info.source.gaps
        return fill_from(start, len(self._files), self._frame, gaps, self._path)

    def _frame(self, index: int) -> Frame:
        file = self._files[index]
        frame, _ = self._read(file)
        expected = (self.info.height, self.info.width, self.info.channels)
        if frame.shape != expected:
            raise InputError(
                f"{file}: {_layout(frame.shape)}, the first frame {_layout(expected)}: "
                "all frames of a folder must agree"
            )
        return frame

    def _read(self, file: Path) -> tuple[Frame, bool]:
        """Return the frame, and whether transparency was left behind."""
        samples = picture.read_picture(file)
        scale = white(sample_type(samples.dtype, file))
        samples = samples[..., None] if samples.ndim == 2 else samples
        has_alpha = samples.shape[2] in {2, 4}
        if samples.shape[2] > 4:
            raise InputError(f"{file}: {samples.shape[2]} channels: pictures have 1 or 3")
        return to_nominal(samples[..., : samples.shape[2] - has_alpha], scale), has_alpha

    def _describe(self, damaged: list[Path]) -> ClipInfo:
        samples = picture.read_picture(self._files[0])
        frame, has_alpha = self._read(self._files[0])
        dtype = sample_type(samples.dtype, self._files[0])
        unread = ["Transparency (the alpha channel) is left out."] if has_alpha else []
        if damaged:
            names = ", ".join(file.name for file in damaged)
            unread.append(f"Damaged pictures are left out: {names}.")
        source = FolderSource(self._path, tuple(unread), tuple(file.name for file in self._files))
        is_colour, shape = frame.shape[2] == 3, (*self._size, frame.shape[2])
        info = stack_info(len(self._files), shape, dtype, source, is_colour=is_colour)
        if _kind(self._files[0]) != ".jpg":
            return info
        return replace(info, chroma_subsampled=is_colour, coding="JPEG")


def _layout(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]} with {shape[2]} channels"


def _kind(file: Path) -> str:
    suffix = file.suffix.lower()
    return SAME_SUFFIX.get(suffix, suffix)


def _find_pictures(path: Path) -> list[Path]:
    try:
        files = [file for file in path.iterdir() if not file.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    found = [file for file in files if file.suffix.lower() in picture.SUFFIXES]
    if not found:
        others = {file.suffix.lower() for file in files} & UNREADABLE
        what = f"only {', '.join(sorted(others))} files" if others else "no pictures"
        raise InputError(f"{path}: holds {what}: frames must be PNG, TIFF, JPEG, BMP or EXR")
    kinds = {_kind(file) for file in found}
    if len(kinds) > 1:
        raise InputError(
            f"{path}: mixes {' and '.join(sorted(kinds))}: keep only the frames of one clip in it"
        )
    return sorted(found, key=lambda file: natural_key(file.name))


def _find_damaged(files: list[Path]) -> list[Path]:
    """Decode all pictures; return the damaged ones."""
    damaged = []
    for file in files:
        try:
            picture.read_picture(file)
        except InputError:
            damaged.append(file)
    return damaged


def _check_sizes(files: list[Path]) -> tuple[int, int]:
    """Compare the headers of all pictures, so that errors appear before the run."""
    first = picture.read_size(files[0])
    check_frame_size(*first, files[0])
    for file in files:
        size = picture.read_size(file)
        if size != first:
            raise InputError(
                f"{file}: is {size[1]}x{size[0]}, the first frame {first[1]}x{first[0]}: "
                "all frames of a folder must have one size"
            )
    return first


class FolderWriter(FileWriter):
    """A folder of pictures that keeps the names of the input's."""

    def __init__(self, claim: Claim, info: ClipInfo, options: EncodeOptions) -> None:
        self._suffix = _choose_suffix(info, options)
        self._dtype = _choose_dtype(info, self._suffix)
        self.keeps_nan = self._dtype == "float32"
        self._names = info.source.names if isinstance(info.source, FolderSource) else ()
        names = [self._name(i) for i in range(info.frames)] if info.frames else None
        check_replaceable(claim.path, claim.path, picture.SUFFIXES, names)
        super().__init__(claim, info, _losses(info, self._suffix, self._dtype))
        with self._explained():
            self._part.mkdir()

    def _pack(self, frame: Frame) -> Samples:
        return [to_samples(frame, self._dtype, written_scale(self.info, self._dtype))]

    def _put(self, samples: Samples) -> None:
        picture.write_picture(self._part / self._name(self.count), samples[0])

    def _name(self, index: int) -> str:
        if index >= len(self._names):
            return f"frame_{index + 1:06d}{self._suffix}"
        name = Path(self._names[index])
        keeps_suffix = SAME_SUFFIX.get(name.suffix.lower(), name.suffix.lower()) == self._suffix
        return name.name if keeps_suffix else name.stem + self._suffix

    def _finish(self) -> None:
        """Nothing remains: every picture is complete."""

    def _release(self) -> None:
        """Do nothing: no file is open."""

    def _check_replaced(self, old: Path, new: Path) -> None:
        check_replaceable(old, self.path, picture.SUFFIXES, {entry.name for entry in new.iterdir()})


def _choose_suffix(info: ClipInfo, options: EncodeOptions) -> str:
    if options.codec is not None:
        if options.codec not in CODEC_SUFFIXES:
            raise InputError(
                f"codec {options.codec} makes no pictures: for a folder choose "
                f"{', '.join(CODEC_SUFFIXES)}"
            )
        return CODEC_SUFFIXES[options.codec]
    kind = _kind(Path(info.source.names[0])) if isinstance(info.source, FolderSource) else ".png"
    if info.dtype in UNPICTURED or info.channels not in {1, 3}:
        return kind if kind == ".exr" else ".tif"
    return ".png" if kind == ".jpg" else kind


def _choose_dtype(info: ClipInfo, suffix: str) -> SampleType:
    if suffix == ".bmp":
        return "uint8"
    if suffix == ".exr":
        return "float32"
    if suffix == ".png" and info.dtype in UNPICTURED:
        return "uint16"
    return info.dtype


def _losses(info: ClipInfo, suffix: str, dtype: SampleType) -> tuple[str, ...]:
    losses = []
    if info.channels not in {1, 3} and suffix != ".tif":
        raise InputError(f"{info.channels} channels do not fit into {suffix}: choose codec tiff")
    if info.fps is not None:
        losses.append("A folder of pictures keeps no timestamps, no sound and no colour tags.")
    if dtype != info.dtype:
        losses.append(f"Samples become {dtype}, the input has {info.dtype}.")
    if isinstance(info.source, FolderSource):
        losses.append("EXIF data and colour profiles of the pictures are not copied.")
    return tuple(losses)


def check_replaceable(
    folder: Path, name: Path, suffixes: Collection[str], new: Collection[str] | None
) -> None:
    """Check that a folder holds only frames that the new ones replace.

    Args:
        folder: the folder to replace; need not exist.
        name: how to call it.
        suffixes: of the frames that it may hold.
        new: names of the frames that come into its place; None where they are not known yet.

    Raises:
        InputError: it is no folder, or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{name}: is a file, a folder is to be written there: name another")
    for entry in folder.iterdir() if folder.exists() else ():
        if not entry.is_file() or entry.is_symlink() or entry.suffix.lower() not in suffixes:
            raise InputError(
                f"{name}: holds more than pictures ({entry.name}) and is not overwritten: name "
                "another output with -o"
            )
        if new is not None and entry.name not in new:
            raise InputError(
                f"{name}: holds {entry.name}, which no new frame replaces, and is not "
                "overwritten: remove it or name another output with -o"
            )
