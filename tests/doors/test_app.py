"""What stands behind the page: open, preview, queue, cancel, go on, play; errors in one line."""

import asyncio
import errno
import json
import os
import shutil
import socket
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from disk import full
from f2r.app import fragments
from f2r.app.clip import free_output, interrupted, open_clip, preview_clip, shown
from f2r.app.forecast import Countdown, Forecast, choices, forecast_of, names_of, presets_of
from f2r.app.player import is_played, make_players
from f2r.app.running import Running, Runs, Stand
from f2r.app.server import HOST, Border, serve
from f2r.config import DenoiseConfig, Preset
from f2r.errors import InputError
from f2r.io import open_reader, open_writer
from f2r.io.clip import ClipInfo
from f2r.io.raw.mosaic import Mosaic
from f2r.pictures.noise_picture import draw_noise
from f2r.system.claim import Claim
from f2r.system.progress import Progress, StageClock
from synthetic import moving_clip

FAST = DenoiseConfig(preset="fast", sigma=0.08)


FRAMES = 10


def write_noisy(path):
    clean = moving_clip(FRAMES, 32, 48, speed=1).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    info = ClipInfo(FRAMES, 32, 48, 3, True, 8, "uint8", 255.0, fps=Fraction(8))
    with open_writer(path, info) as writer:
        for frame in clean + np.float32(0.08) * noise:
            writer.write(frame)
    return path


@pytest.fixture
def video(tmp_path):
    return write_noisy(tmp_path / "night.mkv")


class Stopping(Running):
    """A run that is cancelled when a third of its frames are done."""

    def _told(self, report):
        if report.stage == "denoise" and report.fraction > 0.3:
            self.stop.set()
        super()._told(report)


