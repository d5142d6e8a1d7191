"""A short seeded run of what `make fuzz` does for minutes."""

import subprocess
import sys
from pathlib import Path

DRIVER = Path(__file__).with_name("driver.py")


def test_damaged_files_of_every_kind_end_in_one_line_without_hang_or_leftover(tmp_path):
    command = [sys.executable, str(DRIVER), "--mutants", "135", "--keep", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert "0 failures" in run.stdout
