"""Choose the reader and the writer of a path."""

from pathlib import Path

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, EncodeOptions, FrameReader, FrameWriter
from f2r.io.output import check_output
from f2r.io.raw.kinds import RAW_SUFFIXES, is_raw
from f2r.io.raw.mosaic import Mosaic
from f2r.system.claim import Claim

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
FOLDER_SUFFIXES = {"", ".f2r"}

MAGIC = {
    b"\x93NUMPY": ("a NumPy array", ARRAY_SUFFIXES),
    b"II*\0": ("a TIFF file", TIFF_SUFFIXES),
    b"MM\0*": ("a TIFF file", TIFF_SUFFIXES),
    b"II+\0": ("a TIFF file", TIFF_SUFFIXES),
    b"MM\0+": ("a TIFF file", TIFF_SUFFIXES),
    b"\x89PNG": ("a picture", PICTURE_SUFFIXES),
    b"\xff\xd8\xff": ("a picture", PICTURE_SUFFIXES),
    b"\x1aE\xdf\xa3": ("a Matroska video", VIDEO_SUFFIXES),
}
"""First bytes, what they mean, and the suffixes that go with them."""


def open_reader(
    path: str | Path, *, skip_corrupt: bool = False, mosaic: Mosaic | None = None
) -> FrameReader:
    """Open a clip: a video file, a folder of pictures, a TIFF stack, a `.npy` array or raw.

    Args:
        path: the clip; `-` reads YUV4MPEG2 video from standard input.
        skip_corrupt: leave damaged video packets out instead of stopping at them.
        mosaic: what the samples mean, where they are raw and the file does not say so itself.

    Raises:
        InputError: the clip cannot be read; the text says why and what to do.
    """
    if str(path) == "-":
        from f2r.io.video.pipe import PipeReader

        return PipeReader()
    path = Path(path)
    if is_raw(path):
        from f2r.io.raw.opening import open_raw

        return open_raw(path, mosaic)
    reader = _open_plain(path, skip_corrupt)
    if mosaic is None:
        return reader
    from f2r.io.raw.packing import MosaicReader

    return MosaicReader(reader, mosaic)


def _open_plain(path: Path, skip_corrupt: bool) -> FrameReader:
    """Open a clip whose samples are levels of grey or colour."""
    if path.is_dir():
        from f2r.io.ome_zarr import ZarrReader, is_zarr

        if is_zarr(path):
            return ZarrReader(path)
        from f2r.io.images.folder import FolderReader

        return FolderReader(path)
    suffix = _check_file(path)
    if suffix in ARRAY_SUFFIXES:
        from f2r.io.array import NpyReader

        return NpyReader(path)
    if suffix in TIFF_SUFFIXES:
        from f2r.io.tiff.reader import TiffReader

        return TiffReader(path)
    from f2r.io.video.reader import VideoReader

    return VideoReader(path, skip_corrupt=skip_corrupt)


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
        claim: the right to make the output, where the caller has it; it then decides what is
            replaced.

    Raises:
        InputError: the output cannot be written; the text says why and what to do.
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
        return open_plain_writer(claim, info, options)
    from f2r.io.raw.opening import open_raw_writer

    return open_raw_writer(claim, info, options)


def open_plain_writer(claim: Claim, info: ClipInfo, options: EncodeOptions) -> FrameWriter:
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
        from f2r.io.tiff.writer import open_tiff_writer

        return open_tiff_writer(claim, info)
    if suffix in VIDEO_SUFFIXES:
        from f2r.io.video.writer import VideoWriter

        return VideoWriter(claim, info, options)
    known = sorted(VIDEO_SUFFIXES | TIFF_SUFFIXES | ARRAY_SUFFIXES | ZARR_SUFFIXES)
    raise InputError(
        f"{path}: unknown output type '{suffix}': use one of {' '.join(known)}, or a name without "
        "extension for a folder of pictures"
    )


def list_clips(folder: Path) -> list[str]:
    """List the video files of a folder by name, without what F2R itself made of them."""
    return [
        str(file)
        for file in sorted(folder.iterdir())
        if file.is_file()
        and file.suffix.lower() in READABLE_SUFFIXES
        and not file.name.startswith(".")
        and Path(file.stem).suffix != ".f2r"
    ]


def is_folder_of_clips(path: Path) -> bool:
    """Tell a folder of video files from one of pictures, which is one clip."""
    if not path.is_dir():
        return False
    pictures = PICTURE_SUFFIXES | TIFF_SUFFIXES
    has_pictures = any(file.suffix.lower() in pictures for file in path.iterdir())
    return not has_pictures and bool(list_clips(path))


def default_output(path: str | Path) -> Path:
    """Name the output beside the input: `clip.mp4` gives `clip.f2r.mp4`, a folder `clip.f2r`."""
    path = Path(path)
    if str(path) == "-":
        return path
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


def _check_file(path: Path) -> str:
    """Check that there is a file whose first bytes go with its name; return its suffix."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder: check the name")
    if not path.is_file():
        raise InputError(f"{path}: is not a file: pass a video, a folder, a TIFF stack or .npy")
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    if not start:
        raise InputError(f"{path}: is empty (0 bytes): copy or record it again")
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        raise InputError(
            f"{path}: is a single picture: put the frames of the clip into a folder and pass that"
        )
    for magic, (what, suffixes) in MAGIC.items():
        if start.startswith(magic) and suffix not in suffixes:
            raise InputError(f"{path}: is {what} under a wrong name: rename it to *{min(suffixes)}")
    for suffixes in (ARRAY_SUFFIXES, TIFF_SUFFIXES):
        if suffix in suffixes and not any(
            start.startswith(magic) for magic, entry in MAGIC.items() if entry[1] is suffixes
        ):
            raise InputError(f"{path}: is not what its extension {suffix} says: save it again")
    return suffix
