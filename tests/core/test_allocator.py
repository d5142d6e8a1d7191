"""Freed memory is used again, and returned when asked."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, sys
from f2r.system.allocator import give_memory_back, keep_freed_memory
if "keep" in sys.argv:
    keep_freed_memory()
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
for _ in range(20):
    b"x" * (48 << 20)
held = resident()
give_memory_back()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt, held, resident())
"""


def run(*arguments):
    command = [sys.executable, "-c", COUNT, *arguments]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [int(word) for word in output.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_large_blocks_are_used_again_and_returned_when_asked():
    usual, _, _ = run()
    faults, held, left = run("keep")
    assert faults < usual / 2
    assert left < held - (32 << 20)
