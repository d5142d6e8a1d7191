"""One output is made by one run at a time."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from outputs import FAST, LETTER, OUTPUTS, assert_one_line, content, denoise, put, simulate

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
    clip_file, work, capsys, hold, name
):
    owner = hold(work / name)
    before = content(work)
    for make, options in (
        (denoise, []),
        (denoise, ["--overwrite"]),
        (denoise, ["--resume", "--overwrite"]),
        (simulate, ["--overwrite"]),
    ):
        assert make(clip_file, work / name, *options) == 2
        assert_one_line(capsys, f"process {owner.pid} on ")
    assert content(work) == before
    owner.kill()  # not reaped yet: even a zombie is dead
    time.sleep(0.3)
    assert denoise(clip_file, work / name) == 0
    assert sorted(p.name for p in work.iterdir()) == [name, f"{name}.json", f"{name}.png"]


def edit_owner(output, **changes):
    path = claim_folder(output) / "owner.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "changes", [{"started": "1"}, {"boot": "another"}, {"pid": 2**22 + 1}, {"pid": 2**70}]
)
def test_a_process_number_that_came_again_is_not_the_owner(clip_file, work, hold, changes):
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system does not say when a process began")
    hold(work / "out.npy")
    edit_owner(work / "out.npy", **changes)
    assert denoise(clip_file, work / "out.npy") == 0
    assert not claim_folder(work / "out.npy").exists()


def test_a_run_on_another_machine_is_believed(clip_file, work, capsys, hold):
    output = work / "out.npy"
    hold(output).kill()
    edit_owner(output, host="elsewhere", since="2020-01-01T00:00:00+00:00")
    before = content(work)
    assert denoise(clip_file, output, "--overwrite") == 2
    assert_one_line(capsys, f"if that run is dead, remove {claim_folder(output)}")
    assert content(work) == before


def test_two_runs_at_once_leave_one_whole_output(clip_file, work):
    command = [sys.executable, "-m", "f2r", "denoise", str(clip_file), "-o", str(work / "out.tif")]
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

    assert np.array_equal(tifffile.imread(work / "out.tif"), np.load(clip_file))
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


def test_a_pipe_into_a_file_is_held_too(clip_file, work, hold, tmp_path):
    video = tmp_path / "in" / "clip.y4m"
    assert denoise(clip_file, video) == 0
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


def test_a_folder_whose_replacement_was_cut_short_comes_back(clip_file, work, hold):
    output = work / "result"
    assert denoise(clip_file, output) == 0
    before = content(output)
    hold(output).kill()
    output.rename(claim_folder(output) / "replaced")
    assert denoise(clip_file, output) == 2
    assert content(output) == before
    assert not claim_folder(output).exists()
