"""`f2r train clips` and `--weights`: weights of one's own, from one's own footage."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import f2r
from f2r.cli.main import main
from f2r.errors import InputError
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_network, sha256_of
from f2r.train.corpus.footage import AddedNoise, find_clips, share_memory
from synthetic import moving_clip

STEPS = ["--steps", "2", "--time-budget", "5m", "--batch", "2"]


def save_clip(path, frames=3, height=40, width=48, sigma=0.0, seed=0):
    clean = moving_clip(frames, height, width, seed=seed).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(seed).normal(0, sigma, clean.shape)
    np.save(path, (clean + noise).astype(np.float32))
    return path


def train(*arguments):
    return main(["train", "clips", *map(str, arguments), *STEPS])


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Weights of two steps on a noisy clip of odd size and on one that is too short."""
    folder = tmp_path_factory.mktemp("own")
    save_clip(folder / "noisy.npy", frames=3, height=37, width=51, sigma=0.08)
    save_clip(folder / "still.npy", frames=1, sigma=0.08)
    assert train(folder, "-o", folder / "weights") == 0
    return folder / "weights"


def test_own_weights_come_from_noisy_clips_and_say_how(own):
    names = sorted(path.name for path in own.iterdir())
    assert names == ["refiner.safetensors", "temporal.safetensors", "training.json"]
    said = json.loads((own / "training.json").read_text())
    assert [clip["clip"] for clip in said["clips"]] == ["noisy.npy"]
    assert said["clips"][0]["model"] in {"gaussian", "poisson-gaussian"}
    assert said["noise"] == "present"
    assert said["stage_1_steps"] == said["stage_2_steps"] == "2"


def test_denoise_starts_from_own_weights_and_reports_them(own, tmp_path):
    path = save_clip(tmp_path / "noisy.npy", sigma=0.08)
    options = ["--preset", "fast", "--sigma", "20", "--weights", str(own)]
    assert main(["denoise", str(path), *options]) == 0
    used = json.loads((tmp_path / "noisy.f2r.npy.json").read_text())["weights"]
    assert used["prior"]["origin"] == "shipped"
    assert used["temporal"]["origin"] == used["refiner"]["origin"] == "own"
    assert used["temporal"]["sha256"] == sha256_of(own / "temporal.safetensors")
    frames = np.load(path)
    mine, theirs = (
        f2r.denoise(frames, sigma=20 / 255, preset="fast", weights=weights).frames
        for weights in (own / "temporal.safetensors", None)
    )
    assert not np.array_equal(mine, theirs)


def test_info_shows_own_weights(own, capsys):
    assert main(["info", "--weights", str(own)]) == 0
    said = capsys.readouterr().out
    assert sha256_of(own / "refiner.safetensors") in said
    assert "noise present" in said


def test_clean_clips_get_their_noise_once_and_photographs_join(tmp_path):
    clip = save_clip(tmp_path / "clean.npy")
    output = tmp_path / "weights"
    assert train(clip, "--add-noise", "--init", "none", "-o", output) == 0
    said = json.loads((output / "training.json").read_text())
    assert said["noise"] == "added"
    expected = AddedNoise().model(0).to_dict()
    assert {key: said["clips"][0][key] for key in expected} == expected
    assert train(clip, "--add-noise", "-o", output) == 2
    assert train(clip, "--add-noise", "-o", output, "--overwrite") == 0


def test_clean_targets_are_told_in_the_weights(tmp_path, capsys):
    clip, output = save_clip(tmp_path / "clean.npy"), tmp_path / "weights"
    options = ["--add-noise", "--clean-targets", "--coded-share", "1", "-o", output]
    assert train(clip, *options) == 0
    said = json.loads((output / "training.json").read_text())
    assert said["targets"] == "clean"
    assert said["coded_share"] == "1"
    assert said["clips"][0]["model"] == "gaussian"
    assert main(["info", "--weights", str(output)]) == 0
    assert "targets clean" in capsys.readouterr().out
    other = ["-o", tmp_path / "other"]
    assert train(clip, "--clean-targets", *other) == 2
    assert train(clip, "--add-noise", "--coded-share", "0.5", *other) == 2


def test_bad_footage_is_one_line(tmp_path, capsys):
    clean, still = save_clip(tmp_path / "clean.npy"), save_clip(tmp_path / "still.npy", frames=1)
    empty, flat = tmp_path / "empty", tmp_path / "flat.npy"
    empty.mkdir()
    np.save(flat, np.full((3, 40, 48, 3), 0.5, np.float32))
    for arguments in (
        [flat],  # no noise to learn from
        [still],
        [empty],
        [tmp_path / "missing.mp4"],
        [clean, "--photos", empty],
        [clean, "--add-noise", "--memory", "0"],
        [clean, "--add-noise", "--memory", "0.0001"],
        [clean, "--add-noise", "--shards", "2"],
        [clean, "--add-noise", "--seed", "-1"],
        [clean, "--add-noise", "--init", empty],
    ):
        assert train(*arguments, "-o", tmp_path / "out") == 2, arguments
        lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("f2r: ")]
        assert len(lines) == 1, arguments
        assert not (tmp_path / "out").exists()


def test_state_of_another_training_is_not_continued(tmp_path, capsys):
    clip, output = save_clip(tmp_path / "clean.npy"), tmp_path / "out"
    output.mkdir()
    (output / "training.run").mkdir()
    stamp = output / "training.run" / "run.json"
    stamp.write_text(json.dumps({"made_by": "Frames2Residual", "identity": "another"}))
    assert train(clip, "--add-noise", "-o", output) == 2
    assert "another training" in capsys.readouterr().err
    (output / "training.run" / "temporal.ckpt").write_text("nothing that could be read")
    assert train(clip, "--add-noise", "--steps", "1", "--overwrite", "-o", output) == 0
    assert (output / "temporal.safetensors").exists()
    assert not (output / "training.run").exists()


