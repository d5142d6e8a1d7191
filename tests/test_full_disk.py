"""A full disk is one line and no traceback, wherever it strikes; what was done is kept."""

import numpy as np
import pytest
import torch

from disk import full
from f2r.cli.main import main
from f2r.errors import F2RError
from f2r.models.prior import ImagePrior
from f2r.models.weights import save_network
from f2r.run.result import Mark
from f2r.run.resume.spool import FrameSpool
from f2r.system.environment import write_report
from f2r.system.sealed import write_sealed
from f2r.train.checkpoint import save_checkpoint
from synthetic import moving_clip

FAST = ["--sigma", "20", "--preset", "fast"]


@pytest.fixture
def noisy(tmp_path):
    clean = moving_clip(5, 40, 48).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).normal(0, 0.08, clean.shape)
    path = tmp_path / "in.npy"
    np.save(path, ((clean + noise).clip(0, 1) * 255).round().astype(np.uint8))
    return path


def save_weights(path):
    save_network(path, ImagePrior(), {})


def save_state(path):
    save_checkpoint(path, {"x": torch.zeros(100_000)})


def save_bytes(path):
    write_sealed(path, bytes(100_000))


def save_report(path):
    write_report(path, {"x": "y" * 100_000})


@pytest.mark.parametrize("save", [save_weights, save_state, save_bytes, save_report])
def test_what_is_saved_is_named_and_the_old_file_stays(tmp_path, save):
    path = tmp_path / "saved"
    path.write_bytes(b"old")
    with full(2**12), pytest.raises(OSError, match="saved") as caught:
        save(path)
    assert caught.value.strerror
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_spool_that_cannot_grow_keeps_its_frames(tmp_path):
    path = tmp_path / "frames"
    frame = [np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)]
    with FrameSpool(path) as spool:
        spool.append(frame, Mark(True, False))
        with full(path.stat().st_size + 100), pytest.raises(F2RError, match="free some space"):
            spool.append(frame, Mark(False, False))
    with FrameSpool(path) as spool:
        assert len(spool) == 1
        assert np.array_equal(spool.read(0)[0], frame[0])


@pytest.mark.parametrize("name", ["out.npy", "out.mkv", "out.mp4", "out.tif", "out"])
@pytest.mark.parametrize("size", [100, 2000, 20_000])
def test_every_file_of_a_run_may_be_the_one_that_does_not_fit(noisy, tmp_path, capsys, name, size):
    with full(size):
        code = main(["denoise", str(noisy), "-o", str(tmp_path / name), *FAST])
    said = capsys.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("f2r: ")]
    assert "Traceback" not in said
    assert code in {1, 2}
    assert len(lines) == 1, said
    assert any(word in lines[0] for word in ("large", "space", "written")), lines[0]
    assert not (tmp_path / name).exists()
    assert not (tmp_path / f".{name}.f2r").exists()
