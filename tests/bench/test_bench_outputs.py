"""The commands of f2r-bench replace nothing of the user's, and two do not write one output."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from f2r.errors import InputError
from f2r.system.owner import MARK
from f2r_bench.claims import STAMP, claimed_file, claimed_folder
from f2r_bench.cli.main import COMMANDS, main
from outputs import LETTER, assert_one_line, content, put
from synthetic import moving_clip

FOLDERS = {"compare": "tables.md", "ablations": "tables.tex", "compressed": "compressed.md"}
FOLDERS |= {"crvd": "crvd.md", "pace": "pace.json"}
WITHOUT_DATA = {"memory", "kill", "load", "busy"}
HOLD = """
import sys, time
from pathlib import Path
from f2r_bench.claims import claimed_file, claimed_folder
held = {"file": lambda path: claimed_file(path, overwrite=False), "folder": claimed_folder}
with held[sys.argv[1]](Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def name_of(options):
    return options.__name__.removesuffix("Args").lower()


NAMES = {
    "noiseestimation": "noise-estimation",
    "unknownnoise": "unknown-noise",
    "realnoise": "real-noise",
}
FILES = sorted({NAMES.get(name_of(o), name_of(o)) for o in COMMANDS} - FOLDERS.keys())


@pytest.fixture
def clip(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    np.save(folder / "moving.npy", moving_clip(3, 32, 32).permute(0, 2, 3, 1).numpy())
    return folder


def run(command, clip, output, *more):
    data = [] if command in WITHOUT_DATA else [str(clip)]
    return main([command, *data, "-o", str(output), *more])


@pytest.mark.parametrize("command", FILES)
def test_a_file_of_the_users_is_not_replaced(clip, work, capsys, command):
    put(work / "figures.json")
    assert run(command, clip, work / "figures.json") == 2
    assert_one_line(capsys, "--overwrite")
    assert content(work) == {Path("figures.json"): LETTER}


@pytest.mark.parametrize(("command", "name"), FOLDERS.items())
def test_a_folder_of_the_users_is_not_written_to(clip, work, capsys, command, name):
    (work / "results").mkdir()
    put(work / "results" / name)
    assert run(command, clip, work / "results") == 2
    assert_one_line(capsys, "name a new folder")
    assert content(work) == {Path("results") / name: LETTER}


def test_pictures_beside_the_figures_are_checked_as_well(clip, work, capsys):
    put(work / "quality-moving-s20.png")
    options = ("--sigma", "20", "--budgets", "fast", "2s")
    assert run("quality", clip, work / "quality.json", *options) == 2
    assert_one_line(capsys, "quality-moving-s20.png")
    assert content(work) == {Path("quality-moving-s20.png"): LETTER}
    put(work / "pictures", is_folder=True)
    options = ("--pictures", str(work / "pictures"))
    assert run("real-noise", clip / "moving.npy", work / "real.json", *options) == 2
    assert_one_line(capsys, "name a new folder")
    assert not (work / "real.json").exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_second_run_is_refused_and_a_dead_ones_output_taken_over(clip, work, capsys, kind):
    command, output = {"file": ("quality", "a.json"), "folder": ("compare", "results")}[kind]
    arguments = [sys.executable, "-c", HOLD, kind, str(work / output)]
    owner = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout.readline() == "held\n"
        assert run(command, clip, work / output) == 2
        assert_one_line(capsys, f"process {owner.pid} on ")
    finally:
        owner.kill()
        owner.communicate()
    claimed = {"file": lambda path: claimed_file(path, overwrite=False), "folder": claimed_folder}
    with claimed[kind](work / output):
        pass
    assert [path.name for path in work.iterdir() if path.name.startswith(".")] == []


def test_a_folder_of_an_earlier_run_is_gone_on_with_and_may_be_a_link(work):
    with claimed_folder(work / "results"):
        put(work / "results" / "cases", is_folder=True)
    (work / "link").symlink_to(work / "results")
    with claimed_folder(work / "link"):
        assert MARK in (work / "results" / STAMP).read_text()
    put(work / "file")
    with pytest.raises(InputError, match="file"), claimed_folder(work / "file"):
        pass
    with pytest.raises(InputError, match="cannot be made"), claimed_folder(work / "file" / "a"):
        pass


def test_a_run_that_is_refused_leaves_no_folder(clip, work):
    assert run("compare", clip, work / "new" / "results", "--frames", "0") == 2
    assert run("compressed", clip, work / "results", "--frames", "0") == 2
    assert not (work / "results").exists()


def test_every_command_of_one_file_can_replace_it():
    for options in COMMANDS:
        names = {field.name for field in dataclasses.fields(options)}
        assert ("overwrite" in names) == (name_of(options) not in FOLDERS), options
