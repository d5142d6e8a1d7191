"""The command line on raw files: what a camera engineer types, and what is left on disk."""

import json

import cv2
import numpy as np
import pytest
import tifffile
import torch
from raw_samples import LEVELS, camera_clip, write_dngs
from torch.nn import functional

from f2r.cli.main import main
from f2r.evaluation.metrics import psnr
from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.io.raw.mosaic import PATTERNS, Mosaic
from f2r.io.raw.packing import MosaicReader
from f2r.io.raw.pattern_check import pattern_warning
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator, align
from f2r.models.weights import WeightSet, load_network, sha256_of, shipped
from f2r.models.widen import widen
from f2r.noise.camera import crvd_noise
from f2r.noise.estimate import estimate_noise
from synthetic import moving_clip


def options(pattern):
    return ["--pattern", pattern, "--black", "240", "--white", "4095"]


def denoise(path, pattern, *more):
    noise = [] if "--noise" in more else ["--noise", "crvd:1600"]
    preset = ["--preset", "fast"]
    return main(["denoise", str(path), *noise, *preset, *options(pattern), *map(str, more)])


@pytest.mark.parametrize("pattern", PATTERNS)
def test_strength_zero_returns_a_bayer_stack_unchanged(tmp_path, pattern):
    clip = camera_clip(pattern, noise=100.0)
    path = tmp_path / "clip.tif"
    tifffile.imwrite(path, clip, photometric="minisblack", metadata={"axes": "TYX"})
    assert denoise(path, pattern, "--strength", 0) == 0
    result = tifffile.imread(tmp_path / "clip.f2r.tif")
    assert result.dtype == np.uint16
    assert np.array_equal(result, clip)


@pytest.mark.parametrize("kind", ["npy", "folder"])
def test_strength_zero_returns_other_kinds_unchanged(tmp_path, kind):
    clip = camera_clip("GBRG", frames=2)
    path = tmp_path / ("clip.npy" if kind == "npy" else "clip")
    if kind == "npy":
        np.save(path, clip)
    else:
        path.mkdir()
        for i, samples in enumerate(clip):
            tifffile.imwrite(path / f"f{i}.tif", samples)
    assert denoise(path, "GBRG", "--strength", 0) == 0
    if kind == "npy":
        assert np.array_equal(np.load(tmp_path / "clip.f2r.npy"), clip)
    else:
        names = sorted((tmp_path / "clip.f2r").iterdir())
        assert [p.name for p in names] == ["f0.tif", "f1.tif"]
        assert np.array_equal([tifffile.imread(p) for p in names], clip)


def test_a_turned_camera_gives_the_turned_result(tmp_path):
    clip = camera_clip("RGGB", frames=2, noise=100.0)
    turns = {"RGGB": (), "GBRG": (1,), "GRBG": (2,), "BGGR": (1, 2)}
    results = []
    for pattern, axes in turns.items():
        path = tmp_path / f"{pattern}.npy"
        np.save(path, np.flip(clip, axes))
        assert denoise(path, pattern) == 0
        results.append(np.flip(np.load(tmp_path / f"{pattern}.f2r.npy"), axes))
    assert not np.array_equal(results[0], clip)
    assert all(np.array_equal(results[0], other) for other in results[1:])


def simulate(tmp_path, iso, frames=6, size=(96, 128)):
    clean = moving_clip(frames, *size).permute(0, 2, 3, 1).numpy()
    np.save(tmp_path / "clean.npy", clean)
    command = ["simulate", str(tmp_path / "clean.npy"), "--raw", "--iso", str(iso)]
    noisy, reference = tmp_path / "noisy.tif", tmp_path / "reference.tif"
    assert main([*command, "-o", str(noisy), "--clean-raw", str(reference)]) == 0
    return noisy, reference


def packed_clip(path):
    with open_reader(path, mosaic=Mosaic("GBRG", **LEVELS)) as reader:
        return torch.from_numpy(np.stack(list(reader))).permute(0, 3, 1, 2)


def test_a_simulated_raw_clip_has_the_cameras_noise_and_denoising_removes_it(tmp_path):
    noisy, reference = simulate(tmp_path, 12800)
    samples = tifffile.imread(noisy)
    assert (samples.dtype, samples.max() <= 4095) == (np.uint16, True)
    noise = crvd_noise(12800)
    before, clean = packed_clip(noisy), packed_clip(reference)
    measured = (before - clean).var()
    assert float(measured / noise.variance(clean).mean()) == pytest.approx(1.0, abs=0.05)
    assert denoise(noisy, "GBRG", "--noise", f"{noisy}.json") == 0
    report = json.loads((tmp_path / "noisy.f2r.tif.json").read_text())
    assert len(report["noise"]) == 1
    after = packed_clip(tmp_path / "noisy.f2r.tif")
    assert psnr(after, clean).mean() > psnr(before, clean).mean() + 5


