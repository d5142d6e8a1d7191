"""Ownership of files: the mark of F2R and the process at work."""

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

MARK = "Frames2Residual"
"""Value of `made_by` in every file by which F2R knows a folder of its own."""
LARGEST_MARK = 2**20
"""Bytes of the largest file that is searched for the mark."""
ENDED_STATES = {"Z", "X"}
"""States of a process that has ended but still has its number."""


@dataclass(frozen=True)
class Owner:
    """Identity of a process, unique even if its number is reused."""

    host: str
    """Name of the machine."""
    pid: int
    """Number of the process."""
    started: str | None
    """Start of the process in ticks since boot; None where it is not available."""
    boot: str | None
    """Identity of the boot; None where it is not available."""
    space: str | None
    """Identity of the container; None where it is not available."""
    since: str
    """Time of the claim: UTC, ISO 8601."""

    @classmethod
    def current(cls) -> Self:
        """Describe this process."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(platform.node(), os.getpid(), _started(os.getpid()), _boot(), _space(), now)

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read an owner; None if the file is missing or not F2R's."""
        content = read_marked(path)
        try:
            return None if content is None else cls(**content)
        except TypeError:
            return None

    def write(self, path: Path) -> None:
        """Write the owner, with the mark, and bring it to the disk."""
        with path.open("x", encoding="utf-8") as file:
            json.dump({"made_by": MARK, **asdict(self)}, file)
            file.flush()
            os.fsync(file.fileno())

    @property
    def is_near(self) -> bool:
        """Whether this process can check that process."""
        return (self.host, self.space) == (platform.node(), _space())

    @property
    def is_gone(self) -> bool:
        """Whether the process has certainly ended."""
        if not self.is_near:
            return False
        if None not in (self.boot, _boot()) and self.boot != _boot():
            return True
        if not _is_running(self.pid):
            return True
        return None not in (self.started, now := _started(self.pid)) and self.started != now

    def describe(self) -> str:
        """Name it for the user, with its age."""
        return f"process {self.pid} on {self.host or 'an unnamed machine'}, {_age(self.since)}"


def read_marked(path: Path) -> dict[str, Any] | None:
    """Read a JSON object that carries F2R's mark, without the mark; None for everything else."""
    try:
        if path.is_symlink() or path.stat().st_size > LARGEST_MARK:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.pop("made_by", None) != MARK:
        return None
    return content


def _age(since: str) -> str:
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()
    except (TypeError, ValueError):
        return "since an unknown time"
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"for {seconds / size:.0f} {name}"
    return f"for {max(seconds, 0):.0f} seconds"


def _is_running(pid: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError, TypeError):
        return False
    except PermissionError:
        return True
    fields = _fields(pid)
    return not fields or fields[0] not in ENDED_STATES


def _fields(pid: int) -> list[str]:
    """Read the state and start of a process on Linux; empty elsewhere."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _started(pid: int) -> str | None:
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 else None


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _space() -> str | None:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None
