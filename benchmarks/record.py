"""What every benchmark result says of its making: date, hardware, commit."""

import platform
import subprocess
from pathlib import Path
from typing import Any

from f2r.system.report import environment


def provenance() -> dict[str, Any]:
    """Describe machine, software and commit as JSON values."""
    root = Path(__file__).parent
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    return {
        "commit": commit.stdout.strip(),
        "hardware": f"{_processor()}, {environment()['cpu_threads']} threads",
        "environment": environment(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
