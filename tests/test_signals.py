"""A signal that asks to stop is Ctrl-C: what is done is kept, and nothing else is left behind."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from f2r.cli.main import main
from f2r.config import DenoiseConfig
from f2r.run.files import denoise_file
from f2r.system.signals import GRACE, StoppedError, exit_code, stoppable
from f2r.train.checkpoint import load_checkpoint
from synthetic import moving_clip

ASKED = [signal.SIGTERM, signal.SIGHUP]
FAST = ["--sigma", "20", "--preset", "fast"]


@pytest.fixture
def noisy(tmp_path):
    clean = moving_clip(9, 40, 48).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).normal(0, 0.08, clean.shape)
    path = tmp_path / "noisy.npy"
    np.save(path, ((clean + noise).clip(0, 1) * 255).round().astype(np.uint8))
    return path


def start(*arguments, **options):
    command = [sys.executable, "-m", "f2r", "denoise", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def stop(process, number, is_far_enough):
    while process.poll() is None and not is_far_enough():
        time.sleep(0.005)
    process.send_signal(number)
    said = process.communicate(timeout=120)[1]
    assert "Traceback" not in said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("number", ASKED)
def test_frames_are_kept_and_the_way_on_is_said(noisy, tmp_path, number):
    output, whole = tmp_path / "out.npy", tmp_path / "whole.npy"
    spool = tmp_path / "out.npy.run" / "frames.spool"
    process = start(noisy, "-o", output, *FAST)
    said = stop(process, number, lambda: spool.exists() and spool.stat().st_size)
    assert process.returncode == 128 + number
    assert f"f2r: stopped by {number.name}" in said
    assert "repeat the command with --resume" in said
    assert {p.name for p in tmp_path.iterdir()} == {"noisy.npy", "out.npy.run"}
    assert main(["denoise", str(noisy), "-o", str(output), *FAST, "--resume"]) == 0
    assert main(["denoise", str(noisy), "-o", str(whole), *FAST]) == 0
    assert output.read_bytes() == whole.read_bytes()


def test_training_saves_the_very_step_it_is_stopped_at(noisy, tmp_path):
    output = tmp_path / "out.npy"

    def stop(report):
        if report.stage == "stage 1" and report.step == 2:
            signal.raise_signal(signal.SIGTERM)

    config = DenoiseConfig(sigma=20 / 255, steps=2)
    with pytest.raises(StoppedError), stoppable():
        denoise_file(str(noisy), output, config, progress=stop)
    assert load_checkpoint(tmp_path / "out.npy.run" / "temporal.ckpt")["step"] == 2
    assert not (tmp_path / ".out.npy.f2r").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", ASKED)
def test_the_copy_of_a_pipe_and_the_claim_go(tmp_path, number):
    (tmp_path / "temporary").mkdir()
    pipe = start(
        "-",
        "-o",
        tmp_path / "out.npy",
        *FAST,
        stdin=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
    )
    pipe.stdin.write("YUV4MPEG2 W32 H32 F25:1 Ip A1:1 C420jpeg\nFRAME\n")
    pipe.stdin.flush()
    held = tmp_path / "temporary"
    while pipe.poll() is None and not any(held.rglob("stdin.y4m")):
        time.sleep(0.005)
    assert (tmp_path / ".out.npy.f2r").exists()
    pipe.send_signal(number)
    pipe.wait(timeout=60)
    said = pipe.stderr.read()
    pipe.stdin.close()
    pipe.stderr.close()
    assert pipe.returncode == 128 + number, said
    assert said.strip() == f"f2r: stopped by {number.name}"
    assert not any(held.iterdir())
    assert not (tmp_path / ".out.npy.f2r").exists()


def test_a_second_signal_does_not_cut_the_saving_short():
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        with pytest.raises(StoppedError):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
    assert GRACE > 1
    assert signal.getsignal(signal.SIGTERM) is before


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_exit_codes_are_those_of_shells():
    codes = [exit_code(KeyboardInterrupt()), *(exit_code(StoppedError(n)) for n in ASKED)]
    assert codes == [130, 143, 129]
