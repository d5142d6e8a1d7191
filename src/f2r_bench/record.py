"""Records: JSON files of results with date, hardware and commit."""

import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from f2r.errors import InputError
from f2r.system.environment import environment, write_report


def write_record(path: Path, options: Any, content: Mapping[str, Any]) -> None:
    """Write results with what they depend on; a crash leaves the old file or the new one.

    Args:
        path: JSON to write; its folder is made.
        options: dataclass of the command's options; paths are cut to their names.
        content: the results.

    Raises:
        InputError: the file cannot be written.
    """
    chosen = asdict(options) if is_dataclass(options) and not isinstance(options, type) else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_report(path, provenance() | {"options": _without_folders(chosen)} | dict(content))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}): name another file with -o"
        ) from None


def provenance() -> dict[str, Any]:
    """Describe date, machine, software and commit as JSON values."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    made = environment()
    return {
        "date": made["date"],
        "commit": commit.stdout.strip() or None,
        "hardware": f"{_processor()}, {made['cpu_threads']} threads",
        "environment": made,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _without_folders(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, str):
        name, equals, file = value.partition("=")
        return name + equals + Path(file).name if equals else value
    if isinstance(value, dict):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(item) for item in value]
    return value
