"""The command line on real files: what a user types, and what is left on disk."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from f2r.cli.main import main
from f2r.errors import InputError
from f2r.models.prior import ImagePrior
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_network
from synthetic import moving_clip


def noisy_array(frames=3, height=37, width=51, sigma=0.1):
    clean = moving_clip(frames, height, width).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape)
    return (clean + noise).astype(np.float32)


@pytest.fixture
def noisy(tmp_path):
    path = tmp_path / "noisy.npy"
    np.save(path, noisy_array())
    return path


def denoise(path, *options):
    return main(["denoise", str(path), "--preset", "fast", "--sigma", "25.5", *map(str, options)])


def test_denoise_writes_the_clip_the_report_and_the_picture(noisy):
    assert denoise(noisy) == 0
    output = noisy.with_name("noisy.f2r.npy")
    result = np.load(output)
    assert result.shape == (3, 37, 51, 3)
    assert result.dtype == np.float32
    report = json.loads(Path(f"{output}.json").read_text())
    assert report["frames"] == 3
    assert report["noise"][0]["model"] == "gaussian"
    assert {"denoise", "total"} <= set(report["seconds"])
    assert Path(f"{output}.png").stat().st_size > 0
    assert sorted(p.name for p in noisy.parent.iterdir()) == [
        "noisy.f2r.npy",
        "noisy.f2r.npy.json",
        "noisy.f2r.npy.png",
        "noisy.npy",
    ]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(1, 21, 30), (2, 9, 7), (4, 40, 33, 2)])
def test_any_count_size_and_depth_comes_back_in_kind(tmp_path, dtype, shape):
    limit = np.iinfo(dtype).max
    array = np.random.default_rng(1).integers(0, limit, shape, dtype=dtype)
    path = tmp_path / "clip.npy"
    np.save(path, array)
    assert denoise(path) == 0
    result = np.load(tmp_path / "clip.f2r.npy")
    assert result.shape == array.shape
    assert result.dtype == array.dtype


def test_strength_zero_returns_a_16_bit_stack_unchanged(tmp_path):
    stack = np.random.default_rng(2).integers(0, 65535, (5, 33, 40), dtype=np.uint16)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})
    assert denoise(path, "--strength", 0) == 0
    assert np.array_equal(tifffile.imread(tmp_path / "stack.f2r.tif"), stack)


def test_the_same_seed_gives_the_same_result(noisy, tmp_path):
    for name in ("a.npy", "b.npy"):
        assert denoise(noisy, "-o", tmp_path / name) == 0
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def bad_infinity(folder):
    array = noisy_array()
    array[1, 5, 5, 0] = np.inf
    np.save(folder / "bad.npy", array)


def bad_inf(folder):
    array = noisy_array()
    array[0, 0, 0, 0] = np.inf
    np.save(folder / "bad.npy", array)


BAD_FILES = {
    "missing": lambda _: None,
    "empty": lambda folder: (folder / "bad.npy").touch(),
    "no frames": lambda folder: np.save(folder / "bad.npy", np.zeros((0, 8, 8), np.float32)),
    "infinity": bad_infinity,
    "inf": bad_inf,
    "strings": lambda folder: np.save(folder / "bad.npy", np.full((3, 8, 8), "x")),
    "int64": lambda folder: np.save(folder / "bad.npy", np.zeros((3, 8, 8), np.int64)),
    "channels": lambda folder: np.save(folder / "bad.npy", np.zeros((3, 8, 8, 40), np.float32)),
    "garbage": lambda folder: (folder / "bad.npy").write_bytes(b"\x93NUMPY garbage"),
}


@pytest.mark.parametrize("make", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_input_is_one_line_exit_2_and_nothing_left(tmp_path, capsys, make):
    make(tmp_path)
    before = set(tmp_path.iterdir())
    assert denoise(tmp_path / "bad.npy") == 2
    assert_one_line(capsys)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "options",
    [
        ["--sigma", "-1"],
        ["--sigma", "300"],
        ["--sigma", "nan"],
        ["--strength", "2"],
        ["--time-budget", "soon"],
        ["--time-budget", "0"],
        ["--seed", "-3"],
        ["--noise", "pink:3"],
        ["-o", "missing/out.npy"],
        ["--resume"],
    ],
    ids=" ".join,
)
def test_bad_options_are_one_line_exit_2_and_nothing_left(noisy, capsys, monkeypatch, options):
    monkeypatch.chdir(noisy.parent)
    assert main(["denoise", str(noisy), *options]) == 2
    assert_one_line(capsys)
    assert [p.name for p in noisy.parent.iterdir()] == [noisy.name]


def assert_one_line(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("f2r: ")]
    assert len(lines) == 1


def test_input_and_existing_output_are_never_overwritten(noisy, tmp_path, capsys):
    assert denoise(noisy, "-o", noisy, "--overwrite") == 2
    other = tmp_path / "other.npy"
    other.write_text("mine")
    assert denoise(noisy, "-o", other) == 2
    assert other.read_text() == "mine"
    assert_two = [x for x in capsys.readouterr().err.splitlines() if x.startswith("f2r: ")]
    assert len(assert_two) == 2


def test_frames_of_unequal_size_are_refused(tmp_path, capsys):
    folder = tmp_path / "frames"
    folder.mkdir()
    for i, height in enumerate((20, 20, 24)):
        tifffile.imwrite(folder / f"{i}.tif", np.zeros((height, 30), np.uint8))
    assert denoise(folder, "--overwrite") == 2
    assert_one_line(capsys)
    assert [p.name for p in tmp_path.iterdir()] == ["frames"]


def test_simulate_denoise_evaluate(tmp_path, capsys):
    clean = tmp_path / "clean.npy"
    np.save(clean, moving_clip(3, 40, 48).permute(0, 2, 3, 1).numpy())
    noisy = tmp_path / "noisy.npy"
    assert main(["simulate", str(clean), "-o", str(noisy), "--sigma", "20", "--seed", "3"]) == 0
    first = np.load(noisy)
    options = ["--sigma", "20", "--seed", "3", "--overwrite"]
    assert main(["simulate", str(clean), "-o", str(noisy), *options]) == 0
    assert np.array_equal(first, np.load(noisy))
    figures = tmp_path / "figures.json"
    assert main(["evaluate", str(clean), str(noisy), "--json", str(figures)]) == 0
    expected = -20 * np.log10(20 / 255)
    assert json.loads(figures.read_text())["mean"]["psnr"] == pytest.approx(expected, abs=0.2)
    capsys.readouterr()


def test_noise_is_measured_and_its_file_is_taken_back(tmp_path, capsys):
    path, measured = tmp_path / "noisy.npy", tmp_path / "noise.json"
    np.save(path, noisy_array(6, 96, 128))
    assert main(["noise", str(path), "--json", str(measured)]) == 0
    assert "holds" in capsys.readouterr().out
    assert main(["denoise", str(path), "--preset", "fast", "--noise", str(measured)]) == 0
    report = json.loads((tmp_path / "noisy.f2r.npy.json").read_text())
    assert report["noise"][0]["sigma"] == pytest.approx(0.1, rel=0.06)


def test_axes_are_named_and_doubts_are_said_and_reported(tmp_path, capsys):
    path = tmp_path / "last.npy"
    np.save(path, np.moveaxis(noisy_array(6, 96, 128)[..., 0], 0, -1))
    with_axes = ["noise", str(path), "--axes", "YXT", "--skip-corrupt"]
    assert main(with_axes) == 0
    assert "holds" in capsys.readouterr().out
    rows, columns, times = np.mgrid[:40, :36, :34]  # smooth along the last axis, which is shortest
    scene = 0.5 + 0.2 * np.sin(rows / 2 + times / 20) + 0.2 * np.cos(columns / 2)
    np.save(path, scene.astype(np.float32))
    assert denoise(path) == 0
    assert "warning:" in capsys.readouterr().err
    report = json.loads((tmp_path / "last.f2r.npy.json").read_text())
    assert any("--axes" in doubt for doubt in report["input_doubts"])


def test_info_names_the_device_and_the_weights(capsys):
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("device", "torch", "prior", "temporal", "refiner"))


def test_the_command_that_made_the_prior_runs(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(2):
        picture = (moving_clip(1, 510, 600, seed=i)[0].permute(1, 2, 0).numpy() * 255).round()
        assert cv2.imwrite(str(photos / f"{i}.png"), picture.astype(np.uint8))
    prior = tmp_path / "prior.safetensors"
    options = ["-o", str(prior), "--time-budget", "2s"]
    assert main(["train", "prior", str(photos), *options]) == 0
    assert load_network(prior, ImagePrior).config["widths"] == ImagePrior().config["widths"]
    with pytest.raises(InputError, match="'prior' weights"):
        load_network(prior, TemporalEstimator)


@pytest.mark.slow
def test_an_interrupted_run_keeps_its_state_and_resumes(tmp_path):
    path, output = tmp_path / "noisy.npy", tmp_path / "out.npy"
    np.save(path, noisy_array(5, 64, 64))
    command = [sys.executable, "-m", "f2r", "denoise", str(path), "-o", str(output)]
    command += ["--sigma", "25.5", "--time-budget", "20s"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for_training(process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    assert (tmp_path / "out.npy.run" / "temporal.ckpt").exists()
    assert not output.exists()
    assert subprocess.run([*command, "--resume"], check=False, timeout=120).returncode == 0
    assert np.load(output).shape == (5, 64, 64, 3)
    assert not (tmp_path / "out.npy.run").exists()


def wait_for_training(process):
    """Read what the run says until it has measured its speed; then training begins."""
    while not process.stderr.readline().startswith("time: "):
        assert process.poll() is None
    time.sleep(3)
    assert process.poll() is None
