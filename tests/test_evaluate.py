import json
import math

import numpy as np
import pytest

from f2r.cli.evaluate import EvaluateArgs, evaluate_command
from f2r.errors import InputError
from f2r.evaluation.score import evaluate_files, evaluate_frames


def clips(count=3, height=40, width=48, channels=3):
    """Make a clean clip at rest and a noisy version of it."""
    import cv2

    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.random((10, 12, channels)).astype(np.float32), (width, height))
    clean = np.repeat(scene.reshape(1, height, width, channels), count, axis=0)
    noisy = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    return clean, noisy


def test_figures_of_known_noise():
    clean, noisy = clips()
    result = evaluate_frames(clean, noisy)
    means = result.means()
    assert means["psnr"] == pytest.approx(20.0, abs=0.1)
    assert means["flicker"] == pytest.approx(0.1 * math.sqrt(2), rel=0.03)
    assert means["warping_error"] == pytest.approx(0.02, rel=0.05)
    assert means["warping_error_of_clean"] < 1e-6
    assert (len(result.psnr), len(result.flicker), len(result.warping_error)) == (3, 2, 2)


@pytest.mark.parametrize("channels", [1, 2])
def test_grey_and_other_channel_counts(channels):
    clean, noisy = clips(channels=channels)
    means = evaluate_frames(clean, noisy).means()
    assert means["psnr"] == pytest.approx(20.0, abs=0.2)
    assert means["warping_error"] == pytest.approx(0.02, rel=0.1)


def test_small_frames_and_single_frames_have_fewer_figures():
    clean, noisy = clips(count=1, height=8, width=9)
    means = evaluate_frames(clean, noisy).means()
    assert means["psnr"] == pytest.approx(20.0, abs=1)
    assert means["ssim"] is None
    assert means["warping_error"] is None


def test_clips_that_do_not_match_are_refused(tmp_path):
    clean, noisy = clips()
    with pytest.raises(InputError, match="ends after 2 frames"):
        evaluate_frames(clean, noisy[:2])
    np.save(tmp_path / "clean.npy", clean)
    for i, other in enumerate((noisy[:2], noisy[:, 1:], noisy[..., :1])):
        np.save(tmp_path / f"{i}.npy", other)
        with pytest.raises(InputError, match="compare clips of the same size"):
            evaluate_files(tmp_path / "clean.npy", tmp_path / f"{i}.npy")


def test_command_prints_and_writes_every_frame(tmp_path, capsys):
    clean, noisy = clips()
    noisy[1] = clean[1]
    np.save(tmp_path / "clean.npy", clean)
    np.save(tmp_path / "noisy.npy", noisy)
    names = str(tmp_path / "clean.npy"), str(tmp_path / "noisy.npy")
    evaluate_command(EvaluateArgs(*names, json=tmp_path / "figures.json"))
    shown = capsys.readouterr().out
    assert "mean" in shown
    assert "20.0" in shown
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["frames"] == 3
    assert figures["each"]["psnr"][0] == pytest.approx(20.0, abs=0.2)
    assert figures["each"]["psnr"][1] is None  # infinite: the frame is the reference
    assert figures["environment"]["f2r"]
