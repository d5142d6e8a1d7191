"""Nothing of the user's is lost: what exists is replaced only when asked to."""

import json
from pathlib import Path

import numpy as np
import pytest

from f2r.cli.main import main
from f2r.errors import InputError
from f2r.io import open_writer
from f2r.io.array import ArrayReader
from f2r.io.opening import list_clips
from outputs import LETTER, OUTPUTS, assert_one_line, content, denoise, put, simulate
from synthetic import moving_clip


@pytest.fixture
def noisy(tmp_path):
    """Write a clip that is large enough to measure its noise."""
    frames = moving_clip(6, 96, 128).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).normal(0, 0.1, frames.shape)
    np.save(tmp_path / "noisy.npy", (frames + noise).astype(np.float32))
    return tmp_path / "noisy.npy"


def neighbours(name):
    """Name what the user may have beside an output that is none of the run's business."""
    part = f"{Path(name).stem}.part{Path(name).suffix}"
    return sorted({f"{name}.old", part, f"{name}.part", f"{name}.json.part"})


@pytest.mark.parametrize("make", [denoise, simulate])
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_neighbours_of_an_output_survive(clip_file, work, name, is_folder, make):
    for neighbour in neighbours(name):
        put(work / neighbour, is_folder)
    before = content(work)
    assert make(clip_file, work / name) == 0
    assert make(clip_file, work / name, "--overwrite") == 0
    after = content(work)
    assert before.items() <= after.items()
    ours = {p.parts[0] for p in after} - {p.parts[0] for p in before}
    assert ours <= {name, f"{name}.json", f"{name}.png"}


@pytest.mark.parametrize("end", [".json", ".png"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_report_and_picture_are_checked_before_the_run(clip_file, work, capsys, name, end):
    put(work / f"{name}{end}")
    before = content(work)
    assert denoise(clip_file, work / name) == 2
    assert_one_line(capsys, f"{name}{end}: exists already")
    assert content(work) == before
    assert denoise(clip_file, work / name, "--overwrite") == 0
    assert (work / f"{name}{end}").read_bytes() != LETTER


@pytest.mark.parametrize(
    "options", [[], ["--overwrite"], ["--resume"], ["--resume", "--overwrite"]]
)
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_foreign_run_folder_is_refused(clip_file, work, capsys, name, is_folder, options):
    put(work / f"{name}.run", is_folder)
    if is_folder:
        (work / f"{name}.run" / "run.json").write_text("{}")
    before = content(work)
    assert denoise(clip_file, work / name, *options) == 2
    assert_one_line(capsys, "not made by F2R")
    assert content(work) == before


@pytest.mark.parametrize("options", [[], ["--overwrite"]], ids=["new", "overwrite"])
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_even_the_name_of_the_claim_may_be_taken(clip_file, work, capsys, is_folder, options):
    put(work / ".out.npy.f2r", is_folder)
    before = content(work)
    for make in (denoise, simulate):
        assert make(clip_file, work / "out.npy", *options) == 2
        assert_one_line(capsys, "not made by F2R")
        assert content(work) == before


@pytest.mark.parametrize("name", OUTPUTS)
def test_simulate_checks_its_json_before_it_writes(clip_file, work, capsys, name):
    put(work / f"{name}.json")
    before = content(work)
    assert simulate(clip_file, work / name) == 2
    assert_one_line(capsys, "exists already")
    assert content(work) == before


@pytest.mark.parametrize("command", ["noise", "evaluate"])
def test_json_of_other_commands_is_no_surprise(noisy, work, capsys, command):
    put(work / "said.json")
    put(work / "said.json.part")
    before = content(work)
    arguments = [command, str(noisy), *([str(noisy)] if command == "evaluate" else [])]
    arguments += ["--json", str(work / "said.json")]
    assert main(arguments) == 2
    assert_one_line(capsys, "exists already")
    assert content(work) == before
    assert main([*arguments, "--overwrite"]) == 0
    assert json.loads((work / "said.json").read_text())
    assert (work / "said.json.part").read_bytes() == LETTER
    assert len(list(work.iterdir())) == 2


def test_the_picture_of_the_noise_is_no_surprise(noisy, work, capsys):
    put(work / "noise.png")
    arguments = ["noise", str(noisy), "--picture", str(work / "noise.png")]
    assert main(arguments) == 2
    assert_one_line(capsys, "exists already")
    assert (work / "noise.png").read_bytes() == LETTER
    assert main([*arguments, "--overwrite"]) == 0


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_link_is_not_replaced(clip_file, work, capsys, name, kind):
    (work / "elsewhere").mkdir()
    target = work / "elsewhere" / name
    if kind != "nothing":
        put(target, kind == "folder")
    (work / name).symlink_to(target)
    before = content(work)
    assert denoise(clip_file, work / name, "--overwrite") == 2
    assert_one_line(capsys, "is a link")
    assert content(work) == before
    assert (work / name).is_symlink()


def test_a_folder_loses_only_frames_that_are_replaced(clip_file, work, capsys):
    output = work / "result"
    assert denoise(clip_file, output) == 0
    (output / "frame_000004.png").write_bytes(LETTER)
    before = content(work)
    for make in (denoise, simulate):
        assert make(clip_file, output, "--overwrite") == 2
    assert "frame_000004.png" in capsys.readouterr().err
    assert content(work) == before
    (output / "frame_000004.png").unlink()
    assert denoise(clip_file, output, "--overwrite") == 0


def test_a_zarr_of_the_users_is_not_replaced(clip_file, work, capsys):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(work / "mine.zarr"), mode="w")
    group.create_array("0", shape=(3, 24, 32), dtype="uint8")[...] = 7
    before = content(work)
    assert denoise(clip_file, work / "mine.zarr", "--overwrite") == 2
    assert_one_line(capsys, "not made by F2R")
    assert content(work) == before
    assert denoise(clip_file, work / "ours.zarr") == 0
    assert denoise(clip_file, work / "ours.zarr", "--overwrite") == 0
    put(work / "ours.zarr" / "labels", True)
    assert denoise(clip_file, work / "ours.zarr", "--overwrite") == 2
    assert (work / "ours.zarr" / "labels" / "letter.txt").read_bytes() == LETTER


def test_a_file_is_not_replaced_by_a_folder(clip_file, work, capsys):
    put(work / "result")
    assert denoise(clip_file, work / "result", "--overwrite") == 2
    assert_one_line(capsys, "is a file")
    assert (work / "result").read_bytes() == LETTER


@pytest.mark.parametrize("name", ["result", "out.mkv", "out.npy"])
def test_what_appears_during_the_run_is_kept(work, name):
    reader = ArrayReader(np.zeros((2, 16, 16, 3), np.uint8))
    writer = open_writer(work / name, reader.info)
    for frame in reader:
        writer.write(frame)
    put(work / name, name == "result")
    with pytest.raises(InputError, match="exists already"):
        writer.close()
    assert list(content(work).values()) == [LETTER]
    assert len(list(work.iterdir())) == 1


def test_a_video_of_the_users_that_is_called_part_is_a_clip(tmp_path):
    (tmp_path / "first.part.mkv").touch()
    (tmp_path / "made.f2r.mkv").touch()
    assert list_clips(tmp_path) == [str(tmp_path / "first.part.mkv")]
