"""Nothing of the user's is lost, and one output is made by one run at a time."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from f2r.cli.main import main
from f2r.errors import InputError
from f2r.io import open_writer
from f2r.io.array import ArrayReader
from f2r.io.opening import list_clips
from synthetic import moving_clip

FAST = ["--sigma", "20", "--preset", "fast", "--strength", "0"]
OUTPUTS = ["result", "out.mkv", "out.tif", "out.npy"]
LETTER = b"Dear F2R, I am not yours."


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "in").mkdir()
    frames = moving_clip(3, 24, 32).permute(0, 2, 3, 1).numpy()
    np.save(tmp_path / "in" / "clip.npy", (frames * 255).round().astype(np.uint8))
    return tmp_path / "in" / "clip.npy"


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def noisy(tmp_path):
    """Write a clip that is large enough to measure its noise."""
    frames = moving_clip(6, 96, 128).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).normal(0, 0.1, frames.shape)
    np.save(tmp_path / "noisy.npy", (frames + noise).astype(np.float32))
    return tmp_path / "noisy.npy"


def denoise(clip, output, *options):
    return main(["denoise", str(clip), "-o", str(output), *FAST, *options])


def simulate(clip, output, *options):
    return main(["simulate", str(clip), "-o", str(output), "--sigma", "20", *options])


def put(path, is_folder=False):
    """Write a letter of the user's, or a folder that holds one."""
    if is_folder:
        path.mkdir()
        path /= "letter.txt"
    path.write_bytes(LETTER)


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def neighbours(name):
    """Name what the user may have beside an output that is none of the run's business."""
    part = f"{Path(name).stem}.part{Path(name).suffix}"
    return sorted({f"{name}.old", part, f"{name}.part", f"{name}.json.part"})


def assert_one_line(capsys, words):
    said = [x for x in capsys.readouterr().err.splitlines() if x.startswith("f2r: ")]
    assert len(said) == 1
    assert words in said[0]


@pytest.mark.parametrize("make", [denoise, simulate])
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_neighbours_of_an_output_survive(clip, work, name, is_folder, make):
    for neighbour in neighbours(name):
        put(work / neighbour, is_folder)
    before = content(work)
    assert make(clip, work / name) == 0
    assert make(clip, work / name, "--overwrite") == 0
    after = content(work)
    assert before.items() <= after.items()
    ours = {p.parts[0] for p in after} - {p.parts[0] for p in before}
    assert ours <= {name, f"{name}.json", f"{name}.png"}


