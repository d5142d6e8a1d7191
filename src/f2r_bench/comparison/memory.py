"""The largest memory of a stretch of work."""

from pathlib import Path

import torch

from f2r.system.environment import peak_memory_mib

RESET, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
"""Where Linux forgets and tells the largest resident memory of this process."""


def reset_peak() -> None:
    """Begin a new stretch; without effect on systems that cannot forget."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        RESET.write_text("5")
    except OSError:
        return


def peak_mib() -> float | None:
    """Give the largest memory since `reset_peak` in MiB.

    Of the CUDA device where there is one, otherwise resident memory of the whole process,
    libraries included; since the start of the process where the system cannot forget.
    """
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 2**20
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return peak_memory_mib()
    peaks = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return float(peaks[0]) / 2**10 if peaks else peak_memory_mib()
