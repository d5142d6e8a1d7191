"""Write JSON reports and describe the environment of a run."""

import json
import math
import platform
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from f2r.system.claim import Claim
from f2r.system.durable import write_durably

LIBRARIES = ("torch", "numpy", "opencv-python-headless", "av", "tifffile")
"""Distributions whose version is reported."""


@dataclass(frozen=True)
class Environment:
    """Machine and software of a run, without names of persons or folders."""

    f2r: str
    """Version of F2R."""
    python: str
    """Version of Python."""
    libraries: dict[str, str]
    """Version of each installed library."""
    platform: str
    """Operating system and processor architecture."""
    cpu_threads: int
    """Number of threads of torch."""
    cuda_device: str | None
    """Name of the CUDA device; None without one."""
    peak_memory_mib: float | None
    """Peak resident memory of the process so far, MiB; None where it is not available."""
    date: str
    """Time of the report, UTC, ISO 8601."""


def environment() -> dict[str, Any]:
    """Describe machine, software and peak memory as JSON values."""
    import torch

    from f2r import __version__

    has_cuda = torch.cuda.is_available()
    return asdict(
        Environment(
            f2r=__version__,
            python=platform.python_version(),
            libraries=_versions(),
            platform=f"{platform.system()} {platform.release()} {platform.machine()}",
            cpu_threads=torch.get_num_threads(),
            cuda_device=torch.cuda.get_device_name() if has_cuda else None,
            peak_memory_mib=peak_memory_mib(),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )


def peak_memory_mib() -> float | None:
    """Give the peak resident memory of this process so far, MiB; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def write_report(path: Path, content: dict[str, Any], claim: Claim | None = None) -> None:
    """Write `content` as JSON so that a crash leaves the old file or the new one.

    NaN and infinity become null.

    Args:
        path: the file; without a claim it is replaced if it exists.
        content: what reports are made of.
        claim: keeps the user's files; it decides whether an existing file may go.
    """
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    put = write_durably if claim is None else claim.write
    put(path, lambda partial: _write_text(partial, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _versions() -> dict[str, str]:
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _plain(value: Any) -> Any:
    """Convert paths, arrays and tensors to JSON values."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # numpy and torch, scalars and arrays
        return _plain(value.tolist())
    return str(value) if isinstance(value, Path) else value
