"""DNG and other raw files of cameras, one per frame, decoded by LibRaw.

Source: LibRaw and rawpy documentation; Adobe, Digital Negative Specification 1.4.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from f2r.errors import InputError, reading
from f2r.io.clip import ClipInfo, Frame, Indexed, check_frame_size, to_nominal, white
from f2r.io.images.folder import FolderSource, natural_key
from f2r.io.quiet import caught_words
from f2r.io.raw.colour import as_matrix, camera_to_srgb
from f2r.io.raw.mosaic import IDENTITY, Matrix, Mosaic, Pattern, parse_pattern, sites

if TYPE_CHECKING:
    import rawpy

NOISE_PROFILE, ISO_SPEED = 51041, 34855
"""Tags of DNG and Exif."""
EXIF_TURN = {0: 1, 3: 3, 5: 8, 6: 6}
"""Orientation by LibRaw and by Exif."""


class DngReader(Indexed):
    """Mosaics of raw files as grey frames; `mosaic` holds pattern and levels.

    Only the active area of the sensor is read, without its dark border.

    Args:
        path: one file, or the folder that holds the files.
        files: the files, in any order.

    Raises:
        InputError: rawpy is missing, a file is damaged, is no Bayer mosaic, or the files are no
            single clip.
    """

    def __init__(self, path: Path, files: list[Path]) -> None:
        self._files = sorted(files, key=lambda file: natural_key(file.name))
        self._check_headers()
        with _opened(self._files[0]) as raw:
            self.mosaic = describe_mosaic(raw, self._files[0])
            height, width = raw.raw_image_visible.shape
        unread = ["Thumbnails, lens corrections and maker notes of the raw files are left out."]
        if height % 2 or width % 2:
            unread.append("The last row or column of an odd number is left out.")
        self.info = ClipInfo(
            frames=len(files),
            height=height // 2 * 2,
            width=width // 2 * 2,
            channels=1,
            is_colour=False,
            bit_depth=min(max(int(self.mosaic.white).bit_length(), 8), 16),
            dtype="uint16",
            scale=white("uint16"),
            source=FolderSource(path, tuple(unread), tuple(file.name for file in self._files)),
        )

    def starting_at(self, start: int) -> Iterator[Frame]:
        """Read the frames from `start` on."""
        for file in self._files[start:]:
            with _opened(file) as raw:
                mosaic = describe_mosaic(raw, file)
                samples = raw.raw_image_visible[: self.info.height, : self.info.width].copy()
            mine = (mosaic.pattern, mosaic.black, mosaic.white)
            if mine != (self.mosaic.pattern, self.mosaic.black, self.mosaic.white):
                raise InputError(
                    f"{file}: has another pattern, black or white level than the first frame: "
                    "keep only the frames of one clip in the folder"
                )
            yield to_nominal(samples, self.info.scale)[..., None]

    def _check_headers(self) -> None:
        """Compare size and ISO of all files before anything is decoded."""
        first: tuple[tuple[int, int], int | None] | None = None
        for file in self._files:
            size, iso = _read_header(file)
            check_frame_size(*size, file)
            first = first or (size, iso)
            if size != first[0]:
                raise InputError(
                    f"{file}: is {size[1]}x{size[0]}, the first frame "
                    f"{first[0][1]}x{first[0][0]}: all frames of a folder must have one size"
                )
            if iso != first[1]:
                raise InputError(
                    f"{file}: was shot at ISO {iso}, the first frame at ISO {first[1]}: "
                    "put each ISO into a folder of its own, its noise differs"
                )


def describe_mosaic(raw: "rawpy.RawPy", file: Path) -> Mosaic:
    """Read pattern and levels of a decoded raw file.

    Raises:
        InputError: it is no Bayer mosaic.
    """
    import rawpy

    if raw.raw_type != rawpy.RawType.Flat or raw.raw_pattern is None:
        raise InputError(
            f"{file}: is no mosaic but already demosaiced (a linear DNG): export it as 16-bit TIFF "
            "and denoise that"
        )
    pattern = _read_pattern(raw, file)
    cell = raw.raw_colors_visible[:2, :2]
    blacks = [float(raw.black_level_per_channel[cell[site]]) for site in sites(pattern)]
    gains = raw.camera_whitebalance
    has_gains = min(gains[:3]) > 0
    return Mosaic(
        pattern,
        (blacks[0], blacks[1], blacks[2], blacks[3]),
        float(raw.white_level),
        (gains[0] / gains[1], gains[2] / gains[1]) if has_gains else None,
        _read_matrix(raw),
        _read_iso(raw, file),
        _read_noise_profile(file),
        EXIF_TURN.get(raw.sizes.flip, 1),
    )


def _read_pattern(raw: "rawpy.RawPy", file: Path) -> Pattern:
    cell = raw.raw_colors_visible[:2, :2]
    letters = "".join(chr(raw.color_desc[colour]) for colour in cell.ravel())
    shape = np.asarray(raw.raw_pattern).shape
    if shape != (2, 2) or sorted(letters) != sorted("RGGB"):
        kind = "X-Trans" if shape == (6, 6) else "not Bayer"
        raise InputError(
            f"{file}: the sensor's colour filters are {kind}: only Bayer patterns are read; "
            "develop the file to a 16-bit TIFF and denoise that"
        )
    return parse_pattern(letters)


def _read_matrix(raw: "rawpy.RawPy") -> Matrix:
    """Prefer the camera's matrix to the one that LibRaw has computed from it."""
    if np.any(raw.rgb_xyz_matrix):
        return camera_to_srgb(raw.rgb_xyz_matrix[:3]) or IDENTITY
    computed = np.asarray(raw.color_matrix, float)[:, :3]
    sums = computed.sum(1, keepdims=True)
    return as_matrix(computed / sums) if (sums > 0.1).all() else IDENTITY