@pytest.mark.parametrize("iso", [3200, 25600])
def test_the_noise_of_raw_planes_is_estimated(iso):
    fine = ((moving_clip(8, 48, 48) - 0.15) / 0.7)[:, [0, 1, 1, 2]] ** 2  # some of it is black
    clip = functional.interpolate(fine, scale_factor=6, mode="bilinear")
    noise = crvd_noise(iso)
    noisy = noise.sample(clip, torch.Generator().manual_seed(0))
    for plane in ((0, 1, 3), (0, 2, 3)):
        found = estimate_noise(noisy[:, list(plane)]).model
        assert found.gain == pytest.approx(noise.gain, rel=0.05)
        assert found.read == pytest.approx(noise.read, rel=0.15)


@pytest.mark.parametrize(("said", "is_wrong"), [("GBRG", False), ("GRBG", False), ("RGGB", True)])
def test_a_wrong_pattern_is_noticed(said, is_wrong):
    reader = MosaicReader(ArrayReader(camera_clip("GBRG", noise=100.0)), Mosaic(said, **LEVELS))
    assert bool(pattern_warning(reader)) == is_wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pattern", "RGGB", "--white", "4095"], "need --black too"),
        (["--black", "0"], "need --pattern and --white too"),
        (["--pattern", "RGGB", "--black", "4095", "--white", "240"], "not below the white"),
        (["--pattern", "RGGB", "--black", "0", "--white", "9", "-o", "x.mkv"], "cannot hold raw"),
        (["--noise", "crvd:800"], "calibrated at 1600, 3200"),
        (["--noise", "profile"], "holds no noise profile"),
    ],
)
def test_wrong_options_end_in_one_line(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    np.save("clip.npy", camera_clip("RGGB"))
    assert main(["denoise", "clip.npy", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error.splitlines()[-1]


def test_colour_and_odd_sizes_are_no_mosaics(tmp_path, capsys):
    for shape, message in (((2, 33, 40), "even sides"), ((2, 32, 32, 3), "has 3 channels")):
        np.save(tmp_path / "clip.npy", np.zeros(shape, np.uint16))
        assert denoise(tmp_path / "clip.npy", "RGGB") == 2
        assert message in capsys.readouterr().err


def test_a_clip_is_rendered_for_looking(tmp_path):
    path = tmp_path / "clip.npy"
    np.save(path, camera_clip("BGGR"))
    assert main(["render", str(path), *options("BGGR"), "-o", str(tmp_path / "look.mkv")]) == 0
    with open_reader(tmp_path / "look.mkv") as reader:
        frames = np.stack(list(reader))
    assert frames.shape == (3, 64, 64, 3)
    means = frames.mean((0, 1, 2))
    assert abs(means - means.mean()).max() < 0.1  # its mean is made grey
    assert main(["render", str(path), "-o", str(tmp_path / "other.mkv")]) == 2


STEPS = ["--steps", "1", "--time-budget", "5m", "--batch", "2"]


def test_weights_come_from_raw_clips_and_raw_clips_use_them(tmp_path):
    clip = camera_clip("GBRG", noise=100.0)
    for name in ("a", "b"):
        write_dngs(tmp_path / name, clip, Mosaic("GBRG", **LEVELS))
    np.save(tmp_path / "bare.npy", clip)
    noise = ["--noise", "crvd:6400"]
    shots = [str(tmp_path / name) for name in ("a", "b")]
    assert main(["train", "clips", *shots, "--raw", *noise, *STEPS, "-o", str(tmp_path / "w")]) == 0
    said = json.loads((tmp_path / "w" / "training.json").read_text())
    assert [clip["clip"] for clip in said["clips"]] in (["a", "b"], ["b", "a"])
    bare = ["train", "clips", str(tmp_path / "bare.npy"), *options("GBRG"), *noise, *STEPS]
    assert main([*bare, "-o", str(tmp_path / "w2")]) == 0
    used = {}
    for name, more in (("shipped", []), ("own", ["--weights", str(tmp_path / "w")])):
        output = tmp_path / f"{name}.npy"
        assert denoise(tmp_path / "bare.npy", "GBRG", "-o", output, *more) == 0
        used[name] = json.loads(output.with_suffix(".npy.json").read_text())["weights"]
    assert {part["origin"] for part in used["shipped"].values()} == {"shipped for raw"}
    assert used["own"]["prior"] == used["shipped"]["prior"]
    assert used["own"]["temporal"]["origin"] == "own"
    assert used["shipped"]["prior"]["sha256"] == sha256_of(shipped(ImagePrior, WeightSet.RAW))


def test_the_noise_of_a_raw_clip_is_shown(tmp_path, capsys):
    path = tmp_path / "bare.npy"
    np.save(path, camera_clip("BGGR", noise=100.0))
    file = tmp_path / "noise.json"
    assert main(["noise", str(path), *options("BGGR"), "--json", str(file)]) == 0
    assert "raw" in capsys.readouterr().out
    assert denoise(path, "BGGR", "--noise", file) == 0


def test_weights_for_the_other_kind_are_refused(tmp_path, capsys):
    clip = camera_clip("GBRG")
    np.save(tmp_path / "bare.npy", clip)
    np.save(tmp_path / "colour.npy", moving_clip(2, 48, 48).permute(0, 2, 3, 1).numpy())
    pictures, raw = shipped(ImagePrior), shipped(ImagePrior, WeightSet.RAW)
    assert denoise(tmp_path / "bare.npy", "GBRG", "--weights", pictures) == 2
    assert "weights for pictures" in capsys.readouterr().err
    colour = ["denoise", str(tmp_path / "colour.npy"), "--sigma", "10"]
    assert main([*colour, "--weights", str(raw)]) == 2
    assert "weights for raw" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare.npy", "colour.npy"]


@pytest.mark.parametrize("kind", [ImagePrior, TemporalEstimator, SpatialRefiner])
def test_training_on_raw_can_start_from_weights_for_pictures(kind):
    network = load_network(shipped(kind), kind).eval()
    wide = widen(network).eval()
    assert widen(wide) is wide
    greens = [0, 1, 1, 2]  # where both greens agree, both networks do
    picture, sigma = torch.rand(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.1)
    joint = torch.randn(1, 4, 6, 32, 32)
    wide_joint = joint[:, :, [*greens, 3, 4, 4, 5]]

    def run(network, joint, picture, sigma):
        if isinstance(network, ImagePrior):
            return network(picture, sigma)
        if isinstance(network, SpatialRefiner):
            return network(picture, joint[:, 0], sigma)
        features = network.encode(joint[0], sigma.expand(4, -1, -1, -1))
        parts = tuple(scale[None] for scale in features)
        flow, seen = torch.zeros(1, 4, 2, 32, 32), torch.ones(1, 4, 1, 32, 32)
        return network(align(joint, parts, flow, seen, torch.ones(1, 4, dtype=torch.bool)))

    with torch.no_grad():
        expected = run(network, joint, picture, sigma)[:, greens]
        found = run(wide, wide_joint, picture[:, greens], sigma[:, greens])
    assert torch.allclose(found, expected, atol=1e-4)


def test_weights_made_from_those_for_pictures_serve_raw(tmp_path, capsys):
    np.save(tmp_path / "bare.npy", camera_clip("GBRG", noise=100.0))
    pictures = shipped(ImagePrior).parent
    own = tmp_path / "own"
    bare = [str(tmp_path / "bare.npy"), *options("GBRG"), "--noise", "crvd:6400"]
    assert main(["train", "clips", *bare, *STEPS, "--init", str(pictures), "-o", str(own)]) == 0
    assert denoise(tmp_path / "bare.npy", "GBRG", "--weights", own) == 0
    wrong = ["train", "prior", str(tmp_path), "--init", str(own / "prior.safetensors")]
    photo = tmp_path / "photo.png"
    assert cv2.imwrite(str(photo), np.zeros((600, 600, 3), np.uint8))
    assert main([*wrong, "-o", str(tmp_path / "x.safetensors"), "--time-budget", "1s"]) == 2
    assert "weights for raw" in capsys.readouterr().err


def test_raw_and_pictures_are_not_trained_on_together(tmp_path, capsys):
    clip = camera_clip("GBRG", noise=100.0)
    write_dngs(tmp_path / "a", clip, Mosaic("GBRG", **LEVELS))
    np.save(tmp_path / "grey.npy", clip)
    for arguments, advice in (
        (["a"], "pass --raw"),
        (["grey.npy", "--raw"], "leave out --raw"),
        (["a", "grey.npy", "--raw"], "leave out --raw"),
    ):
        paths = [str(tmp_path / a) if a[0] != "-" else a for a in arguments]
        assert main(["train", "clips", *paths, *STEPS, "-o", str(tmp_path / "w")]) == 2
        lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("f2r: ")]
        assert len(lines) == 1
        assert advice in lines[0]
        assert not (tmp_path / "w").exists()


def test_the_raw_prior_comes_from_photographs(tmp_path):
    picture = moving_clip(1, 560, 640)[0].permute(1, 2, 0).numpy()
    (tmp_path / "photos").mkdir()
    assert cv2.imwrite(str(tmp_path / "photos" / "a.png"), (picture * 255).astype(np.uint8))
    output = tmp_path / "prior.safetensors"
    start = ["--init", str(shipped(ImagePrior, WeightSet.RAW)), "--time-budget", "2s"]
    photos = str(tmp_path / "photos")
    assert main(["train", "prior", photos, "--raw", *start, "-o", str(output)]) == 0
    load_network(output, ImagePrior)
