import numpy as np
import pytest
import tifffile
from io_samples import copy

from f2r.errors import InputError
from f2r.io import default_output, open_reader, open_writer
from f2r.io.array import ArrayReader

STRUCTURE = {259, 273, 279}
"""Tags that say how pixels are stored: compression and strips."""


def stack(shape, dtype=np.uint16):
    generator = np.random.default_rng(1)
    if dtype == np.float32:
        return generator.normal(0, 2, shape).astype(np.float32)
    return generator.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


IMAGEJ = {"imagej": True, "resolution": (3.1, 3.2)}
LAYOUTS = {
    "plain": ((6, 48, 64), {}, (6, 1)),
    "one page": ((48, 64), {}, (1, 1)),
    "compressed": ((6, 48, 64), {"compression": "zlib"}, (6, 1)),
    "bigtiff": ((6, 48, 64), {"bigtiff": True}, (6, 1)),
    "big endian": ((6, 48, 64), {"byteorder": ">"}, (6, 1)),
    "rgb": ((6, 48, 64, 3), {"photometric": "rgb"}, (6, 3)),
    "rgb planes": ((6, 3, 48, 64), {"photometric": "rgb", "planarconfig": "separate"}, (6, 3)),
    "one offset": ((6, 48, 64), {"truncate": True}, (6, 1)),
    "imagej": (
        (6, 48, 64),
        {**IMAGEJ, "metadata": {"axes": "TYX", "unit": "um", "finterval": 0.5, "Info": "µ"}},
        (6, 1),
    ),
    "imagej TCYX": ((6, 2, 48, 64), {**IMAGEJ, "metadata": {"axes": "TCYX"}}, (6, 2)),
    "imagej TZCYX": ((3, 2, 2, 48, 64), {**IMAGEJ, "metadata": {"axes": "TZCYX"}}, (3, 4)),
    "imagej ZYX": ((5, 48, 64), {**IMAGEJ, "metadata": {"axes": "ZYX"}}, (5, 1)),
    "ome CTYX": ((2, 6, 48, 64), {"ome": True, "metadata": {"axes": "CTYX"}}, (6, 2)),
    "ome TZCYX": (
        (3, 2, 2, 48, 64),
        {"ome": True, "metadata": {"axes": "TZCYX", "PhysicalSizeX": 0.2, "TimeIncrement": 3.0}},
        (3, 4),
    ),
    "ome compressed": (
        (2, 6, 48, 64),
        {"ome": True, "metadata": {"axes": "CTYX"}, "compression": "zlib"},
        (6, 2),
    ),
}


def tags(path):
    with tifffile.TiffFile(path) as tif:
        return tif.series[0].axes, {
            tag.code: tag.value for tag in tif.pages.first.tags if tag.code not in STRUCTURE
        }


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_unchanged_stack_keeps_pixels_axes_and_metadata(tmp_path, layout, dtype):
    shape, options, (frames, channels) = LAYOUTS[layout]
    path = tmp_path / "clip.tif"
    clip = stack(shape, dtype)
    tifffile.imwrite(path, clip, **options)
    reader = open_reader(path)
    assert (reader.info.frames, reader.info.channels) == (frames, channels)
    copy(reader, open_writer(default_output(path), reader.info))
    back = tmp_path / "clip.f2r.tif"
    assert np.array_equal(tifffile.imread(back), clip)
    axes, text = tags(path)
    axes_back, text_back = tags(back)
    assert axes_back == axes
    if layout == "one offset":  # its description speaks of that layout
        del text[270], text_back[270]
    assert text_back == text


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_frames_are_the_pages_in_nominal_units(tmp_path, dtype):
    path = tmp_path / "clip.tif"
    clip = stack((2, 3, 48, 64), dtype)
    tifffile.imwrite(path, clip, ome=True, metadata={"axes": "CTYX"})
    frames = np.stack(list(open_reader(path)))
    expected = clip.transpose(1, 2, 3, 0) / np.float32(np.iinfo(dtype).max)
    assert np.array_equal(frames, expected.astype(np.float32))
    assert not open_reader(path).info.is_colour


def test_pages_written_one_by_one_are_a_clip(tmp_path):
    path = tmp_path / "clip.tif"
    clip = stack((5, 48, 64))
    with tifffile.TiffWriter(path) as tif:
        for page in clip:
            tif.write(page)
    reader = open_reader(path)
    copy(reader, open_writer(tmp_path / "out.tif", reader.info))
    assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), clip)