@pytest.mark.parametrize("end", [".json", ".png"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_report_and_picture_are_checked_before_the_run(clip, work, capsys, name, end):
    put(work / f"{name}{end}")
    before = content(work)
    assert denoise(clip, work / name) == 2
    assert_one_line(capsys, f"{name}{end}: exists already")
    assert content(work) == before
    assert denoise(clip, work / name, "--overwrite") == 0
    assert (work / f"{name}{end}").read_bytes() != LETTER


@pytest.mark.parametrize(
    "options", [[], ["--overwrite"], ["--resume"], ["--resume", "--overwrite"]]
)
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_run_folder_that_is_not_ours_is_refused(clip, work, capsys, name, is_folder, options):
    put(work / f"{name}.run", is_folder)
    if is_folder:
        (work / f"{name}.run" / "run.json").write_text("{}")
    before = content(work)
    assert denoise(clip, work / name, *options) == 2
    assert_one_line(capsys, "not made by F2R")
    assert content(work) == before


@pytest.mark.parametrize("options", [[], ["--overwrite"]], ids=["new", "overwrite"])
@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_even_the_name_of_the_claim_may_be_taken(clip, work, capsys, is_folder, options):
    put(work / ".out.npy.f2r", is_folder)
    before = content(work)
    for make in (denoise, simulate):
        assert make(clip, work / "out.npy", *options) == 2
        assert_one_line(capsys, "not made by F2R")
        assert content(work) == before


@pytest.mark.parametrize("name", OUTPUTS)
def test_simulate_checks_its_json_before_it_writes(clip, work, capsys, name):
    put(work / f"{name}.json")
    before = content(work)
    assert simulate(clip, work / name) == 2
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
def test_a_link_is_not_replaced(clip, work, capsys, name, kind):
    (work / "elsewhere").mkdir()
    target = work / "elsewhere" / name
    if kind != "nothing":
        put(target, kind == "folder")
    (work / name).symlink_to(target)
    before = content(work)
    assert denoise(clip, work / name, "--overwrite") == 2
    assert_one_line(capsys, "is a link")
    assert content(work) == before
    assert (work / name).is_symlink()


def test_a_folder_loses_only_frames_that_are_replaced(clip, work, capsys):
    output = work / "result"
    assert denoise(clip, output) == 0
    (output / "frame_000004.png").write_bytes(LETTER)
    before = content(work)
    for make in (denoise, simulate):
        assert make(clip, output, "--overwrite") == 2
    assert "frame_000004.png" in capsys.readouterr().err
    assert content(work) == before
    (output / "frame_000004.png").unlink()
    assert denoise(clip, output, "--overwrite") == 0


def test_a_zarr_of_the_users_is_not_replaced(clip, work, capsys):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(str(work / "mine.zarr"), mode="w")
    group.create_array("0", shape=(3, 24, 32), dtype="uint8")[...] = 7
    before = content(work)
    assert denoise(clip, work / "mine.zarr", "--overwrite") == 2
    assert_one_line(capsys, "not made by F2R")
    assert content(work) == before
    assert denoise(clip, work / "ours.zarr") == 0
    assert denoise(clip, work / "ours.zarr", "--overwrite") == 0
    put(work / "ours.zarr" / "labels", True)
    assert denoise(clip, work / "ours.zarr", "--overwrite") == 2
    assert (work / "ours.zarr" / "labels" / "letter.txt").read_bytes() == LETTER


def test_a_file_is_not_replaced_by_a_folder(clip, work, capsys):
    put(work / "result")
    assert denoise(clip, work / "result", "--overwrite") == 2
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


HOLD = """
import sys, time
from pathlib import Path
from f2r.system.claim import Claim
claim = Claim(Path(sys.argv[1]))
(claim.folder / "half.bin").write_bytes(bytes(1000))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def hold():
    """Let another process hold an output."""
    running = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def claim_folder(output):
    return output.with_name(f".{output.name}.f2r")


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_second_run_is_refused_and_the_dead_ones_output_is_taken_over(
    clip, work, capsys, hold, name
):
    owner = hold(work / name)
    before = content(work)
    for make, options in (
        (denoise, []),
        (denoise, ["--overwrite"]),
        (denoise, ["--resume", "--overwrite"]),
        (simulate, ["--overwrite"]),
    ):
        assert make(clip, work / name, *options) == 2
        assert_one_line(capsys, f"process {owner.pid} on ")
    assert content(work) == before
    owner.kill()  # not reaped yet: even a zombie is dead
    time.sleep(0.3)
    assert denoise(clip, work / name) == 0
    assert sorted(p.name for p in work.iterdir()) == [name, f"{name}.json", f"{name}.png"]


def edit_owner(output, **changes):
    path = claim_folder(output) / "owner.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "changes", [{"started": "1"}, {"boot": "another"}, {"pid": 2**22 + 1}, {"pid": 2**70}]
)
def test_a_process_number_that_came_again_is_not_the_owner(clip, work, hold, changes):
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system does not say when a process began")
    hold(work / "out.npy")
    edit_owner(work / "out.npy", **changes)
    assert denoise(clip, work / "out.npy") == 0
    assert not claim_folder(work / "out.npy").exists()


def test_a_run_on_another_machine_is_believed_and_the_way_out_is_said(clip, work, capsys, hold):
    output = work / "out.npy"
    hold(output).kill()
    edit_owner(output, host="elsewhere", since="2020-01-01T00:00:00+00:00")
    before = content(work)
    assert denoise(clip, output, "--overwrite") == 2
    assert_one_line(capsys, f"if that run is dead, remove {claim_folder(output)}")
    assert content(work) == before


def test_two_runs_at_once_leave_one_whole_output(clip, work):
    command = [sys.executable, "-m", "f2r", "denoise", str(clip), "-o", str(work / "out.tif")]
    runs = [
        subprocess.Popen([*command, *FAST, "--overwrite"], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [run.communicate(timeout=120)[1] for run in runs]
    codes = [run.returncode for run in runs]
    assert 0 in codes, said
    assert set(codes) <= {0, 2}
    assert all("another run" in text for text, code in zip(said, codes, strict=True) if code)
    import tifffile

    assert np.array_equal(tifffile.imread(work / "out.tif"), np.load(clip))
    assert sorted(p.name for p in work.iterdir()) == ["out.tif", "out.tif.json", "out.tif.png"]


def test_many_heirs_of_a_dead_run_agree_on_one(work, hold):
    code = (
        "import sys, time; from pathlib import Path; from f2r.system.claim import Claim\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "try: Claim(Path(sys.argv[1])); print('mine'); time.sleep(3)\n"
        "except Exception as error: print(error)"
    )
    hold(work / "out.npy").kill()
    start = str(time.time() + 2)
    arguments = [sys.executable, "-c", code, str(work / "out.npy"), start]
    heirs = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    said = [heir.communicate(timeout=60)[0].strip() for heir in heirs]
    assert said.count("mine") == 1, said
    assert sum("another run" in text for text in said) == 5, said


def test_a_pipe_into_a_file_is_held_too(clip, work, hold, tmp_path):
    video = tmp_path / "in" / "clip.y4m"
    assert denoise(clip, video) == 0
    command = [sys.executable, "-m", "f2r", "denoise", "-", "-o", str(work / "out.npy"), *FAST]
    owner = hold(work / "out.npy")

    def run():
        with video.open("rb") as data:
            return subprocess.run(command, stdin=data, capture_output=True, text=True, check=False)

    second = run()
    assert second.returncode == 2
    assert f"process {owner.pid}" in second.stderr
    owner.kill()
    owner.wait()
    put(work / "out.npy.png")
    assert run().returncode == 0
    assert (work / "out.npy.png").read_bytes() == LETTER  # a pipe has no picture


def test_a_folder_whose_replacement_was_cut_short_comes_back(clip, work, hold):
    output = work / "result"
    assert denoise(clip, output) == 0
    before = content(output)
    hold(output).kill()
    output.rename(claim_folder(output) / "replaced")
    assert denoise(clip, output) == 2
    assert content(output) == before
    assert not claim_folder(output).exists()
