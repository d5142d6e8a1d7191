"""Whatever a library throws is one line; names are checked before a run; memory stays bounded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from io_samples import copy, write_video

import f2r
from f2r.cli.main import main
from f2r.errors import InputError, reading
from f2r.io import open_reader, open_writer
from f2r.io.array import ArrayReader
from f2r.noise.parse import load_noise
from f2r.run.inspect import inspect_reader


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), MemoryError(), ValueError("a\nb")]
)
def test_any_error_of_a_library_becomes_one_printable_line(error):
    with pytest.raises(InputError) as caught, reading("clip"):
        raise error
    assert str(caught.value).startswith("clip: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        '{"model": "gaussian", "sigma": 1e999}',
        '{"model": ["gaussian"]}',
        '{"model": "correlated", "base": {}, "correlation": 5}',
        '{"model": "gaussian", "sigma": 123' + "0" * 6000 + "}",
    ],
)
def test_a_damaged_noise_file_is_one_line(tmp_path, text):
    path = tmp_path / "noise.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_noise(path)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_noise_file_that_is_a_pipe_or_huge_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="is not a file"):
        load_noise(tmp_path / "pipe.json")
    with (tmp_path / "big.json").open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(InputError, match="too large"):
        load_noise(tmp_path / "big.json")


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30])
@pytest.mark.parametrize("command", ["denoise", "simulate"])
def test_a_seed_that_no_generator_takes_is_refused(tmp_path, capsys, command, seed):
    np.save(tmp_path / "a.npy", np.zeros((2, 32, 32), np.float32))
    more = ["-o", str(tmp_path / "o.npy"), "--noise", "gaussian:5"]
    assert main([command, str(tmp_path / "a.npy"), *more, f"--seed={seed}"]) == 2
    assert "seed must be" in capsys.readouterr().err


def test_half_precision_tensors_are_taken_and_sparse_ones_refused():
    clip = torch.rand(3, 32, 32)
    result = f2r.denoise(clip.bfloat16(), sigma=0.1, preset="fast")
    assert result.frames.shape == (3, 32, 32)
    with pytest.raises(InputError, match="dense array or tensor"):
        f2r.denoise(clip.to_sparse(), sigma=0.1)


def test_an_empty_name_is_refused(capsys):
    assert main(["denoise", ""]) == 2
    assert main(["noise", ""]) == 2
    assert "name of the input is empty" in capsys.readouterr().err


def test_a_name_with_a_colon_is_read_and_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "12:30.mp4")
    reader = open_reader("12:30.mp4")
    copy(reader, open_writer("12:30.f2r.mp4", reader.info))
    assert len(list(open_reader("12:30.f2r.mp4"))) == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\udcff.npy", "not UTF-8"),
        ("a" * 248 + ".npy", "too long"),
        ("ä" * 124 + ".npy", "too long"),
    ],
)
def test_names_that_cannot_be_written_are_refused_before_the_run(tmp_path, name, words):
    info = ArrayReader(np.zeros((2, 32, 32), np.float32)).info
    with pytest.raises(InputError, match=words) as caught:
        open_writer(tmp_path / name, info)
    str(caught.value).encode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_not_replaced_without_a_word(tmp_path, exists):
    info = ArrayReader(np.zeros((2, 32, 32), np.float32)).info
    other = tmp_path / "other.npy"
    if exists:
        other.write_bytes(b"mine")
    (tmp_path / "o.npy").symlink_to(other)
    with pytest.raises(InputError, match="is a link to"):
        open_writer(tmp_path / "o.npy", info, overwrite=True)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))
from f2r.errors import InputError
from f2r.io import open_reader
try:
    for frame in open_reader(sys.argv[1]):
        break
except InputError as error:
    print(error)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


def read_with_little_memory(path):
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is measured on Linux")
    command = [sys.executable, "-c", LIMITED, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    *said, peak = run.stdout.splitlines()
    return " ".join(said), int(peak)


@pytest.mark.parametrize("compression", ["zlib", "lzma"])
def test_a_strip_that_unpacks_to_far_more_than_its_page_is_refused(tmp_path, compression):
    path = tmp_path / "bomb.tif"
    rows = 300_000_000 // 16
    tifffile.imwrite(
        path, np.zeros((rows, 16), np.uint8), compression=compression, rowsperstrip=rows
    )
    with tifffile.TiffFile(path, mode="r+") as tif:
        for tag in ("ImageLength", "RowsPerStrip"):
            tif.pages.first.tags[tag].overwrite(16)
    said, peak = read_with_little_memory(path)
    assert "unpacks to far more" in said
    assert peak < 400


@pytest.mark.parametrize(
    ("compression", "padding"), [("zlib", b""), ("zlib", b"\0"), ("lzma", b""), ("lzma", b"\0rest")]
)
def test_compressed_tiffs_are_read_also_with_bytes_after_a_strip(tmp_path, compression, padding):
    frames = np.random.default_rng(0).integers(0, 9, (2, 300, 700), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, frames, photometric="minisblack", compression=compression)
    with tifffile.TiffFile(path) as tif:
        tag, size = tif.pages[-1].tags["StripByteCounts"], tif.pages[-1].databytecounts[-1]
    data = bytearray(path.read_bytes()) + padding
    data[tag.valueoffset : tag.valueoffset + 4] = (size + len(padding)).to_bytes(4, "little")
    path.write_bytes(data)
    reader = open_reader(path)
    found = np.stack([frame[..., 0] for frame in reader]) * reader.info.scale
    assert np.array_equal(found.round().astype(np.uint8), frames)


@pytest.mark.parametrize("name", ["a.png", "a.bmp"])
def test_a_header_that_promises_more_pixels_than_bytes_is_refused(tmp_path, name):
    import cv2

    cv2.imwrite(str(tmp_path / name), np.zeros((16, 16), np.uint8))
    data = bytearray((tmp_path / name).read_bytes())
    size = (11_000).to_bytes(4, "big" if name == "a.png" else "little")
    place = 16 if name == "a.png" else 18
    data[place : place + 8] = size * 2
    if name == "a.png":
        import zlib

        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / name).write_bytes(data)
    said, peak = read_with_little_memory(tmp_path)
    assert "cut short or damaged" in said
    assert peak < 400


def test_of_large_frames_the_noise_of_the_middle_is_measured(monkeypatch):
    monkeypatch.setattr("f2r.run.inspect.INSPECTED_SIDE", 64)
    clip = np.random.default_rng(0).normal(0.5, 0.1, (5, 200, 300)).astype(np.float32)
    clip[:, :60] = 0
    plane = inspect_reader(ArrayReader(clip))[0]
    assert plane.diagnosis.hot.shape[-2:] == (64, 64)
    assert plane.estimate.sigma == pytest.approx(0.1, rel=0.1)


def test_more_frames_than_a_clip_can_have_are_refused(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 1, 1)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 10**9)
    with pytest.raises(InputError, match="more than F2R accepts"):
        open_reader(tmp_path / "a.npy")


def test_raw_does_not_import_the_opening_that_chooses_it():
    folder = Path(f2r.__file__).parent / "io" / "raw"
    assert not [p.name for p in folder.glob("*.py") if "f2r.io.opening" in p.read_text()]


def test_the_report_keeps_what_was_doubted(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(0.5, 0.05, (64, 64, 8)))
    out = tmp_path / "o.npy"
    arguments = ["denoise", str(tmp_path / "a.npy"), "-o", str(out), "--noise", "gaussian:12"]
    assert main([*arguments, "--preset", "fast", "--axes", "YXT"]) == 0
    assert np.load(out).shape == (8, 64, 64)
    assert json.loads((tmp_path / "o.npy.json").read_text())["input_doubts"] == []