def test_declared_bits_set_the_white_and_round_trip(tmp_path):
    path = tmp_path / "clip.ome.tif"
    clip = stack((4, 48, 64)) % 4096
    tifffile.imwrite(path, clip, metadata={"axes": "TYX", "SignificantBits": 12})
    reader = open_reader(path)
    assert (reader.info.bit_depth, reader.info.scale) == (12, 4095)
    copy(reader, open_writer(default_output(path), reader.info))
    assert np.array_equal(tifffile.imread(tmp_path / "clip.f2r.ome.tif"), clip)


@pytest.mark.parametrize("shape", [(4, 48, 64), (4, 48, 64, 3), (4, 48, 64, 2)])
@pytest.mark.parametrize("name", ["out.tif", "out.ome.tif"])
def test_other_clips_become_plain_stacks(tmp_path, shape, name):
    reader = ArrayReader(stack(shape))
    frames = copy(reader, open_writer(tmp_path / name, reader.info))
    back = open_reader(tmp_path / name)
    assert np.array_equal(np.stack(list(back)), frames)
    assert (back.info.frames, back.info.is_colour) == (4, reader.info.is_colour)


def test_a_change_of_type_keeps_axes_and_resolution(tmp_path):
    import dataclasses

    path = tmp_path / "clip.tif"
    tifffile.imwrite(path, stack((3, 2, 48, 64)), imagej=True, metadata={"axes": "TCYX"})
    reader = open_reader(path)
    info = dataclasses.replace(reader.info, dtype="float32", scale=1.0, bit_depth=32)
    frames = copy(reader, open_writer(tmp_path / "noisy.tif", info))
    back = open_reader(tmp_path / "noisy.tif")
    assert back.info.dtype == "float32"
    assert np.array_equal(np.stack(list(back)), frames)
    assert tags(tmp_path / "noisy.tif")[0] == "TCYX"


@pytest.mark.parametrize("layout", ["plain", "compressed", "imagej", "ome CTYX", "one offset"])
@pytest.mark.parametrize("part", [0.001, 0.3, 0.6, 0.95])
def test_a_stack_that_is_cut_short_is_refused(tmp_path, layout, part):
    shape, options, _ = LAYOUTS[layout]
    path = tmp_path / "clip.tif"
    tifffile.imwrite(path, stack(shape), **options)
    data = path.read_bytes()
    path.write_bytes(data[: max(9, int(len(data) * part))])
    with pytest.raises(InputError, match="TIFF") as caught:
        open_reader(path)
    assert "\n" not in str(caught.value)


def test_a_header_that_promises_100000_frames_is_refused(tmp_path):
    path = tmp_path / "clip.tif"
    tifffile.imwrite(path, stack((6, 48, 64)), imagej=True, metadata={"axes": "TYX"}, truncate=True)
    data = path.read_bytes().replace(b"images=6\n", b"images=100000\n")
    path.write_bytes(data.replace(b"frames=6\n", b"frames=100000\n"))
    with pytest.raises(InputError):
        list(open_reader(path))


def test_a_picture_bomb_is_refused_by_its_header(tmp_path):
    path = tmp_path / "clip.tif"
    tifffile.imwrite(path, shape=(1, 20000, 20000), dtype=np.uint8)  # sparse
    with pytest.raises(InputError, match="more than F2R accepts"):
        open_reader(path)


def test_damaged_compression_is_refused(tmp_path):
    path = tmp_path / "clip.tif"
    tifffile.imwrite(path, stack((2, 48, 64)), compression="zlib")
    with tifffile.TiffFile(path) as tif:
        start = tif.pages[1].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[start : start + 100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be decoded"):
        list(open_reader(path))


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.complex64])
def test_other_types_are_refused(tmp_path, dtype):
    path = tmp_path / "clip.tif"
    tifffile.imwrite(path, np.zeros((2, 48, 64), dtype))
    with pytest.raises(InputError, match="not supported"):
        open_reader(path)


def test_infinity_is_refused(tmp_path):
    clip = np.zeros((5, 48, 64), np.float32)
    clip[2, 1, 1] = np.inf
    tifffile.imwrite(tmp_path / "clip.tif", clip)
    with pytest.raises(InputError, match="frame 3 holds infinity"):
        list(open_reader(tmp_path / "clip.tif"))
