"""Standard output: only `f2r denoise` and `f2r render` write to it; others name a file."""

import numpy as np
import pytest

from f2r.cli.main import main
from outputs import assert_one_line

COMMANDS = {
    "simulate": ["{}", "--sigma", "20", "-o", "-"],
    "simulate --raw": ["{}", "--raw", "--iso", "1600", "-o", "-"],
    "clean raw": ["{}", "--raw", "--iso", "1600", "-o", "out.tif", "--clean-raw", "-"],
    "noise --json": ["{}", "--json", "-"],
    "noise --picture": ["{}", "--picture", "-"],
    "evaluate": ["{}", "{}", "--json", "-"],
    "preview": ["{}", "-o", "-"],
    "fit": ["{}", "-o", "-"],
    "grain": ["{}", "{}", "-o", "-"],
    "denoise --grain-table": ["{}", "-o", "out.npy", "--grain-table", "-"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_cannot_write_to_standard_output_says_so(
    clip_file, work, capsys, monkeypatch, name
):
    monkeypatch.chdir(work)
    command = {"clean raw": "simulate"}.get(name, name.split()[0])
    assert main([command, *(word.format(clip_file) for word in COMMANDS[name])]) == 2
    assert_one_line(capsys, "name")
    assert list(work.iterdir()) == []


def test_a_mosaic_does_not_go_to_standard_output(work, capsys, monkeypatch, tmp_path):
    np.save(tmp_path / "mosaic.npy", np.full((3, 32, 32), 500, np.uint16))
    monkeypatch.chdir(work)
    levels = ["--pattern", "RGGB", "--black", "0", "--white", "1000", "--sigma", "20"]
    options = [*levels, "--preset", "fast", "-o", "-"]
    assert main(["denoise", str(tmp_path / "mosaic.npy"), *options]) == 2
    assert_one_line(capsys, "-: ")
    assert list(work.iterdir()) == []