class NoNetwork(TorchFunctionMode):
    """Refuses convolutions."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        assert func not in {functional.conv2d, torch.conv2d}
        return func(*args, **(kwargs or {}))


def test_an_open_clip_says_what_noise_it_has(video):
    clip = open_clip(f" {video} ")
    assert clip.facts() == "10 frames, 48x32, colour, 8 bit, 1.2 s"
    assert "Gaussian noise, sd" in clip.findings()[0]
    assert interrupted(video) is None
    assert "night.mkv" in fragments.findings(clip)
    chart = draw_noise(clip.planes[0])
    assert chart.shape[1] > 1000
    assert 0.02 < np.mean(chart.min(axis=2) < 128) < 0.5


def test_sliders_only_mix_and_the_frame_is_the_one_that_was_chosen(video):
    clip, clock = open_clip(str(video)), StageClock()
    seen = preview_clip(clip, 9, clock)
    assert seen.number == 9
    noisy, none = shown(seen, 0.0, 0.0)
    assert np.array_equal(noisy, none)
    _, luma = shown(seen, 1.0, 0.0)
    _, both = shown(seen, 1.0, 1.0)
    rough = [np.abs(np.diff(x.astype(float), axis=1)).mean() for x in (noisy, luma, both)]
    assert rough[0] > rough[1] > rough[2]
    with NoNetwork():
        shown(seen, 0.7, 0.4)
    forecast = forecast_of(clip.info, seen, clock)
    assert forecast.allows_training
    assert not forecast.is_copied
    per_pixel = forecast.per_pixel  # a draft is measured apart; no time is compared in a test
    assert per_pixel[Preset.DRAFT] > 0
    assert per_pixel[Preset.DRAFT] != per_pixel[Preset.FAST] > 0
    announced = choices(forecast)
    assert [preset for _, preset in announced] == list(Preset)
    assert all("about" in text for text, _ in announced)


PACE = dict.fromkeys(Preset, 1e-3) | {Preset.DRAFT: 1e-4}
"""Seconds of inference for a pixel."""


def test_presets_are_announced_with_their_training(video):
    info = open_clip(str(video)).info
    plain = Forecast(info, PACE, is_copied=False, allows_training=True)
    draft, fast, balanced, best = map(plain.seconds, Preset)
    assert draft < fast
    assert balanced - fast >= 120
    assert best - balanced == pytest.approx(780)
    coded = Forecast(info, PACE, is_copied=False, allows_training=False)
    assert coded.seconds(Preset.BEST) == fast
    assert Forecast(info, PACE, is_copied=True, allows_training=True).seconds(Preset.BEST) < 10


def test_a_raw_clip_is_offered_no_draft(video):
    info = replace(open_clip(str(video)).info, mosaic=Mosaic("RGGB", (0.0,) * 4, 1023.0))
    assert [preset for _, preset in names_of(info)] == list(Preset)[1:] == presets_of(info)


def test_time_left_follows_the_frames_once_there_are_some(video, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("f2r.app.forecast.time.monotonic", lambda: clock[0])
    plain = Forecast(open_clip(str(video)).info, PACE, is_copied=False, allows_training=True)
    countdown = Countdown(plain, Preset.BALANCED)
    clock[0] = 10.0
    assert countdown.left() == pytest.approx(plain.seconds(Preset.BALANCED) - 10)
    for clock[0], share in ((200.0, 0.25), (210.0, 0.5)):
        countdown.note(Progress("denoise", share))
    assert countdown.left() == pytest.approx(20)
    assert countdown.share() == pytest.approx(210 / 230)
    assert Countdown(None, Preset.FAST).left() is None


@pytest.mark.parametrize(
    ("name", "content"),
    [("", None), ("nothing.mp4", None), ("letter.mp4", b"Dear reader"), ("night.f2r", b"\0" * 99)],
)
def test_what_is_no_clip_is_said_in_one_line(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        open_clip(str(tmp_path / name) if name else name)
    assert "\n" not in str(refused.value)


def test_a_cancelled_run_is_offered_again_with_its_own_options(video, tmp_path):
    stopped = Stopping(video, DenoiseConfig(preset="fast", sigma=0.08, strength=0.8))
    stopped.work(tmp_path)
    assert (stopped.stand, stopped.error) == (Stand.STOPPED, "cancelled")
    target, config = interrupted(video)
    assert (target.name, config) == ("night.f2r.mkv", stopped.config)
    assert free_output(video).name == "night.2.f2r.mkv"
    again = Running(video, config, target=target)
    again.work(tmp_path)
    assert again.error is None
    assert any("going on after frame" in sentence for sentence in again.said)
    with open_reader(target) as reader:
        assert reader.info.frames == FRAMES
    assert interrupted(video) is None


def test_an_interrupted_run_can_be_given_up(video, tmp_path):
    Stopping(video, FAST).work(tmp_path)
    target, _ = interrupted(video)
    other = DenoiseConfig(preset="fast", sigma=0.05)
    run = Running(video, other, target=target, starts_again=True)
    run.work(tmp_path)
    assert run.error is None
    assert run.outcome.report["config"]["sigma"] == 0.05


def test_a_damaged_interrupted_run_is_said_in_one_line(video, tmp_path):
    Stopping(video, FAST).work(tmp_path)
    stamp = tmp_path / "night.f2r.mkv.run" / "run.json"
    content = json.loads(stamp.read_text())
    content["config"]["strength"] = 0.1
    stamp.write_text(json.dumps(content))
    with pytest.raises(InputError, match="checksum") as refused:
        interrupted(video)
    assert "\n" not in str(refused.value)


def test_clips_queue_and_replace_nothing(video, tmp_path):
    runs, other = Runs(), shutil.copy(video, tmp_path / "other.mkv")
    shutil.copy(video, free_output(video))
    queue = [Running(video, FAST), Running(other, FAST), Running(tmp_path / "gone.mkv", FAST)]
    for run in queue:
        runs.add(run)
    runs.cancel(queue[1])
    assert queue[1].stand == Stand.STOPPED
    runs.wait(queue[2], 120)
    assert [run.stand for run in queue] == [Stand.DONE, Stand.STOPPED, Stand.STOPPED]
    assert queue[0].outcome.output.name == "night.2.f2r.mkv"
    rows = fragments.rows(runs)
    assert rows.index("gone.mkv") < rows.index("other.mkv") < rows.index("night.mkv")
    assert rows.count("data-act='show'") == 1
    assert "data-act='go'" not in rows


def test_a_run_of_another_program_is_refused_in_one_line(video, tmp_path):
    run = Running(video, FAST, target=tmp_path / "night.f2r.mkv", starts_again=True)
    with Claim(tmp_path / "night.f2r.mkv"):
        run.work(tmp_path)
    assert run.stand == Stand.STOPPED
    assert "being written by another run" in run.error
    assert "\n" not in run.error


def test_a_full_disk_is_said_in_one_line(video, tmp_path):
    run = Running(video, FAST)
    with full(4096):
        run.work(tmp_path)
    assert run.stand == Stand.STOPPED
    assert "\n" not in run.error
    assert not (tmp_path / "night.f2r.mkv").exists()


def test_names_of_files_are_no_markup(tmp_path):
    run = Running(tmp_path / "<b>&'.mkv", FAST)
    run.error, run.stand = "<script>", Stand.STOPPED
    runs = Runs()
    runs.all.append(run)
    assert "<script>" not in fragments.rows(runs)
    assert "&lt;b&gt;&amp;" in fragments.rows(runs)


def test_a_clip_that_browsers_do_not_play_gets_copies_of_the_same_frames(video, tmp_path):
    assert not is_played(video)
    players = make_players(video, video, tmp_path)
    assert players.are_copies
    assert is_played(players.before)
    originals = [f.to_ndarray(format="rgb24") for f in decoded(video)]
    copies = [f.to_ndarray(format="rgb24") for f in decoded(players.after)]
    assert len(copies) == len(originals) == FRAMES
    assert np.abs(np.mean(copies[5] - originals[5].astype(float))) < 3
    html = fragments.players(players)
    assert html.count("<video") == 2


def test_a_clip_that_browsers_play_is_shown_itself(video, tmp_path):
    path = tmp_path / "plain.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for frame in decoded(video):
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    assert is_played(path)
    assert make_players(path, path, tmp_path).before == path
    assert not make_players(path, path, tmp_path).are_copies


@pytest.mark.parametrize("size", [(33, 17), (1500, 18)])
def test_stacks_of_any_size_get_copies(tmp_path, size):
    stack = np.random.default_rng(0).integers(0, 4000, (5, size[1], size[0])).astype(np.uint16)
    np.save(tmp_path / "stack.npy", stack)
    players = make_players(tmp_path / "stack.npy", tmp_path / "stack.npy", tmp_path)
    assert len(decoded(players.before)) == 5


def decoded(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_a_port_in_use_is_said_in_one_line():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        with pytest.raises(InputError, match="is in use"):
            serve(other.getsockname()[1], opens_browser=False)


def test_an_upload_without_space_is_said_in_one_line():
    sent = []

    async def upload(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def send(message):
        sent.append(message)

    asyncio.run(Border(upload)({"type": "http"}, None, send))
    start, body = sent
    assert start["status"] == 507
    assert b"No space left on device" in body["body"]
    assert b"\n" not in body["body"]
    assert b"content-security-policy" in dict(start["headers"])
