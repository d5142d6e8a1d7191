"""What stands behind the page: open, preview, mix, run, cancel, go on; errors in one line."""

import socket
import time
from fractions import Fraction

import numpy as np
import pytest

from f2r.app.clip import open_clip, preview_clip, shown
from f2r.app.page import HOST, serve
from f2r.app.running import Running
from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io import open_reader, open_writer
from f2r.io.clip import ClipInfo
from synthetic import moving_clip

FAST = DenoiseConfig(preset="fast", sigma=0.08)


@pytest.fixture
def video(tmp_path):
    clean = moving_clip(16, 32, 48, speed=1).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    info = ClipInfo(16, 32, 48, 3, True, 8, "uint8", 255.0, fps=Fraction(8))
    with open_writer(tmp_path / "night.mkv", info) as writer:
        for frame in clean + np.float32(0.08) * noise:
            writer.write(frame)
    return tmp_path / "night.mkv"


def finished(running):
    running.thread.join(120)
    assert not running.is_alive
    return running


def test_an_open_clip_says_what_noise_it_has(video):
    clip = open_clip(f" {video} ")
    assert "16 frames, 48x32" in clip.text
    assert "Gaussian noise, sd" in clip.text
    assert not clip.was_interrupted
    assert clip.seconds == pytest.approx(15 / 8)


def test_sliders_only_mix(video):
    seen = preview_clip(open_clip(str(video)), 1.0)
    assert seen.number == 15
    noisy, none = shown(seen, 0.0, 0.0)
    assert np.array_equal(noisy, none)
    _, luma = shown(seen, 1.0, 0.0)
    _, both = shown(seen, 1.0, 1.0)
    rough = [np.abs(np.diff(x.astype(float), axis=1)).mean() for x in (noisy, luma, both)]
    assert rough[0] > rough[1] > rough[2]
    start = time.process_time()
    shown(seen, 0.7, 0.4)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("name", ["", "  ", "nothing.mp4"])
def test_what_cannot_be_opened_is_said_in_one_line(name):
    with pytest.raises(InputError) as refused:
        open_clip(name)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_no_video_is_said_in_one_line(tmp_path):
    (tmp_path / "letter.mp4").write_text("Dear reader")
    with pytest.raises(InputError) as refused:
        open_clip(str(tmp_path / "letter.mp4"))
    assert "\n" not in str(refused.value)


def test_a_run_can_be_cancelled_and_goes_on(video):
    running = Running(str(video), FAST, resume=False)
    told = running._told

    def cancel(report):
        if report.stage == "denoise" and report.fraction > 0.2:
            running.stop.set()
        told(report)

    running._told = cancel
    assert "cancelled" in finished(running.start()).error
    clip = open_clip(str(video))
    assert clip.was_interrupted
    assert not clip.target.exists()
    again = finished(Running(str(video), FAST, resume=True).start())
    assert again.error is None
    with open_reader(again.outcome.output) as reader:
        assert reader.info.frames == 16
    assert any("going on after frame" in sentence for sentence in again.said)


def test_a_second_run_of_a_clip_is_refused_in_one_line(video):
    first = Running(str(video), FAST, resume=False).start()
    while not first.said:
        time.sleep(0.01)
    second = finished(Running(str(video), FAST, resume=False).start())
    first.stop.set()
    finished(first)
    assert second.outcome is None
    assert "\n" not in second.error


def test_a_port_in_use_is_said_in_one_line():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        with pytest.raises(InputError, match="is in use"):
            serve(other.getsockname()[1], opens_browser=False)
