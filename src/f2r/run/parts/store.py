"""The finished parts of a clip in the folder `OUTPUT.run/parts`.

A worker holds the lock of its part and appends frames to a spool that is named after the part and
the machine. The part is finished when its seal is there, which names that spool and its content.
Where a file system knows no locks, two machines make two spools and one seal: no harm is done.
"""

import hashlib
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from f2r.errors import InputError
from f2r.run.parts.part import Part
from f2r.run.resume.spool import FrameSpool, count_frames
from f2r.system.lock import TakenError, is_locked, locked
from f2r.system.owner import Owner
from f2r.system.placing import discard
from f2r.system.sealed import DamagedError, damaged, read_json, write_json


class PartTakenError(InputError):
    """Another process makes this part."""


@dataclass(frozen=True)
class Seal:
    """Facts of a finished part."""

    spool: str
    """Name of the file that holds its frames."""
    frames: int
    """Number of frames."""
    digest: str
    """SHA-256 of the headers of all frames."""
    seconds: float
    """Time that the last worker took."""
    made_on: str
    """Device and processor."""


class PartStore:
    """Finished and unfinished parts of one clip.

    Args:
        folder: the folder of the run, which is prepared.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "parts"

    @contextmanager
    def working_on(self, part: Part) -> Iterator[FrameSpool | None]:
        """Hold a part and give the frames that it has so far; None if it is finished.

        Damaged frames are removed.

        Raises:
            PartTakenError: another process works on it.
            InputError: the folder is gone or cannot be written to.
        """
        self._make_folder()
        try:
            with locked(self.folder / f"{part.name}.lock"):
                if self.state_of(part) is None:
                    yield None
                    return
                discard(self._seal(part))
                with self._spool(part) as spool:
                    yield spool
        except TakenError as error:
            who = f"{error.owner.describe()}" if error.owner else "another process"
            raise PartTakenError(
                f"part {part} is being made by {who}: wait for it or take another part"
            ) from error

    def seal(self, part: Part, spool: FrameSpool, seconds: float, made_on: str) -> None:
        """Mark a part as finished."""
        seal = Seal(spool.path.name, len(spool), spool.digest(), round(seconds, 2), made_on)
        write_json(self._seal(part), asdict(seal))

    def read(self, part: Part) -> Seal:
        """Read the facts of a finished part.

        Raises:
            DamagedError: the part is not finished, or its seal was changed.
        """
        try:
            seal = Seal(**read_json(self._seal(part)))
        except TypeError as error:
            raise damaged(self._seal(part), "it is no seal") from error
        if Path(seal.spool).name != seal.spool or not seal.spool.startswith(part.name):
            raise damaged(self._seal(part), "it is no seal")
        return seal

    @contextmanager
    def opened(self, part: Part) -> Iterator[FrameSpool]:
        """Open the frames of a finished part.

        Raises:
            DamagedError: they differ from the seal.
        """
        seal = self.read(part)
        path = self.folder / seal.spool
        if not path.is_file():
            raise damaged(path, "it is missing")
        with FrameSpool(path) as spool:
            if (len(spool), spool.digest()) != (seal.frames, seal.digest):
                raise damaged(path, "it is not what was sealed")
            yield spool

    def state_of(self, part: Part) -> str | None:
        """Check a part completely: 'missing', 'damaged', or None if it is complete."""
        if not self._seal(part).exists():
            return "missing"
        try:
            with self.opened(part) as spool:
                spool.check()
        except DamagedError:
            return "damaged"
        return None

    def is_finished(self, part: Part) -> bool:
        """Whether a part has a seal; its frames are not read."""
        return self._seal(part).exists()

    def counts(self) -> list[int]:
        """List into how many parts workers have cut the clip: one number, unless they differ."""
        names = [path.name for path in self.folder.glob("*-of-*.*")]
        found = (re.match(r"\d{5}-of-(\d{5})\.", name) for name in names)
        return sorted({int(match[1]) for match in found if match})

    def is_busy(self) -> bool:
        """Whether a process works on any part."""
        return any(is_locked(path) for path in self.folder.glob("*.lock"))

    def progress(self, part: Part, known: dict[Path, tuple[int, int]]) -> int:
        """Count the frames of a part that are done.

        Args:
            part: the part.
            known: frames and bytes per spool, by the last call; updated.
        """
        for path in self.folder.glob(f"{part.name}.*.spool"):
            count, end = known.get(path, (0, 0))
            more, end = count_frames(path, end)
            known[path] = (count + more, end)
        return max((known[p][0] for p in known if p.name.startswith(part.name)), default=0)

    def _make_folder(self) -> None:
        with suppress(FileExistsError):
            try:
                self.folder.mkdir()
            except FileNotFoundError as error:
                raise InputError(f"{self.folder.parent}: is gone: prepare the clip anew") from error

    def _seal(self, part: Part) -> Path:
        return self.folder / f"{part.name}.json"

    def _spool(self, part: Part) -> FrameSpool:
        """Open the frames that this machine has made so far; damaged ones are removed."""
        path = self.folder / f"{part.name}.{_machine()}.spool"
        try:
            spool = FrameSpool(path)
            try:
                spool.check()
            except BaseException:
                spool.close()
                raise
        except DamagedError:
            discard(path)
            return FrameSpool(path)
        return spool


def check_undivided(folder: Path) -> None:
    """Refuse a run in one piece if parts are finished, whose frames would be lost.

    Raises:
        InputError: the folder holds parts.
    """
    if PartStore(folder).counts():
        raise InputError(
            f"{folder}: holds parts of the clip: pass --join, or --workers with --resume, or "
            "--overwrite without --resume to start anew"
        )


def _machine() -> str:
    """Name this machine, from its start to its end, in eight letters."""
    identity = Owner.current().boot or platform.node()
    return hashlib.sha256(identity.encode()).hexdigest()[:8]
