"""Other files that a TIFF takes pages from; only files beside it are opened."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from xml.etree import ElementTree

import tifffile

from f2r.errors import InputError

NDTIFF_INDEX = "NDTiff.index"
"""File beside an NDTiff that lists the files of its pages."""


def named_files(tif: tifffile.TiffFile) -> list[str]:
    """List the other files that an OME-TIFF or a stack of Micro-Manager takes pages from."""
    own = str(tif.filename).lower()
    return sorted({name for name in _all_files(tif) if name.lower() != own})


def check_named_files(path: Path, tif: tifffile.TiffFile) -> None:
    """Check the files that a TIFF names, before any of them is opened.

    Raises:
        InputError: one does not lie beside it, is a link to elsewhere, or is no file.
    """
    folder = Path(tif.filehandle.dirname)
    homes = {folder.resolve(), path.resolve().parent}
    for name in named_files(tif):
        if not _is_name(name) or _is_elsewhere(folder / name, homes):
            raise InputError(
                f"{path}: takes pages from {name[:80]!r}, which does not lie beside it: "
                "save the whole stack as one file"
            )


def _all_files(tif: tifffile.TiffFile) -> Iterator[str]:
    """Name the files that tifffile opens, as it finds them."""
    if tif.is_ome:
        yield from _files_of_ome(tif.ome_metadata or "")
    if tif.is_mmstack:
        prefix = (tif.micromanager_metadata or {})["Summary"].get("Prefix")
        start = str(tif.filename).split("_MMStack")[0] if prefix is None else str(prefix)
        yield from (
            file.name for file in Path(tif.filehandle.dirname).glob(start + "_MMStack*.tif")
        )
    if tif.is_ndtiff:
        index = Path(tif.filehandle.dirname) / NDTIFF_INDEX
        if index.is_symlink() or not index.is_file():
            raise InputError(f"{index}: is no file: copy the stack again")
        yield from (entry[1] for entry in tifffile.read_ndtiff_index(index))


def _files_of_ome(text: str) -> Iterator[str]:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:  # then tifffile reads the pages of the file itself
        return
    for element in root.iter():
        if element.tag.endswith("UUID") and "FileName" in element.attrib:
            yield element.attrib["FileName"]


def _is_name(name: str) -> bool:
    """Whether a name has no folder."""
    return name not in {"", ".", ".."} and (
        PurePosixPath(name).name == name and PureWindowsPath(name).name == name
    )


def _is_elsewhere(file: Path, homes: set[Path]) -> bool:
    """Whether a file is a link to another folder, or no file but a pipe or a device."""
    if file.is_symlink() and file.resolve().parent not in homes:
        return True
    return file.exists() and not file.is_file()
