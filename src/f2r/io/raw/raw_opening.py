"""Open raw clips: cameras' files, CRVD folders, and the outputs that mosaics are written to."""

from collections.abc import Callable
from pathlib import Path

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, FrameReader, FrameWriter
from f2r.io.raw.kinds import RAW_SUFFIXES, raw_files
from f2r.io.raw.mosaic import Mosaic
from f2r.io.raw.packing import MosaicReader, MosaicWriter, mosaic_info
from f2r.io.recognise import VIDEO_SUFFIXES
from f2r.system.claim import Claim


def open_raw(path: Path, mosaic: Mosaic | None) -> FrameReader:
    """Open a path that `is_raw`.

    Args:
        path: a camera's raw file, a folder of them, or a folder of CRVD frames.
        mosaic: what the samples mean; None for what the files say.

    Raises:
        InputError: it cannot be read; the message gives the reason.
    """
    from f2r.io.raw.crvd import is_crvd_folder, open_crvd

    if path.is_dir() and is_crvd_folder(path):
        return open_crvd(path, mosaic)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder: check the name")
    from f2r.io.raw.dng import DngReader

    reader = DngReader(path, raw_files(path) if path.is_dir() else [path])
    return MosaicReader(reader, mosaic or reader.mosaic)


def open_raw_writer(
    claim: Claim, info: ClipInfo, open_plain: Callable[[ClipInfo], FrameWriter]
) -> FrameWriter:
    """Open an output for packed frames.

    Frames of cameras' files become DNG files; everything else holds bare mosaics with the levels
    of the input: a TIFF stack, a folder of pictures, a `.npy` array.

    Args:
        claim: claim of the output, which has been checked.
        info: the packed clip.
        open_plain: opens an output for the grey frames that hold the mosaics.

    Raises:
        InputError: the output cannot hold mosaics.
    """
    assert info.mosaic is not None
    path = claim.path
    mosaics, suffix = mosaic_info(info), path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        raise InputError(
            f"{path}: a video cannot hold raw frames: name a TIFF, a folder or .npy, and make a "
            f"video to look at with f2r render"
        )
    is_folder = path.is_dir() or suffix in {"", ".f2r"}
    if suffix == ".dng" or (is_folder and _is_from_camera(info)):
        from f2r.io.raw.dng_writer import DngWriter

        return MosaicWriter(DngWriter(claim, mosaics, info.mosaic), info)
    return MosaicWriter(open_plain(mosaics), info)


def _is_from_camera(info: ClipInfo) -> bool:
    from f2r.io.images.folder import FolderSource

    names = info.source.names if isinstance(info.source, FolderSource) else ()
    return any(Path(name).suffix.lower() in RAW_SUFFIXES for name in names)
