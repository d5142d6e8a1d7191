"""Quality against time: whole processes on one file."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from f2r_bench.cli.main import main
from f2r_bench.clips.datasets import Clip, read_clip
from f2r_bench.clips.noise import clip_psnr, to_bytes
from f2r_bench.pace.files import write_clip
from f2r_bench.pace.picture import draw_pace, label_heights
from synthetic import moving_clip


@pytest.fixture
def data(tmp_path):
    """A clip of four frames, 48 x 64."""
    (tmp_path / "clips").mkdir()
    frames = moving_clip(4, 48, 64).permute(0, 2, 3, 1).numpy()
    np.save(tmp_path / "clips" / "moving.npy", frames)
    return tmp_path / "clips"


def test_the_file_of_all_methods_keeps_the_clip(tmp_path):
    clip = moving_clip(2, 48, 64)
    write_clip(tmp_path / "clip.mkv", to_bytes(clip))
    assert clip_psnr(read_clip(Clip("clip", tmp_path / "clip.mkv"), 2), clip) > 48


def test_labels_keep_apart_and_near_their_points():
    heights = label_heights({"low": 30.0, "same": 30.0, "near": 30.1, "far": 34.0}, 5.0)
    ordered = sorted(heights.values())
    assert all(b - a > 0.2 for a, b in itertools.pairwise(ordered))
    assert heights["low"] == 30
    assert heights["far"] == 34


def test_points_of_equal_quality_can_be_drawn(tmp_path):
    draw_pace(tmp_path / "flat.png", {"f2r-fast": (0.5, 30.0), "nlmeans": (0.01, 30.0)}, "flat")
    assert (tmp_path / "flat.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "f2r-slow"], "'f2r-slow' is no preset"),
        (["--frames", "0"], "--frames must be at least 1"),
    ],
)
def test_bad_options_are_one_line(data, tmp_path, capsys, options, said):
    assert main(["pace", str(data), "-o", str(tmp_path / "out"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_filter_of_ffmpeg_loads_nothing_that_would_count_as_its_time():
    code = (
        "import sys, f2r_bench.pace.by_ffmpeg; "
        "print([m for m in ('torch', 'cv2', 'scipy', 'skimage') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_method_that_fails_is_named(data, tmp_path, capsys):
    options = ["--methods", "dvdnet", "-o", str(tmp_path / "out")]
    assert main(["pace", str(data), *options]) == 1
    assert "needs the authors' checkpoint" in capsys.readouterr().err


@pytest.mark.slow
def test_methods_are_timed_and_compared_on_one_file(data, tmp_path):
    options = ["--methods", "prior,atadenoise,f2r-fast", "--sigma", "20", "--frames", "3"]
    assert main(["pace", str(data), "-o", str(tmp_path / "out"), *options]) == 0
    record = json.loads((tmp_path / "out" / "pace.json").read_text())
    assert {"date", "commit", "hardware", "options"} <= record.keys()
    runs = record["clips"][0]["runs"]
    best = record["clips"][0]["best"]
    assert best["atadenoise"]["psnr"] == max(run["psnr"] for run in runs["atadenoise"]) > 22
    assert len({run["setting"] for run in runs["atadenoise"]}) == 5
    assert best["prior"]["psnr"] > 25
    assert best["f2r-fast"]["seconds"] == pytest.approx(
        3 * best["f2r-fast"]["seconds_per_frame"], rel=0.01
    )
    assert (tmp_path / "out" / "moving.png").stat().st_size > 5000
