"""Outputs of the commands: checked and claimed before anything is measured."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from f2r.errors import InputError
from f2r.system.claim import Claim
from f2r.system.durable import write_durably
from f2r.system.owner import MARK, read_marked
from f2r.system.placing import check_file

STAMP = "made_by.json"
"""File that marks a folder of results."""


@contextmanager
def claimed_file(path: Path, beside: Sequence[Path] = (), *, overwrite: bool) -> Iterator[None]:
    """Hold the right to write a file of figures.

    Args:
        path: the file; its folder is made.
        beside: further files that will be written.
        overwrite: existing files may be replaced.

    Raises:
        InputError: a file exists or cannot be written, or another run writes it.
    """
    from f2r.io.names import check_name

    _make_folder(path.parent)
    for file in (path, *beside):
        check_name(file)
        check_file(file, overwrite=overwrite)
    with Claim(path, overwrite=overwrite):
        yield


@contextmanager
def claimed_folder(path: Path) -> Iterator[None]:
    """Hold the right to write a folder of results, which is new, empty or of an earlier run.

    Args:
        path: the folder, or a link to one; it is made, and marked.

    Raises:
        InputError: it holds other files or cannot be written, or another run writes it.
    """
    from f2r.io.names import check_name

    real = path.resolve()
    check_name(real)
    _make_folder(real.parent)
    with Claim(real, overwrite=True):
        is_new = not real.exists()
        _make_folder(real)
        _mark(real, path)
        try:
            yield
        finally:
            if is_new and [entry.name for entry in real.iterdir()] == [STAMP]:
                (real / STAMP).unlink()  # nothing was measured
                real.rmdir()


def _mark(folder: Path, path: Path) -> None:
    """Mark an empty folder as one of results."""
    if read_marked(folder / STAMP) is not None:
        return
    if any(folder.iterdir()):
        raise InputError(f"{path}: holds files that are no results of f2r-bench: name a new folder")
    text = json.dumps({"made_by": MARK})
    write_durably(folder / STAMP, lambda file: _write(file, text))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be made ({error.strerror}): name another place with -o"
        ) from None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
