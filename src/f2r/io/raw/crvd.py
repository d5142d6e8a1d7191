"""The CRVD dataset on disk: which files are a clip, and pattern and levels.

Layout: `indoor_raw_noisy/sceneN/ISOnnnn/frame1_noisy0.tiff` to `frame7_noisy9.tiff`, ten shots of
each of seven frames; their references `indoor_raw_gt/sceneN/ISOnnnn/CLEAN_NAME`, numbered from 1;
and `outdoor_raw_noisy/sceneN/isonnnn/frame0.tiff` and on, without references.

Source: the dataset's description by Yue et al. 2020 and its published readers.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from f2r.errors import InputError
from f2r.io.images.folder import FolderReader, natural_key
from f2r.io.raw.mosaic import Mosaic, parse_pattern
from f2r.io.raw.packing import MosaicReader
from f2r.noise.camera import BLACK, GAIN_AND_READ_VARIANCE, PATTERN, WHITE, crvd_noise

TEST_SCENES = (7, 8, 9, 10, 11)
"""Indoor scenes that published figures are measured on."""
ISOS = tuple(GAIN_AND_READ_VARIANCE)
"""ISO settings of the dataset."""
NOISY_FOLDER, CLEAN_FOLDER, OUTDOOR = "indoor_raw_noisy", "indoor_raw_gt", "outdoor_raw_noisy"
CLEAN_NAME = "frame{}_clean_and_slightly_denoised.tiff"
"""The references are means of many shots, slightly denoised (by BM3D) by the dataset's authors."""


@dataclass(frozen=True)
class CrvdScene:
    """One indoor scene at one ISO."""

    number: int
    """1 to 11."""
    iso: int
    """One of `ISOS`."""
    noisy: Path
    """Folder with `frame1_noisy0.tiff` and on."""
    clean: Path
    """Folder with the references."""


def is_crvd_folder(path: Path) -> bool:
    """Tell whether a folder holds the frames of one CRVD clip, by its names."""
    if (path / "frame1_noisy0.tiff").exists() or (path / CLEAN_NAME.format(1)).exists():
        return True
    return OUTDOOR in path.resolve().parts and (path / "frame0.tiff").exists()


def open_crvd(path: Path, mosaic: Mosaic | None = None, shot: int = 0) -> MosaicReader:
    """Open the frames of one scene and ISO.

    Args:
        path: folder of frames.
        mosaic: what the samples mean; None for what CRVD's mean.
        shot: which of ten noisy shots of an indoor frame.

    Raises:
        InputError: frames are missing or damaged.
    """
    names = (rf"frame\d+_noisy{shot}\.tiff", CLEAN_NAME.format(r"\d+"), r"frame\d+\.tiff")
    for name in names:
        files = [file for file in path.iterdir() if re.fullmatch(name, file.name)]
        if files:
            files.sort(key=lambda file: natural_key(file.name))
            return MosaicReader(FolderReader(path, files), mosaic or crvd_mosaic(path))
    raise InputError(f"{path}: holds no frames of CRVD's shot {shot}")


def crvd_mosaic(folder: Path | None = None) -> Mosaic:
    """Describe CRVD's samples, with the ISO that the folder's name gives."""
    found = re.fullmatch(r"(?i)iso(\d+)", folder.resolve().name) if folder else None
    iso = int(found[1]) if found else None
    profile = None
    if iso in ISOS and (folder is None or CLEAN_FOLDER not in folder.resolve().parts):
        noise = crvd_noise(iso)
        profile = (noise.gain, noise.read**2)
    black = float(BLACK)
    return Mosaic(
        parse_pattern(PATTERN),
        (black, black, black, black),
        float(WHITE),
        iso=iso,
        noise_profile=profile,
    )


def find_scenes(
    root: Path, scenes: tuple[int, ...] = TEST_SCENES, isos: tuple[int, ...] = ISOS
) -> list[CrvdScene]:
    """List the indoor scenes of a CRVD folder, by ISO and scene.

    Raises:
        InputError: a scene is missing.
    """
    noisy, clean = _inside(root, NOISY_FOLDER), _inside(root, CLEAN_FOLDER)
    found = []
    for iso in isos:
        for number in scenes:
            part = Path(f"scene{number}") / f"ISO{iso}"
            for folder in (noisy / part, clean / part):
                if not folder.is_dir():
                    raise InputError(f"{folder}: no such folder: CRVD is not complete")
            found.append(CrvdScene(number, iso, noisy / part, clean / part))
    return found


def _inside(root: Path, name: str) -> Path:
    """Find a part of the dataset; archives unpack to a folder within one of the same name."""
    nested = root / name / name
    return nested if nested.is_dir() else root / name