def _read_iso(raw: "rawpy.RawPy", file: Path) -> int | None:
    if raw.other.iso_speed > 0:
        return round(raw.other.iso_speed)
    found = _read_tag(file, ISO_SPEED)
    value = found[0] if isinstance(found, tuple) and found else found
    return int(value) if value else None


def _read_noise_profile(file: Path) -> tuple[float, float] | None:
    """Read DNG's (slope, start) of the noise variance, averaged over colours."""
    found = np.atleast_1d(np.asarray(_read_tag(file, NOISE_PROFILE) or (), float))
    if len(found) < 2 or len(found) % 2 or not np.isfinite(found).all() or (found < 0).any():
        return None
    slope, start = found.reshape(-1, 2).mean(0)
    return (float(slope), float(start)) if slope > 0 else None


def _read_tag(file: Path, code: int) -> Any:
    """Read a tag of a DNG's main or sub-directories; None if there is none."""
    if file.suffix.lower() != ".dng":
        return None
    import tifffile

    from f2r.io.tiff.tiff_opening import Complaints, listening

    try:
        with listening(Complaints()), tifffile.TiffFile(file) as tif:
            first = tif.pages.first
            for page in (first, *(first.pages or ())):
                tag = page.tags.get(code)
                if tag is not None:
                    return tag.value
    except Exception:  # tifffile has many errors
        return None  # the pixels may be readable none the less
    return None


def _read_header(file: Path) -> tuple[tuple[int, int], int | None]:
    """Read (height, width) of the active area, and ISO, without decoding."""
    with _opened(file, unpack=False) as raw:
        iso = _read_iso(raw, file)
        return (raw.sizes.height, raw.sizes.width), iso


@contextmanager
def _opened(file: Path, *, unpack: bool = True) -> Iterator["rawpy.RawPy"]:
    try:
        import rawpy
    except ImportError as error:
        raise InputError(
            f"{file}: raw files need rawpy: pip install 'frames2residual[raw]'"
        ) from error
    with reading(file, "it cannot be decoded, copy it again"), caught_words() as words:
        raw = rawpy.RawPy()
        try:
            raw.open_file(str(file))
            check_frame_size(raw.sizes.raw_height, raw.sizes.raw_width, file)
            if unpack:
                raw.unpack()
            yield raw
        finally:
            raw.close()
    if any("Unexpected end" in line or "corrupted" in line for line in words):
        raise InputError(f"{file}: is cut short or damaged: copy it again")
