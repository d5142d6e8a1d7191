"""DNG files, one per frame: uncompressed mosaics with the tags that raw converters need.

Written by tifffile, since a DNG is a TIFF with some more tags.

Source: Adobe, Digital Negative Specification 1.4, chapters 2 and 4.
"""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from f2r.errors import InputError
from f2r.io.clip import ClipInfo, Frame, Samples, white
from f2r.io.images.folder import FolderSource, check_replaceable
from f2r.io.output import FileWriter
from f2r.io.raw.colour import xyz_to_camera
from f2r.io.raw.mosaic import Mosaic, sites
from f2r.system.claim import Claim
from f2r.system.placing import check_file

BYTE, ASCII, SHORT, RATIONAL, SRATIONAL = 1, 2, 3, 5, 10
"""Types of TIFF tags."""
CFA = 32803
"""Photometric interpretation of a mosaic."""
DAYLIGHT = 21
"""D65 as calibration illuminant."""
MODEL = "Frames2Residual"
"""Camera model, so that converters do not apply a profile of the real camera."""
DNG = {".dng"}
LOSSES = ("Of a raw file levels, white balance, colours, ISO and orientation are kept, no more.",)


def write_dng(path: Path, samples: NDArray[np.uint16], mosaic: Mosaic) -> None:
    """Write one (H, W) mosaic in file units.

    A noise profile is left out, because denoising makes it wrong.
    """
    tifffile.imwrite(
        path,
        samples,
        photometric=CFA,
        metadata=None,
        subfiletype=0,
        rowsperstrip=samples.shape[0],
        software=False,
        extratags=[(*tag, True) for tag in _tags(mosaic)],
    )


def _tags(mosaic: Mosaic) -> list[tuple[int, int, int, Any]]:
    red, blue = mosaic.white_balance or (1.0, 1.0)
    colours = bytes("RGB".index(letter) for letter in mosaic.pattern)
    tags = [
        (274, SHORT, 1, mosaic.orientation),
        (33421, SHORT, 2, (2, 2)),  # CFARepeatPatternDim
        (33422, BYTE, 4, colours),  # CFAPattern
        (50706, BYTE, 4, bytes((1, 4, 0, 0))),  # DNGVersion
        (50707, BYTE, 4, bytes((1, 1, 0, 0))),  # DNGBackwardVersion
        (50708, ASCII, 0, MODEL),  # UniqueCameraModel
        (50713, SHORT, 2, (2, 2)),  # BlackLevelRepeatDim
        (50714, RATIONAL, 4, _rationals(_blacks_by_site(mosaic), 256)),  # BlackLevel
        (50717, SHORT, 1, round(mosaic.white)),  # WhiteLevel
        (50721, SRATIONAL, 9, _rationals(np.ravel(xyz_to_camera(mosaic)))),  # ColorMatrix1
        (50728, RATIONAL, 3, _rationals((1 / red, 1.0, 1 / blue))),  # AsShotNeutral
        (50778, SHORT, 1, DAYLIGHT),  # CalibrationIlluminant1
    ]
    if mosaic.iso is not None:
        tags.append((34855, SHORT, 1, min(mosaic.iso, 65535)))  # ISOSpeedRatings
    return sorted(tags, key=lambda tag: tag[0])


def _blacks_by_site(mosaic: Mosaic) -> list[float]:
    """Order the black levels row by row of the 2 x 2 cell."""
    where = sites(mosaic.pattern)
    return [mosaic.black[where.index((row, column))] for row in range(2) for column in range(2)]


def _rationals(values: Any, denominator: int = 1_000_000) -> tuple[int, ...]:
    return tuple(n for value in values for n in (round(float(value) * denominator), denominator))


class DngWriter(FileWriter):
    """A folder of DNG files that keeps the names of the input's, or one file for one frame.

    Args:
        claim: the right to make a folder, or a file whose name ends in .dng.
        info: the grey frames that hold the mosaics.
        mosaic: pattern and levels.

    Raises:
        InputError: several frames in one file, or a folder that holds other files.
    """

    def __init__(self, claim: Claim, info: ClipInfo, mosaic: Mosaic) -> None:
        path = claim.path
        self._mosaic, self._is_file = mosaic, path.suffix.lower() == ".dng"
        if self._is_file and info.frames != 1:
            raise InputError(f"{path}: a DNG holds one frame: name a folder for a clip")
        self._names = info.source.names if isinstance(info.source, FolderSource) else ()
        if self._is_file:
            check_file(path, overwrite=True)
        else:
            names = [self._name(i) for i in range(info.frames)] if info.frames else None
            check_replaceable(path, path, DNG, names)
        super().__init__(claim, info, LOSSES)
        if not self._is_file:
            with self._explained():
                self._part.mkdir()

    def _pack(self, frame: Frame) -> Samples:
        levels = np.rint(frame[..., 0] * np.float32(white(self.info.dtype)))
        return [levels.clip(0, 65535).astype(np.uint16)]

    def _put(self, samples: Samples) -> None:
        target = self._part if self._is_file else self._part / self._name(self.count)
        write_dng(target, samples[0], self._mosaic)

    def _name(self, index: int) -> str:
        if index < len(self._names):
            return Path(self._names[index]).stem + ".dng"
        return f"frame_{index + 1:06d}.dng"

    def _finish(self) -> None:
        """Nothing remains: every file is complete."""

    def _release(self) -> None:
        """Do nothing: no file is open."""

    def _check_replaced(self, old: Path, new: Path) -> None:
        check_replaceable(old, self.path, DNG, {entry.name for entry in new.iterdir()})
