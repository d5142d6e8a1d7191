"""Check of a prepared folder."""

from pathlib import Path
from typing import Any

from f2r.errors import InputError
from f2r.run.resume.kept import DECISIONS
from f2r.system.marked import check_stamp, read_stamp

ANEW = "or prepare anew with --prepare-only --overwrite"


def check_prepared(folder: Path, identity: dict[str, Any]) -> None:
    """Check that a folder is prepared for this clip, these options and this version.

    Args:
        folder: the folder of the run.
        identity: what the run's result depends on, as this process sees it.

    Raises:
        InputError: it is not.
        DamagedError: its stamp was changed.
    """
    found = read_stamp(folder)
    if found is None or not (folder / DECISIONS).exists():
        raise InputError(f"{folder}: is not prepared: run the same command with --prepare-only")
    check_stamp(folder, found)
    changed = next((key for key in identity if found.get(key) != identity[key]), None)
    if changed is not None:
        raise InputError(f"{folder}: {_difference(changed, found.get(changed), identity[changed])}")


def _difference(key: str, then: Any, now: Any) -> str:
    """Describe how a folder differs from the requested run."""
    if key == "version":
        return f"was prepared by F2R {then}, this is {now}: use that version, {ANEW}"
    if key == "input":
        return f"was prepared for another clip, or the clip has changed: check the input, {ANEW}"
    if key == "device":
        return f"was prepared on {then}, this is {now}: pass --device {then}, {ANEW}"
    names = [key]
    if isinstance(then, dict) and isinstance(now, dict):
        names = [name for name in now if then.get(name) != now[name]]
    said = ", ".join(name.replace("_", " ") for name in names)
    return f"was prepared with other options ({said}): give the same ones, {ANEW}"
