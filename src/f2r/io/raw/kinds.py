"""Recognition of raw files by name."""

from pathlib import Path

RAW_SUFFIXES = {
    ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw",
}  # fmt: skip
"""Files that LibRaw decodes."""


def is_raw(path: Path) -> bool:
    """Whether a path is a camera's raw file, a folder of them, or a CRVD folder."""
    from f2r.io.raw.crvd import is_crvd_folder

    if not path.is_dir():
        return path.suffix.lower() in RAW_SUFFIXES
    return is_crvd_folder(path) or bool(raw_files(path))


def raw_files(folder: Path) -> list[Path]:
    """List the raw files of a folder, unsorted."""
    try:
        files = list(folder.iterdir())
    except OSError:
        return []  # reading it as a folder of pictures will say why
    return [
        file
        for file in files
        if file.suffix.lower() in RAW_SUFFIXES
        and not file.name.startswith(".")
        and file.is_file()  # a pipe would be waited for
    ]
