import io

import numpy as np
import pytest
from io_samples import Video, copy, ramp, write_video

from f2r.errors import InputError
from f2r.io import open_reader
from f2r.io.array import ArrayReader
from f2r.io.video.pipe import PipeReader, PipeWriter


class NoReader(io.RawIOBase):
    def writable(self):
        return True

    def write(self, _data):
        raise BrokenPipeError(32, "Broken pipe")


def through_pipe(reader):
    sent = io.BytesIO()
    writer = PipeWriter(reader.info, sent)
    clip = copy(reader, writer)
    received = PipeReader(io.BytesIO(sent.getvalue()))
    with received:
        return clip, np.stack(list(received)), received.info, writer.losses


@pytest.mark.parametrize(
    ("pixels", "bits"),
    [("yuv420p", 8), ("yuv422p10le", 10), ("yuv444p16le", 16), ("gray", 8), ("gray16le", 16)],
)
def test_frames_pass_through_a_pipe_identical(tmp_path, pixels, bits):
    path = write_video(tmp_path / "a.mkv", Video("ffv1", pixels, colour=(2, 2, 2, 1)))
    clip, back, info, losses = through_pipe(open_reader(path))
    assert np.array_equal(back, clip)
    assert (info.frames, info.bit_depth, info.fps) == (8, bits, 25)
    assert losses == ("A pipe carries no sound and no colour tags.",)


def test_rgb_is_converted_and_announced():
    clip, back, _, losses = through_pipe(ArrayReader(ramp(4)))
    assert np.allclose(back, clip, atol=1e-4)
    assert "converted" in losses[0]


def test_a_pipe_can_be_read_again_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sent = io.BytesIO()
    copy(ArrayReader(ramp(3)), PipeWriter(ArrayReader(ramp(3)).info, sent))
    reader = PipeReader(io.BytesIO(sent.getvalue()))
    assert len(list(reader)) == len(list(reader)) == 3
    reader.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("data", "words"), [(b"", "is empty"), (b"nonsense" * 99, "no YUV4MPEG2")])
def test_a_pipe_without_video_is_refused(tmp_path, monkeypatch, data, words):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InputError, match=words):
        PipeReader(io.BytesIO(data))
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_went_away_ends_the_run_in_one_line():
    writer = PipeWriter(ArrayReader(ramp(3)).info, NoReader())
    with pytest.raises(InputError, match="stopped reading"):
        copy(ArrayReader(ramp(3)), writer)
