"""Axes that the user names, guesses that are doubted, signed samples, transparency of TIFF."""

import numpy as np
import pytest
import tifffile
from io_samples import copy

from f2r.errors import InputError
from f2r.io import open_reader, open_writer


def moving(frames=8, size=(64, 80)):
    rows, columns = np.mgrid[: size[0], : size[1]]
    clip = [
        1000 + 400 * np.sin(rows / 5 + t / 9) + 300 * np.cos(columns / 3) for t in range(frames)
    ]
    return np.stack(clip).astype(np.uint16)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "zlib.tif"])
@pytest.mark.parametrize(("axes", "order"), [("YXT", (1, 2, 0)), ("xty", (2, 0, 1))])
def test_named_axes_are_read_frame_by_frame(tmp_path, name, axes, order):
    stored, path = np.ascontiguousarray(moving().transpose(order)), tmp_path / name
    if name.endswith(".npy"):
        np.save(path, stored)
    else:
        kind = {"compression": "zlib"} if name.startswith("zlib") else {}
        tifffile.imwrite(path, stored, photometric="minisblack", **kind)
    reader = open_reader(path, axes=axes)
    assert (reader.info.frames, reader.info.height, reader.info.width) == (8, 64, 80)
    writer = open_writer(tmp_path / "o.tif", reader.info)
    assert any(f"{axes.upper()} are written as TYX" in loss for loss in writer.losses)
    copy(reader, writer)
    with tifffile.TiffFile(tmp_path / "o.tif") as tif:
        assert tif.series[0].axes == "TYX"
        assert np.array_equal(tif.asarray(), moving())


@pytest.mark.parametrize("name", ["a.npy", "a.tif"])
@pytest.mark.parametrize(
    ("order", "frames", "doubted"),
    [((1, 2, 0), 8, "YXT"), ((1, 0, 2), 8, "YTX"), ((1, 2, 0), 40, "YXT"), ((0, 1, 2), 8, None)],
)
def test_an_unlikely_guess_is_doubted(tmp_path, name, order, frames, doubted):
    stored, path = np.ascontiguousarray(moving(frames).transpose(order)), tmp_path / name
    if name.endswith(".npy"):
        np.save(path, stored)
    else:
        tifffile.imwrite(path, stored, photometric="minisblack")
    doubts = open_reader(path).info.source.doubts
    assert [f"--axes {doubted}" in doubt for doubt in doubts] == ([True] if doubted else [])


@pytest.mark.parametrize(
    ("axes", "words"), [("YX", "names others"), ("TYQ", "name every axis"), ("TTYX", "name every")]
)
def test_axes_that_do_not_fit_are_refused(tmp_path, axes, words):
    np.save(tmp_path / "a.npy", moving())
    with pytest.raises(InputError, match=words):
        open_reader(tmp_path / "a.npy", axes=axes)
    with pytest.raises(InputError, match=r"TIFF or \.npy only"):
        open_reader(tmp_path, axes="TYX")


@pytest.mark.parametrize("name", ["o.tif", "o.npy"])
def test_signed_samples_are_read_and_written_as_such(tmp_path, name):
    clip = moving().astype(np.int16) - 1200
    tifffile.imwrite(tmp_path / "a.tif", clip, photometric="minisblack")
    reader = open_reader(tmp_path / "a.tif")
    frames = copy(reader, open_writer(tmp_path / name, reader.info))
    assert frames.min() < 0
    path = tmp_path / name
    written = np.load(path) if name.endswith(".npy") else tifffile.imread(path)
    assert written.dtype == np.int16
    assert np.array_equal(written, clip)


@pytest.mark.parametrize("samples", [2, 4])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_transparency_of_a_tiff_is_left_out_and_said(tmp_path, samples, planar):
    clip = np.random.default_rng(0).integers(0, 255, (3, 48, 64, samples), np.uint8)
    stored = clip if planar == "contig" else clip.transpose(0, 3, 1, 2)
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.ascontiguousarray(stored),
        photometric="rgb" if samples == 4 else "minisblack",
        planarconfig=planar,
        extrasamples=["unassalpha"],
    )
    reader = open_reader(tmp_path / "a.tif")
    assert reader.info.channels == samples - 1
    assert reader.info.is_colour == (samples == 4)
    writer = open_writer(tmp_path / "o.tif", reader.info)
    assert any("Transparency" in loss for loss in writer.losses)
    frames = copy(reader, writer)
    assert np.array_equal(np.rint(frames * 255), clip[..., :-1])
    again = np.stack(list(open_reader(tmp_path / "o.tif")))
    assert np.array_equal(again, frames)
