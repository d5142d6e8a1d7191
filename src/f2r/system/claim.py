"""Claim of an output: one run at a time writes it, and no file of the user's is lost.

While a run writes OUTPUT, the folder `.OUTPUT.f2r` beside it names the process and holds unfinished
files. F2R deletes only files in a folder with its mark. A finished file gets a free name, or one
that may be overwritten.
"""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from f2r.errors import InputError
from f2r.system.durable import sync
from f2r.system.owner import Owner
from f2r.system.placing import (
    cannot_write,
    check_free,
    discard,
    inode_facts,
    move_new,
    read_ledger,
)

OWNER = "owner.json"
"""File in a claim that names its owner."""
REPLACED = "replaced"
"""Place of a folder while it is being replaced."""
NEW_PREFIX = ".f2r-"
"""Prefix of a claim that is being made."""

TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EACCES if os.name == "nt" else None}
"""Error numbers of a folder name that exists."""

Check = Callable[[Path, Path], None]
"""Takes an old folder and its successor; refuses a loss of files."""


class Claim:
    """The exclusive right to write one output, until released or the process ends.

    Args:
        path: the output; its folder exists.
        overwrite: existing files may be replaced.
        ledger: file that lists what was put into place; files in the ledger of an interrupted run
            may be replaced.
        is_shared: the writer of the output does not release the claim when it is done.

    Raises:
        InputError: another run makes this output, or the folder's name is taken by something else.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool = False,
        ledger: Path | None = None,
        is_shared: bool = False,
    ) -> None:
        self.path, self.overwrite, self.ledger = path, overwrite, ledger
        self.is_shared = is_shared
        self.folder = path.with_name(f".{path.name}.f2r")
        self._is_held = False
        try:
            self._take()
        except OSError as error:
            raise cannot_write(path, error) from error
        self._is_held = True

    def part(self, path: Path) -> Path:
        """Name the unfinished form of a file, and remove an older one."""
        part = self.folder / f"new.{path.name}"
        discard(part)
        return part

    def write(self, path: Path, write: Callable[[Path], None]) -> None:
        """Write a file by `write`, and move it into place when it is complete."""
        part = self.part(path)
        try:
            write(part)
            self.place(part, path)
        except OSError as error:
            raise cannot_write(path, error) from error
        finally:
            discard(part)

    def place(self, part: Path, path: Path, check: Check | None = None) -> None:
        """Move a finished file or folder into place, durably.

        Args:
            part: the finished file or folder.
            path: its name.
            check: refuses the replacement of a folder with other files.

        Raises:
            InputError: the name was taken while the file was made.
        """
        for file in [f for f in part.rglob("*") if f.is_file()] if part.is_dir() else [part]:
            sync(file)
        may_replace = self.may_replace(path)
        check_free(path, overwrite=may_replace)
        self._note(part, path)
        if part.is_dir():
            self._swap(part, path, check)
        elif may_replace:
            part.replace(path)
        else:
            move_new(part, path)
        sync(path.parent)

    def may_replace(self, path: Path) -> bool:
        """Whether a file may be replaced: by option, or because this run wrote it."""
        if self.overwrite:
            return True
        return inode_facts(path) in read_ledger(self.ledger).get(path.name, [])

    def release(self) -> None:
        """Release the claim; a second call does nothing."""
        if not self._is_held:
            return
        self._is_held = False
        with suppress(OSError):  # what cannot be removed is known by its mark, and removed later
            self._clear()
            (self.folder / OWNER).unlink(missing_ok=True)
            self.folder.rmdir()  # another run may have taken it in between: then it stays

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _take(self) -> None:
        _sweep(self.folder.parent)
        while not self._create():
            with _one_at_a_time(self.folder):
                owner = self._found()
                if owner is not None and owner.is_gone:
                    fresh = self.folder / f"{OWNER}.{os.getpid()}"
                    discard(fresh)
                    Owner.current().write(fresh)
                    fresh.replace(self.folder / OWNER)
                    break
            if owner is not None:
                raise InputError(_refusal(self.path, owner, self.folder))
        self._clear()

    def _create(self) -> bool:
        """Make the folder together with its owner file; False if it exists."""
        fresh = Path(tempfile.mkdtemp(prefix=NEW_PREFIX, dir=self.folder.parent))
        try:
            fresh.chmod(0o755)  # so that others can see whose it is
            Owner.current().write(fresh / OWNER)
            fresh.rename(self.folder)  # fails if there is a folder with anything in it
        except OSError as error:
            if error.errno not in TAKEN:
                raise
            return False
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return True

    def _found(self) -> Owner | None:
        """Read the owner of the existing claim; None if it was just released."""
        owner = Owner.read(self.folder / OWNER)
        is_ours = owner is not None and not self.folder.is_symlink()
        if is_ours or not os.path.lexists(self.folder):
            return owner
        if self.folder.is_dir() and not self.folder.is_symlink():
            if not any(self.folder.iterdir()):  # released this instant
                with suppress(OSError):
                    self.folder.rmdir()
                return None
            if (owner := Owner.read(self.folder / OWNER)) is not None:
                return owner
        raise InputError(
            f"{self.folder}: is in the way and was not made by F2R: move it or name another output"
        )

    def _clear(self) -> None:
        """Remove unfinished files; restore a folder whose replacement was interrupted."""
        old = self.folder / REPLACED
        if old.exists() and not os.path.lexists(self.path):
            old.rename(self.path)
        for entry in self.folder.iterdir():
            if entry.name != OWNER:
                discard(entry)

    def _note(self, part: Path, path: Path) -> None:
        """Add a file to the ledger before it is put into place, beside one that it replaces."""
        if self.ledger is None or not self.ledger.parent.is_dir():
            return
        placed = read_ledger(self.ledger)
        placed[path.name] = [*placed.get(path.name, []), inode_facts(part)]
        fresh = self.part(self.ledger)
        fresh.write_text(json.dumps(placed), encoding="utf-8")
        sync(fresh)
        fresh.replace(self.ledger)

    def _swap(self, part: Path, path: Path, check: Check | None) -> None:
        """Put a folder into place of another."""
        old = self.folder / REPLACED
        if not path.exists():
            part.rename(path)
            return
        path.rename(old)
        try:
            if check is not None:
                check(old, part)
            part.rename(path)
        except BaseException:
            old.rename(path)
            raise
        discard(old)


def _refusal(path: Path, owner: Owner, folder: Path) -> str:
    hint = "wait for it or name another output"
    if not owner.is_near or owner.started is None:
        hint += f"; if that run is dead, remove {folder}"
    return f"{path}: is being written by another run ({owner.describe()}): {hint}"


def _sweep(folder: Path) -> None:
    """Remove claims of processes that ended while making them."""
    for made in folder.glob(NEW_PREFIX + "*"):
        owner = Owner.read(made / OWNER)
        if owner is not None and owner.is_gone:
            shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Lock a claim between processes, where the system can."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
