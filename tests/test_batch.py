"""Several clips, folders of clips, and pipes on the command line."""

import subprocess
import sys

import av
import numpy as np
import pytest

from f2r.cli.main import main
from synthetic import moving_clip

FAST = ["--preset", "fast", "--sigma", "20", "--strength", "0"]


def write_video(path, frames=3, codec="ffv1"):
    clip = (moving_clip(frames, 48, 64).permute(0, 2, 3, 1).numpy() * 255).astype(np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, width=64, height=48)
        stream.pix_fmt = "yuv420p"
        for rgb in clip:
            picture = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            output.mux(stream.encode(picture.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    return path


def planes(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "clips"
    made.mkdir()
    for name in ("a.mkv", "b.mkv"):
        write_video(made / name)
    (made / "broken.mkv").write_bytes(b"\x1aE\xdf\xa3 nothing")
    (made / "notes.txt").write_text("not a clip")
    return made


def test_a_folder_of_videos_is_done_in_one_command_and_a_failure_stops_nothing(
    folder, tmp_path, capsys
):
    out = tmp_path / "out"
    assert main(["denoise", str(folder), "-o", str(out), *FAST]) == 1
    said = capsys.readouterr().err
    assert "2 done; 1 failed" in said
    assert "broken.mkv" in said.splitlines()[-1]
    assert {p.name for p in out.iterdir() if p.suffix == ".mkv"} == {"a.f2r.mkv", "b.f2r.mkv"}
    (folder / "broken.mkv").unlink()
    (out / "b.f2r.mkv").unlink()
    assert main(["denoise", str(folder), "-o", str(out), "--resume", *FAST]) == 1
    assert "b.f2r.mkv.json: exists already" in capsys.readouterr().err
    again = ["--resume", "--overwrite"]
    assert main(["denoise", str(folder), "-o", str(out), *again, *FAST]) == 0
    assert "1 done; 1 were done before" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["a.mkv", "b.mkv", "-o", "a.mkv"], "is a file"),
        (["a.mkv", "-", "-o", "out"], "pipe"),
        (["a.mkv", "a.mkv", "-o", "out"], "two inputs"),
        ([], "nothing to denoise"),
        (["-", "-o", "x.npy", "--resume"], "pipe"),
    ],
)
def test_batches_that_make_no_sense_are_refused(folder, monkeypatch, capsys, options, words):
    monkeypatch.chdir(folder)
    before = set(folder.iterdir())
    assert main(["denoise", *options, *FAST]) == 2
    assert words in capsys.readouterr().err
    assert set(folder.iterdir()) == before


def test_frames_go_through_a_pipe_unchanged_at_strength_zero(tmp_path):
    clip = write_video(tmp_path / "clip.y4m", 4, "rawvideo")
    with clip.open("rb") as data:
        run = subprocess.run(
            [sys.executable, "-m", "f2r", "denoise", "-", "-o", "-", *FAST],
            stdin=data,
            capture_output=True,
            check=False,
            cwd=tmp_path,
        )
    assert run.returncode == 0, run.stderr
    (tmp_path / "out.y4m").write_bytes(run.stdout)
    assert np.array_equal(planes(clip), planes(tmp_path / "out.y4m"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.y4m", "out.y4m"]


def test_encoder_and_quality_are_chosen_by_option(folder, capsys):
    clip, output = folder / "a.mkv", folder / "out.mp4"
    options = ["--codec", "libx265", "--quality", "30"]
    assert main(["denoise", str(clip), "-o", str(output), *options, *FAST]) == 0
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.name == "hevc"
    again = ["--codec", "h266", "--overwrite"]
    assert main(["denoise", str(clip), "-o", str(output), *again, *FAST]) == 2
    assert "codec h266" in capsys.readouterr().err
