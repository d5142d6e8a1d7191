"""Files that end too early or are damaged where decoders say nothing."""

import io
import os
import threading

import av
import cv2
import numpy as np
import pytest
from io_samples import copy, ramp, write_video

from f2r.errors import InputError
from f2r.io import open_reader, open_writer
from f2r.io.array import ArrayReader
from f2r.io.video.pipe import PipeReader


def y4m(path, channels=3, top=255):
    dtype = np.uint8 if top == 255 else np.uint16
    reader = ArrayReader(ramp(4, channels=channels, top=top).astype(dtype))
    copy(reader, open_writer(path, reader.info))
    return path


@pytest.mark.parametrize(("channels", "top"), [(3, 255), (1, 255), (3, 65535), (1, 65535)])
@pytest.mark.parametrize("missing", [1, 500])
def test_y4m_cut_within_a_frame_is_refused_from_a_file_and_from_a_pipe(
    tmp_path, channels, top, missing
):
    path = y4m(tmp_path / "a.y4m", channels, top)
    whole = path.read_bytes()
    assert len(list(PipeReader(io.BytesIO(whole)))) == 4
    path.write_bytes(whole[:-missing])
    with pytest.raises(InputError, match="within frame 4"):
        open_reader(path)
    with pytest.raises(InputError, match=r"^-: ends or is damaged within frame 4"):
        PipeReader(io.BytesIO(path.read_bytes()))
    assert len(list(open_reader(path, skip_corrupt=True))) == 3


def test_a_pipe_is_refused_by_its_first_bytes_before_it_is_copied(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sent = io.BytesIO(b"\x1aE\xdf\xa3" + bytes(10**6))
    with pytest.raises(InputError, match="no YUV4MPEG2"):
        PipeReader(sent)
    assert sent.tell() < 100
    assert list(tmp_path.iterdir()) == []


def write_gif(path):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb8"
        for picture in ramp(5, top=255).astype(np.uint8):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="rgb8")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("damage", ["cut", "no trailer", "zeros", "bytes"])
def test_a_damaged_gif_is_refused_unless_damage_may_be_skipped(tmp_path, damage):
    path = write_gif(tmp_path / "a.gif")
    data = bytearray(path.read_bytes())
    assert len(list(open_reader(path))) == 5
    middle = len(data) // 2
    if damage == "cut":
        del data[middle:]
    elif damage == "no trailer":
        del data[-1]
    elif damage == "zeros":
        data[middle : middle + 200] = bytes(200)
    else:
        data[middle : middle + 40] = bytes(range(100, 140))
    path.write_bytes(data)
    with pytest.raises(InputError, match="GIF is cut short or damaged"):
        open_reader(path)
    open_reader(path, skip_corrupt=True)


def write_pictures(folder, suffix):
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (4, 48, 64, 3), np.uint8)
    for i, picture in enumerate(noise):
        cv2.imwrite(str(folder / f"{i}{suffix}"), picture)
    return folder


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("damage", ["cut", "zeros"])
def test_a_damaged_picture_is_refused_or_left_out_by_option(tmp_path, capfd, suffix, damage):
    folder = write_pictures(tmp_path / "in", suffix)
    path = folder / f"2{suffix}"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        del data[len(data) * 2 // 3 :]
    elif suffix == ".bmp":
        pytest.skip("a BMP has no redundancy")
    else:
        data[len(data) // 2 : len(data) // 2 + 600] = bytes(600)
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"2\{suffix}: .*--skip-corrupt"):
        list(open_reader(folder))
    reader = open_reader(folder, skip_corrupt=True)
    writer = open_writer(tmp_path / "out", reader.info)
    assert any(f"left out: 2{suffix}" in loss for loss in writer.losses)
    copy(reader, writer)
    assert len(list((tmp_path / "out").iterdir())) == 3
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_among_the_pictures_is_not_waited_for(tmp_path):
    folder = write_pictures(tmp_path / "in", ".png")
    os.mkfifo(folder / "a.png")
    failures = []

    def read():
        try:
            open_reader(folder)
        except InputError as error:
            failures.append(str(error))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()
    assert "a.png: is no file" in failures[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [("picture.mp4", "single picture: put the frames"), ("moving.png", "animated PNG")],
)
def test_pictures_under_other_names_get_advice_that_helps(tmp_path, name, words):
    done, data = cv2.imencode(
        ".jpg" if name.endswith("mp4") else ".png", np.zeros((8, 8), np.uint8)
    )
    assert done
    data = data.tobytes()
    if name.endswith(".png"):
        data = data[:33] + b"\0\0\0\x08acTL" + bytes(12) + data[33:]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=words):
        open_reader(tmp_path / name)


def test_a_video_under_an_unknown_name_is_read(tmp_path):
    path = write_video(tmp_path / "a.mkv").rename(tmp_path / "a.dat")
    assert len(list(open_reader(path))) == 8
