"""Choose the reader and the writer of a path."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from f2r.errors import InputError
from f2r.io.axis_names import no_axes, parse_axes
from f2r.io.clip import ClipInfo, EncodeOptions, FrameReader, FrameWriter
from f2r.io.excerpt import ExcerptReader, Piece
from f2r.io.guard import GuardedReader
from f2r.io.output import check_output
from f2r.io.raw.kinds import RAW_SUFFIXES, is_raw
from f2r.io.raw.mosaic import Mosaic
from f2r.io.recognise import (
    ARRAY_SUFFIXES,
    PICTURE_SUFFIXES,
    READABLE_SUFFIXES,
    TIFF_SUFFIXES,
    VIDEO_SUFFIXES,
    ZARR_SUFFIXES,
    check_file,
)
from f2r.system.claim import Claim

FOLDER_SUFFIXES = {"", ".f2r"}


@dataclass(frozen=True)
class ReadOptions:
    """Reading options for clips with missing or wrong metadata."""

    skip_corrupt: bool = False
    """Leave damaged video packets and pictures out instead of stopping at them."""
    mosaic: Mosaic | None = None
    """Pattern and levels of raw samples."""
    axes: str | None = None
    """Names of the axes of a TIFF or `.npy`, such as 'YXT'."""
    piece: Piece | None = None
    """Which frames, if not all."""


def open_reader(
    path: str | Path,
    *,
    skip_corrupt: bool = False,
    mosaic: Mosaic | None = None,
    axes: str | None = None,
    piece: Piece | None = None,
    counts_to_nominal: bool = False,
) -> FrameReader:
    """Open a clip: a video file, a folder of pictures, a TIFF stack, a `.npy` array or raw.

    Args:
        path: the clip; `-` reads YUV4MPEG2 video from standard input.
        skip_corrupt: leave damaged video packets and pictures out instead of stopping at them.
        mosaic: what the samples mean, where they are raw and the file does not say so itself.
        axes: names of the axes of a TIFF or `.npy` in the order of the file: T time, Y rows, X
            columns, and Z, C or S for channels; None lets the file say or guesses.
        piece: which frames to read; None reads all.
        counts_to_nominal: divide floats that count photons or units by a power of two, so that
            they come near 1, as the method expects; writers undo it.

    Raises:
        InputError: the clip cannot be read; the message gives the reason and the remedy.
    """
    if not str(path):
        raise InputError("the name of the input is empty: name a video, a folder, a stack or .npy")
    options = ReadOptions(skip_corrupt, mosaic, parse_axes(axes), piece)
    return GuardedReader(
        path, lambda: _open(str(path), options), counts_to_nominal=counts_to_nominal
    )


def _open(name: str, options: ReadOptions) -> FrameReader:
    reader = _open_whole(name, options)
    if options.piece is None:
        return reader
    try:
        return ExcerptReader(reader, options.piece.within(reader.info))
    except BaseException:
        reader.close()
        raise


def _open_whole(name: str, options: ReadOptions) -> FrameReader:
    if name == "-":
        from f2r.io.video.pipe import PipeReader

        return PipeReader(skip_corrupt=options.skip_corrupt)
    path = Path(name)
    if is_raw(path):
        from f2r.io.raw.raw_opening import open_raw

        return open_raw(path, options.mosaic)
    reader = _open_plain(path, options)
    if options.mosaic is None:
        return reader
    from f2r.io.raw.packing import MosaicReader

    return MosaicReader(reader, options.mosaic)


def _open_plain(path: Path, options: ReadOptions) -> FrameReader:
    """Open a clip whose samples are levels of grey or colour."""
    if path.is_dir():
        return _open_folder(path, options)
    suffix = check_file(path)
    if options.axes is not None:
        from f2r.io.axes import AxesReader

        return AxesReader(path, options.axes)
    if suffix in ARRAY_SUFFIXES:
        from f2r.io.array import NpyReader

        return NpyReader(path)
    if suffix in TIFF_SUFFIXES:
        from f2r.io.tiff.tiff_reader import TiffReader

        return TiffReader(path)
    from f2r.io.video.video_reader import VideoReader

    return VideoReader(path, skip_corrupt=options.skip_corrupt)


def _open_folder(path: Path, options: ReadOptions) -> FrameReader:
    """Open OME-Zarr or a folder of pictures."""
    from f2r.io.ome_zarr import ZarrReader, is_zarr

    if options.axes is not None:
        raise no_axes(path)
    if is_zarr(path):
        return ZarrReader(path)
    from f2r.io.images.folder import FolderReader

    return FolderReader(path, skip_corrupt=options.skip_corrupt)


def open_writer(
    path: str | Path,
    info: ClipInfo,
    *,
    overwrite: bool = False,
    options: EncodeOptions = EncodeOptions(),  # noqa: B008 - frozen, holds no state
    claim: Claim | None = None,
) -> FrameWriter:
    """Open an output by its extension; a name without one is a folder of pictures.

    Args:
        path: the output; `-` writes YUV4MPEG2 video to standard output.
        info: the clip to write, usually the reader's own description.
        overwrite: replace an output that exists.
        options: how to compress.
        claim: claim of the output, where the caller has it; it then decides what is
            replaced.

    Raises:
        InputError: the output cannot be written; the message gives the reason and the remedy.
    """
    if str(path) == "-":
        from f2r.io.video.pipe import PipeWriter

        return PipeWriter(info)
    path = Path(path)
    if claim is None:
        check_output(path, info.source.path if info.source else None, overwrite=overwrite)
        claim = Claim(path, overwrite=overwrite)
    try:
        return _open_claimed(claim, info, options)
    except BaseException:
        if not claim.is_shared:
            claim.release()
        raise


def _open_claimed(claim: Claim, info: ClipInfo, options: EncodeOptions) -> FrameWriter:
    if info.mosaic is None:
        return _open_plain_writer(claim, info, options)
    from f2r.io.raw.raw_opening import open_raw_writer

    return open_raw_writer(claim, info, partial(_open_plain_writer, claim, options=options))


def _open_plain_writer(claim: Claim, info: ClipInfo, options: EncodeOptions) -> FrameWriter:
    """Open an output for levels of grey or colour."""
    path = claim.path
    suffix = path.suffix.lower()
    if suffix in ZARR_SUFFIXES:
        from f2r.io.ome_zarr import ZarrWriter

        return ZarrWriter(claim, info)
    if path.is_dir() or suffix in FOLDER_SUFFIXES:
        from f2r.io.images.folder import FolderWriter

        return FolderWriter(claim, info, options)
    if suffix in ARRAY_SUFFIXES:
        from f2r.io.array import NpyWriter

        return NpyWriter(claim, info)
    if suffix in TIFF_SUFFIXES:
        from f2r.io.tiff.tiff_writer import open_tiff_writer

        return open_tiff_writer(claim, info)
    if suffix in VIDEO_SUFFIXES:
        from f2r.io.video.video_writer import VideoWriter

        return VideoWriter(claim, info, options)
    known = sorted(VIDEO_SUFFIXES | TIFF_SUFFIXES | ARRAY_SUFFIXES | ZARR_SUFFIXES)
    raise InputError(
        f"{path}: unknown output type '{suffix}': use one of {' '.join(known)}, or a name without "
        "extension for a folder of pictures"
    )


def list_clips(folder: Path) -> list[str]:
    """List the video files of a folder by name, without outputs of F2R."""
    return [
        str(file)
        for file in sorted(folder.iterdir())
        if file.is_file()
        and file.suffix.lower() in READABLE_SUFFIXES
        and not file.name.startswith(".")
        and Path(file.stem).suffix != ".f2r"
    ]


def is_folder_of_clips(path: Path) -> bool:
    """Whether a folder holds video files; a folder of pictures is one clip."""
    if not path.is_dir():
        return False
    pictures = PICTURE_SUFFIXES | TIFF_SUFFIXES
    has_pictures = any(file.suffix.lower() in pictures for file in path.iterdir())
    return not has_pictures and bool(list_clips(path))


def default_output(path: str | Path, label: str | None = None) -> Path:
    """Name the output beside the input: `clip.mp4` gives `clip.f2r.mp4`, a folder `clip.f2r`.

    Args:
        path: the input.
        label: tells outputs of one clip apart: 'piece' gives `clip.piece.f2r.mp4`.
    """
    path = Path(path)
    if str(path) == "-":
        return path
    whole = _whole_output(path)
    if label is None:
        return whole
    name, _, ending = whole.name.rpartition(".f2r")
    return whole.with_name(f"{name}.{label}.f2r{ending}")


def _whole_output(path: Path) -> Path:
    if path.is_dir():
        folder = path.resolve()
        if folder.suffix.lower() in ZARR_SUFFIXES:
            return _beside(folder)
        return folder.with_name(folder.name + ".f2r")
    suffix = path.suffix
    if suffix.lower() in RAW_SUFFIXES:
        return path.with_name(path.stem + ".f2r.dng")
    if suffix.lower() not in VIDEO_SUFFIXES | TIFF_SUFFIXES | ARRAY_SUFFIXES:
        return path.with_name(path.stem + ".f2r.mkv")
    return _beside(path)


def _beside(path: Path) -> Path:
    """Put `.f2r` before the extension, `.ome` included."""
    suffix = path.suffix
    if path.name.lower().endswith(f".ome{suffix.lower()}"):
        suffix = path.name[-len(suffix) - 4 :]
    return path.with_name(path.name.removesuffix(suffix) + ".f2r" + suffix)
