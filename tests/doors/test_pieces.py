"""Pieces of a clip and previews: the frames that were asked for, and nothing else."""

from fractions import Fraction

import numpy as np
import pytest
import tifffile

import f2r
from f2r.cli.main import main
from f2r.config import EstimateConfig
from f2r.io import open_reader, open_writer
from f2r.io.clip import ClipInfo
from f2r.io.excerpt import Piece, parse_piece
from f2r.io.images.picture import read_picture
from f2r.run.preview import preview
from f2r.system.progress import StageClock
from synthetic import moving_clip

FPS = 10


@pytest.fixture(scope="module")
def frames():
    clean = moving_clip(40, 48, 64, speed=1).permute(0, 2, 3, 1).numpy()
    return clean + 0.08 * np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)


@pytest.fixture(scope="module")
def video(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "night.mkv"
    info = ClipInfo(40, 48, 64, 3, True, 8, "uint8", 255.0, fps=Fraction(FPS))
    with open_writer(path, info) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def whole(path):
    with open_reader(path) as reader:
        return np.stack(list(reader))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("1.5", "0.5", None), range(15, 20)),
        (("00:00:03.5", None, None), range(35, 40)),
        ((None, "0.05", None), range(1)),
        ((None, None, "7:12"), range(7, 12)),
        ((None, None, "38:100"), range(38, 40)),
    ],
)
def test_a_piece_holds_exactly_the_frames_that_were_asked_for(video, options, expected):
    with open_reader(video, piece=parse_piece(*options)) as reader:
        assert reader.info.frames == len(expected)
        assert np.array_equal(np.stack(list(reader)), whole(video)[expected])
        assert np.array_equal(
            next(reader.starting_at(len(expected) - 1)), whole(video)[expected[-1]]
        )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("x", None, None), "--start x"),
        (("1:2:3:4", None, None), "--start 1:2:3:4"),
        ((None, "0", None), "--duration 0"),
        ((None, None, "5:5"), "--frames 5:5"),
        (("1", None, "1:2"), "either --frames"),
    ],
)
def test_pieces_that_mean_nothing_are_refused(options, words):
    with pytest.raises(f2r.InputError, match=words):
        parse_piece(*options)


def test_pieces_beyond_the_clip_and_clips_without_a_clock_are_refused(video, tmp_path, frames):
    for piece in (Piece(start=9), Piece(frames=(50, 60))):
        with pytest.raises(f2r.InputError, match=r"40 frames \(4.0 s\)"):
            open_reader(video, piece=piece)
    np.save(tmp_path / "clip.npy", frames)
    with pytest.raises(f2r.InputError, match="no clock"):
        open_reader(tmp_path / "clip.npy", piece=Piece(start=1))


def test_denoise_writes_the_piece_and_starts_it_at_time_zero(video):
    command = ["denoise", str(video), "--preset", "fast", "--sigma", "20", "--frames", "12:20"]
    assert main(command) == 0
    piece = video.with_name("night.piece.f2r.mkv")
    with open_reader(piece) as reader:
        assert reader.info.source.timeline.at(0) == 0
        assert reader.info.frames == 8
        written = np.stack(list(reader))
    shown = whole(video)[12:20]
    expected = f2r.denoise(shown, preset="fast", sigma=20 / 255).frames
    assert np.abs(written - expected).mean() < 0.01
    assert main(command) == 2


def test_a_clean_piece_is_not_copied_as_the_whole_clip(tmp_path):
    clean = moving_clip(8, 48, 64).permute(0, 2, 3, 1).numpy()
    np.save(tmp_path / "clean.npy", clean)
    name = str(tmp_path / "piece.npy")
    assert main(["denoise", str(tmp_path / "clean.npy"), "-o", name, "--frames", "2:6"]) == 0
    assert len(np.load(name)) == 4


def test_nan_of_a_piece_stays_where_it_was(tmp_path, frames):
    grey = frames[:10, ..., 0].copy()
    grey[5, 2:4, 2:4] = np.nan
    tifffile.imwrite(tmp_path / "stack.tif", grey, metadata={"axes": "TYX"})
    name = str(tmp_path / "piece.tif")
    command = ["denoise", str(tmp_path / "stack.tif"), "-o", name, "--frames", "4:9"]
    assert main([*command, "--preset", "fast", "--sigma", "20"]) == 0
    assert np.array_equal(np.isnan(tifffile.imread(name)), np.isnan(grey[4:9]))


def test_a_preview_shows_noisy_strengths_and_what_was_removed(video, tmp_path, capsys):
    name = str(tmp_path / "look.png")
    assert main(["preview", str(video), "--at", "0:02", "-o", name, "--sigma", "20"]) == 0
    picture = read_picture(tmp_path / "look.png")
    assert picture.shape[1] > 3 * 480
    height = picture.shape[0] // 2
    noisy, half, most = (picture[40:height, 12 + 492 * k : 480 + 492 * k] for k in range(3))
    rough = [float(np.abs(np.diff(x.astype(float), axis=1)).mean()) for x in (noisy, half, most)]
    assert rough[0] > rough[1] > rough[2]
    assert "sd 20.00 of 255" in capsys.readouterr().err
    assert main(["preview", str(video), "-o", name]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_preview_refuses_what_is_no_picture_or_no_time(video, tmp_path):
    assert main(["preview", str(video), "-o", str(tmp_path / "look.txt")]) == 2
    assert main(["preview", str(video), "-o", str(tmp_path / "a.png"), "--at", "noon"]) == 2
    assert not list(tmp_path.iterdir())


def test_a_preview_takes_no_strength_because_it_shows_several(video, tmp_path, capsys):
    for option in ("--strength", "--chroma-strength"):
        command = ["preview", str(video), "-o", str(tmp_path / "a.png"), option, "0.5"]
        assert usage(command) == 2
        assert option in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def usage(command):
    try:
        return main(command)
    except SystemExit as stop:
        return stop.code


def test_a_preview_repairs_hot_pixels_as_a_run_does(tmp_path, frames):
    hot = frames[:12].copy()
    row, column = np.unravel_index(hot.mean((0, 3)).argmin(), hot.shape[1:3])
    hot[:, row, column] = 1.0
    np.save(tmp_path / "hot.npy", hot)
    with open_reader(tmp_path / "hot.npy") as reader:
        options = EstimateConfig(preset="fast", sigma=0.08, hot_pixels="remove")
        seen = preview(reader, None, options, StageClock())
    assert seen.noisy()[row, column].max() < 0.9