def test_files_of_the_users_in_the_folder_survive(tmp_path, capsys):
    clip, output = save_clip(tmp_path / "clean.npy"), tmp_path / "out"
    output.mkdir()
    mine = [output / name for name in ("state.json", "temporal.ckpt", "refiner.ckpt", "a.part")]
    for path in mine:
        path.write_text("mine")
    (output / "training.json").write_text("mine")
    assert train(clip, "--add-noise", "-o", output) == 2
    assert "training.json: exists already" in capsys.readouterr().err
    (output / "training.json").unlink()
    assert train(clip, "--add-noise", "-o", output) == 0
    assert all(path.read_text() == "mine" for path in mine)
    names = {"refiner.safetensors", "temporal.safetensors", "training.json"}
    assert {path.name for path in output.iterdir()} == names | {path.name for path in mine}


def test_folders_of_clips_are_opened_and_folders_of_frames_are_clips(tmp_path):
    for name in ("frames", "weights"):
        (tmp_path / "many" / name).mkdir(parents=True)
    for name in (
        "frames/1.png",
        "weights/x.safetensors",
        "b.mp4",
        "a.npy",
        "notes.txt",
        ".hidden.mp4",
    ):
        (tmp_path / "many" / name).touch()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "1.png").touch()
    found = find_clips([tmp_path / "many", tmp_path / "one"])
    assert [path.name for path in found] == ["a.npy", "b.mp4", "frames", "one"]


def test_memory_is_divided_fairly_and_never_exceeded():
    assert share_memory([10, 100, 100], [5, 5, 5], 110) == [10, 50, 50]
    assert share_memory([100, 100, 100], [60, 60, 60], 130) == [0, 65, 65]
    assert share_memory([100], [60], 50) == [0]
    drawn = np.random.default_rng(0).integers(1, 1000, (50, 6))
    for wanted in drawn.tolist():
        given = share_memory(wanted, [min(w, 50) for w in wanted], 700)
        assert sum(given) <= 700
        assert all(0 <= g <= w for g, w in zip(given, wanted, strict=True))


def tampered(source, path, **metadata):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(source, framework="pt") as file:
        values = dict(file.metadata())
    save_file(load_file(source), path, metadata=values | metadata)
    return path


@pytest.mark.parametrize(
    "config",
    [
        '{"encoded": [64, 64, 64]}',  # other widths than the file's tensors
        '{"encoded": [1000000000, 64, 64]}',
        '{"depths": [1e9, 1, 1]}',
        '{"encoded": []}',
        '{"unheard_of": 3}',
        '{"encoded": "many"}',
        "[]",
        "no json",
    ],
)
def test_weights_that_do_not_fit_are_refused_before_memory_is_taken(own, tmp_path, config):
    bad = tampered(own / "temporal.safetensors", tmp_path / "bad.safetensors", config=config)
    with pytest.raises(InputError, match="does not fit"):
        load_network(bad, TemporalEstimator)


def test_other_files_are_refused_as_weights(own, tmp_path, capsys):
    clip = save_clip(tmp_path / "noisy.npy", sigma=0.08)
    unknown = tampered(own / "temporal.safetensors", tmp_path / "x.safetensors", kind="flow")
    empty = tmp_path / "empty"
    empty.mkdir()
    for bad in (unknown, clip, empty, tmp_path / "missing"):
        assert main(["denoise", str(clip), "--preset", "fast", "--weights", str(bad)]) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert [line.startswith("f2r: ") for line in said].count(True) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "noisy.npy", "x.safetensors"]


def test_weights_with_nan_are_refused(tmp_path):
    from f2r.models.weights import save_network

    network = TemporalEstimator()
    with torch.no_grad():
        next(network.parameters())[0] = float("nan")
    save_network(tmp_path / "nan.safetensors", network, {})
    with pytest.raises(InputError, match="NaN"):
        load_network(tmp_path / "nan.safetensors", TemporalEstimator)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def launch(processes, output, *clips):
    """Run `f2r train clips` for real: alone, or by `accelerate launch`."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["accelerate.commands.launch", "--multi_gpu", "--num_machines", "1"]
        start += ["--num_processes", str(processes), "--main_process_port", str(free_port())]
        start += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m"]
    command = [*start, "f2r", "train", "clips", *map(str, clips), "--add-noise", "-o", str(output)]
    command += ["--shards", "2", "--device", "cpu", "--batch", "4", "--steps", "3"]
    command += ["--init", "none"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    return run


@pytest.mark.slow
def test_two_processes_train_as_one_does_with_the_same_global_batch(tmp_path):
    clips = [save_clip(tmp_path / f"{i}.npy", height=32, width=32, seed=i) for i in range(3)]
    run = launch(2, tmp_path / "two", *clips)
    assert run.stderr.count("weights: ") == 1  # only the main process reports
    launch(1, tmp_path / "one", *clips)
    assert json.loads((tmp_path / "two" / "training.json").read_text())["processes"] == "2"
    for name in ("temporal.safetensors", "refiner.safetensors"):
        one, two = load_file(tmp_path / "one" / name), load_file(tmp_path / "two" / name)
        start = TemporalEstimator() if name.startswith("temporal") else SpatialRefiner()
        zeros = [k for k, v in start.state_dict().items() if k.startswith(TAILS) and not v.any()]
        moved = sum(float(one[k].float().abs().sum()) for k in zeros)
        apart = sum(float((one[k].float() - two[k].float()).abs().sum()) for k in zeros)
        assert moved > 0
        assert apart < 0.01 * moved


TAILS = ("tail.weight", "net.tail.weight")
"""Layers that start at zero, so that their values are what training did."""
