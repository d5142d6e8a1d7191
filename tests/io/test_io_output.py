import os
import resource
from contextlib import contextmanager

import numpy as np
import pytest
from io_samples import copy

from f2r.errors import InputError
from f2r.io import default_output, open_reader, open_writer
from f2r.io.array import ArrayReader

CLIP = np.zeros((3, 16, 16, 3), np.uint8)
NAMES = ["out.npy", "out.tif", "out.ome.tif", "out.mp4", "out.mkv", "out.avi", "out_folder"]


@pytest.fixture
def info():
    return ArrayReader(CLIP).info


def files(folder):
    return sorted(path.name for path in folder.rglob("*"))


def write_and_fail(writer, path):
    writer.write(CLIP[0].astype(np.float32))
    assert not path.exists()
    raise RuntimeError("stop")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_remains_of_an_output_that_failed(tmp_path, info, name):
    writer = open_writer(tmp_path / name, info)
    with pytest.raises(RuntimeError, match="stop"), writer:
        write_and_fail(writer, tmp_path / name)
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_an_output_without_frames_is_refused_and_removed(tmp_path, info, name):
    with pytest.raises(InputError, match="no frame"), open_writer(tmp_path / name, info):
        pass
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", NAMES)
def test_an_existing_output_needs_overwrite_and_survives_a_failure(tmp_path, info, name):
    path = tmp_path / name
    for overwrite in (False, True):
        with open_writer(path, info, overwrite=overwrite) as writer:
            for frame in CLIP:
                writer.write(frame.astype(np.float32))
    before = files(tmp_path)
    with pytest.raises(InputError, match="--overwrite"):
        open_writer(path, info)
    open_writer(path, info, overwrite=True).abort()
    assert files(tmp_path) == before


def test_a_frame_of_another_shape_is_a_programming_error(tmp_path, info):
    with pytest.raises(ValueError, match="shape"), open_writer(tmp_path / "o.npy", info) as writer:
        writer.write(np.zeros((8, 8, 3), np.float32))
    assert files(tmp_path) == []


def test_the_output_cannot_be_the_input(tmp_path):
    path = tmp_path / "clip.npy"
    np.save(path, CLIP)
    (tmp_path / "link.npy").hardlink_to(path)
    info = open_reader(path).info
    for name in ("clip.npy", "link.npy", "../" + tmp_path.name + "/clip.npy"):
        with pytest.raises(InputError, match="is the input"):
            open_writer(tmp_path / name, info, overwrite=True)
    assert np.array_equal(np.load(path), CLIP)


def test_missing_and_read_only_folders_are_refused(tmp_path, info, monkeypatch):
    with pytest.raises(InputError, match="no such folder"):
        open_writer(tmp_path / "missing" / "out.npy", info)
    monkeypatch.setattr(os, "access", lambda *_: False)  # a test may run as root
    with pytest.raises(InputError, match="not writable"):
        open_writer(tmp_path / "out.npy", info)


@pytest.mark.parametrize("name", ["out.xyz", "out.gif", "out.png", "out.wmv"])
def test_an_unknown_extension_is_refused(tmp_path, info, name):
    with pytest.raises(InputError, match="unknown output type"):
        open_writer(tmp_path / name, info)


def test_a_folder_with_other_things_in_it_is_never_overwritten(tmp_path, info):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="more than pictures"):
        open_writer(tmp_path / "home", info, overwrite=True)
    assert files(tmp_path) == ["home", "letter.txt"]


@pytest.mark.parametrize("name", ["out.npy", "out.tif", "out.mkv", "out_folder"])
def test_a_full_disk_gives_one_line_and_leaves_nothing(tmp_path, info, name, monkeypatch):
    def refuse(*_args):
        raise OSError(28, "No space left on device")

    writer = open_writer(tmp_path / name, info)
    monkeypatch.setattr(writer, "_put", refuse)
    with pytest.raises(InputError, match="No space left"):
        writer.write(CLIP[0].astype(np.float32))
    assert files(tmp_path) == []


@contextmanager
def small_disk():
    """Let no file of this process grow beyond 4 kB; short, or pytest's own log would not either."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", [*NAMES, "out.webm", "out.mov"])
def test_a_disk_without_room_gives_one_line_and_leaves_nothing(tmp_path, name):
    clip = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3)).astype(np.uint8)
    reader = ArrayReader(clip)
    with pytest.raises(InputError, match="cannot be written") as caught, small_disk():
        copy(reader, open_writer(tmp_path / name, reader.info))
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp4", "a.f2r.mp4"),
        ("a.b.MOV", "a.b.f2r.MOV"),
        ("a.ome.tif", "a.f2r.ome.tif"),
        ("a.tiff", "a.f2r.tiff"),
        ("a.npy", "a.f2r.npy"),
        ("a.wmv", "a.f2r.mkv"),
        ("a.ts", "a.f2r.mkv"),
        ("-", "-"),
    ],
)
def test_the_default_output_lies_beside_the_input(tmp_path, name, expected):
    folder = tmp_path if name != "-" else type(tmp_path)()
    assert default_output(folder / name) == folder / expected


def test_the_default_output_of_a_folder_is_a_folder(tmp_path):
    (tmp_path / "run1.5").mkdir()
    assert default_output(f"{tmp_path}/run1.5/") == tmp_path / "run1.5.f2r"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("missing.mp4", None, "no such file"),
        ("a.mp4", b"", "is empty"),
        ("a.npy", b"", "is empty"),
        ("a.tif", b"", "is empty"),
        ("a.mp4", b"this is no video at all" * 100, "cannot be read as video"),
        ("a.txt", b"hello\n" * 1000, "cannot be read as video"),
        ("a.mp4", b"II*\0" + bytes(100), "wrong name"),
        ("a.mp4", b"\x93NUMPY" + bytes(100), "wrong name"),
        ("a.tif", b"\x1aE\xdf\xa3" + bytes(100), "wrong name"),
        ("a.npy", b"hello world", "is not what its extension"),
        ("a.tif", b"hello world", "is not what its extension"),
        ("a.tif", b"II*\0\x08\0\0\0", "TIFF"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "single picture"),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "cannot be read as video"),
    ],
)
def test_files_that_are_no_clip_are_refused_in_one_line(tmp_path, name, data, words):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        open_reader(path)
    assert "\n" not in str(caught.value)
