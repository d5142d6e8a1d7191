"""Files that a user may pass on hold no folder of the user's computer."""

import json

import numpy as np
import pytest

from f2r.cli.main import main
from f2r.models.prior import ImagePrior
from f2r.models.weights import shipped


@pytest.fixture
def noise(tmp_path):
    path = tmp_path / "in" / "noise.json"
    path.write_text(json.dumps({"noise": {"model": "gaussian", "sigma": 0.08}}))
    return path


def test_reports_and_models_name_files_without_their_folder(clip_file, noise, work, tmp_path):
    odd = tmp_path / "in" / "odd.npy"
    np.save(odd, np.random.default_rng(0).random((24, 40, 8)).astype(np.float32))
    told = ["--noise", str(noise), "--weights", str(shipped(ImagePrior)), "--preset", "fast"]
    clip, doubted = str(clip_file), str(odd)
    for command in (
        ["denoise", clip, "-o", "out.npy", *told],
        ["denoise", doubted, "-o", "odd.npy", *told],
        ["fit", clip, "-o", "model.f2r", *told],
        ["simulate", clip, "-o", "simulated.npy", "--noise", str(noise)],
        ["simulate", clip, "-o", "raw.tif", "--raw", "--iso", "1600"],
        ["evaluate", clip, clip, "--json", "figures.json"],
    ):
        end = [i for i, word in enumerate(command) if word in {"-o", "--json"}][-1] + 1
        command[end] = str(work / command[end])
        assert main(command) == 0
    written = [path for path in work.iterdir() if path.suffix in {".json", ".f2r"}]
    assert len(written) == 6
    for path in written:
        for folder in (tmp_path, shipped(ImagePrior).parent):
            assert str(folder).encode() not in path.read_bytes(), path
    report = json.loads((work / "out.npy.json").read_text())
    assert report["config"]["noise"] == "noise.json"
    assert report["config"]["weights"] == "prior.safetensors"
