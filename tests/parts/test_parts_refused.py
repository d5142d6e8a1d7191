"""What cannot be divided, made or joined ends in one line that says what to do."""

import os
import shutil
import signal

import pytest
from parts_samples import FAST, step, write_npy

from disk import full
from f2r.cli.main import main
from f2r.run.parts import make
from f2r.run.parts.part import Part
from f2r.run.parts.store import PartStore
from f2r.run.resume import state
from f2r.system.lock import TakenError, is_locked, locked


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A prepared clip with the first of three parts."""
    folder = tmp_path_factory.mktemp("prepared")
    source = write_npy(folder / "in.npy", count=6)
    assert step(source, folder / "out.npy", FAST, "--prepare-only") == 0
    assert step(source, folder / "out.npy", FAST, "--part", "1/3") == 0
    return folder


@pytest.fixture
def work(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "work")
    return tmp_path / "work"


def content(folder):
    return {
        p.relative_to(folder): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix != ".lock"
    }


def refused(capsys, work, words, *which, options=FAST, source="in.npy"):
    before = content(work)
    capsys.readouterr()
    code = step(work / source, work / "out.npy", options, *which)
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("f2r: ")]
    assert code == 2, said
    assert len(lines) == 1, said
    assert "Traceback" not in said
    assert words in lines[0], lines[0]
    assert content(work) == before
    assert not (work / ".out.npy.f2r").exists()


@pytest.mark.parametrize("part", ["0/4", "5/4", "1/0", "3", "a/b", "1/2/3", "-1/4", "1/100000"])
def test_parts_that_there_are_not(work, capsys, part):
    refused(capsys, work, f"--part {part}: there is no such part", f"--part={part}")


@pytest.mark.parametrize("which", [("--part", "2/3"), ("--join",)])
def test_a_clip_that_is_not_prepared(work, capsys, which):
    shutil.rmtree(work / "out.npy.run")
    refused(capsys, work, "is not prepared: run the same command with --prepare-only", *which)


@pytest.mark.parametrize("which", [("--part", "2/3"), ("--join",)])
def test_another_clip_and_a_changed_one(work, capsys, which):
    write_npy(work / "other.npy", count=6, seed=3)
    words = "was prepared for another clip, or the clip has changed"
    refused(capsys, work, words, *which, source="other.npy")
    os.utime(work / "in.npy", ns=(1, 1))
    refused(capsys, work, words, *which)


@pytest.mark.parametrize("which", [("--part", "2/3"), ("--join",)])
def test_another_version_and_other_options(work, capsys, monkeypatch, which):
    words = "was prepared with other options (seed): give the same ones"
    refused(capsys, work, words, *which, options=(*FAST, "--seed", "3"))
    words = "was prepared with other options (codec): give the same ones"
    refused(capsys, work, words, *which, options=(*FAST, "--codec", "png"))
    monkeypatch.setattr(state, "__version__", "9.8.7")
    words = "this is 9.8.7: use that version, or prepare anew with --prepare-only --overwrite"
    refused(capsys, work, words, *which)


def test_missing_and_damaged_parts_are_named(work, capsys):
    refused(capsys, work, "parts 2/3, 3/3 are missing: make them by --part", "--join")
    assert step(work / "in.npy", work / "out.npy", FAST, "--part", "3/3") == 0
    refused(capsys, work, "part 2/3 is missing: make", "--join")
    seal = work / "out.npy.run/parts/00003-of-00003.json"
    seal.write_bytes(seal.read_bytes()[:-1])
    refused(capsys, work, "part 2/3 is missing, part 3/3 is damaged: make", "--join")
    shutil.rmtree(work / "out.npy.run/parts")
    refused(capsys, work, "holds no parts", "--join")


def test_a_part_in_the_place_of_another_is_noticed(work, capsys):
    for part in ("2/3", "3/3"):
        assert step(work / "in.npy", work / "out.npy", FAST, "--part", part) == 0
    parts = work / "out.npy.run/parts"
    one, other = (next(parts.glob(f"0000{n}-of-00003.*.spool")) for n in (2, 3))
    shutil.copyfile(one, other)
    refused(capsys, work, "part 3/3 is damaged", "--join")
    shutil.copyfile(parts / "00002-of-00003.json", parts / "00003-of-00003.json")
    refused(capsys, work, "part 3/3 is damaged", "--join")


def test_parts_of_two_divisions_do_not_mix(work, capsys):
    assert step(work / "in.npy", work / "out.npy", FAST, "--part", "2/2") == 0
    words = "part 1/2 is missing; parts 2/3, 3/3 are missing: make them"
    refused(capsys, work, words, "--join")
    assert step(work / "in.npy", work / "out.npy", FAST, "--part", "1/2") == 0
    assert step(work / "in.npy", work / "out.npy", FAST, "--join") == 0


def test_two_workers_on_one_part_do_no_harm(work, capsys):
    store = PartStore(work / "out.npy.run")
    with store.working_on(Part.parse("2/3")) as spool:
        refused(capsys, work, "part 2/3 is being made by process", "--part", "2/3")
        assert len(spool) == 0
        refused(capsys, work, "parts of the clip are being made", "--prepare-only", "--overwrite")
        assert step(work / "in.npy", work / "out.npy", FAST, "--part", "3/3") == 0
    assert step(work / "in.npy", work / "out.npy", FAST, "--part", "2/3") == 0
    assert step(work / "in.npy", work / "out.npy", FAST, "--join") == 0


def test_a_lock_ends_with_its_process(tmp_path):
    path = tmp_path / "lock"
    with locked(path):
        assert is_locked(path)
        with pytest.raises(TakenError) as caught, locked(path):
            pass
        assert caught.value.owner.pid == os.getpid()
    assert not is_locked(path)
    if (child := os.fork()) == 0:
        with locked(path):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    with locked(path):
        pass


def test_a_full_disk_is_named_and_the_part_goes_on_when_there_is_room(work, capsys):
    for part, words in (
        ("2/3", "picture.sealed: cannot be written"),
        ("3/3", "spool: cannot grow"),
    ):
        with full(3000):
            assert step(work / "in.npy", work / "out.npy", FAST, "--part", part) == 2
        (said,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("f2r: ")]
        assert words in said
        assert "free some space" in said
    assert step(work / "in.npy", work / "out.npy", FAST, "--part", "2/3") == 0
    assert step(work / "in.npy", work / "out.npy", FAST, "--part", "3/3") == 0
    with full(3000):
        assert step(work / "in.npy", work / "out.npy", FAST, "--join") == 2
    assert "out.npy: cannot be written" in capsys.readouterr().err
    assert step(work / "in.npy", work / "out.npy", FAST, "--join") == 0


def test_options_that_do_not_go_together(work, capsys):
    words = "--part and --join do not go together: give one of them"
    refused(capsys, work, words, "--part", "1/3", "--join")
    refused(capsys, work, "--workers 0: give a number from 1 on, or auto", "--workers", "0")
    refused(capsys, work, "holds parts", "--resume")


@pytest.mark.parametrize("which", [("--part", "1/2"), ("--join",), ("--prepare-only",)])
def test_a_pipe_has_no_parts(capsys, which):
    assert main(["denoise", "-", "-o", "out.mkv", *FAST, *which]) == 2
    assert "a pipe has no parts" in capsys.readouterr().err


def test_a_prepared_clip_is_not_prepared_again_unawares(work, capsys):
    refused(capsys, work, "holds an interrupted run: pass --resume", "--prepare-only")
    assert step(work / "in.npy", work / "out.npy", FAST, "--prepare-only", "--resume") == 0
    assert (work / "out.npy.run/parts/00001-of-00003.json").exists()


def test_a_file_that_has_other_frames_than_it_says_is_not_joined(work, capsys, monkeypatch):
    shutil.rmtree(work / "out.npy.run/parts")
    for part, frames in (("1/2", 6), ("2/2", 8)):
        monkeypatch.setattr(make, "count_frames_of", lambda _, frames=frames: frames)
        assert step(work / "in.npy", work / "out.npy", FAST, "--part", part) == 0
    refused(capsys, work, "does not have the 5 frames of its parts", "--join")
