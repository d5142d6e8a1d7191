"""TIFF stacks whose pages lie in other files: read from beside them, refused from elsewhere."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile

from f2r.errors import InputError
from f2r.io import open_reader


def write_multi_file_ome(folder, other):
    planes = np.arange(4 * 32 * 32, dtype=np.uint16).reshape(4, 32, 32)
    uuids = ["urn:uuid:00000000-0000-0000-0000-00000000000" + digit for digit in "12"]
    names = ["a.ome.tif", other]
    data = "".join(
        f'<TiffData FirstT="{t}" FirstZ="0" FirstC="0" IFD="{t % 2}" PlaneCount="1">'
        f'<UUID FileName="{names[t // 2]}">{uuids[t // 2]}</UUID></TiffData>'
        for t in range(4)
    )
    for k, name in enumerate(("a.ome.tif", Path(other).name)):
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuids[k]}">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            'SizeX="32" SizeY="32" SizeZ="1" SizeC="1" SizeT="4">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
        )
        with tifffile.TiffWriter(folder / name, ome=False) as tif:
            for t in (0, 1):
                said = {"description": text} if t == 0 else {}
                tif.write(planes[2 * k + t], metadata=None, photometric="minisblack", **said)
    return folder / "a.ome.tif", planes


def test_pages_of_other_files_are_read_from_beside_and_said(tmp_path):
    path, planes = write_multi_file_ome(tmp_path, "b.ome.tif")
    reader = open_reader(path)
    assert any("b.ome.tif" in doubt for doubt in reader.info.source.doubts)
    frames = np.stack(list(reader))[..., 0]
    assert np.array_equal(np.rint(frames * reader.info.scale), planes)


@pytest.mark.parametrize("other", ["../b.ome.tif", "/tmp/b.ome.tif", "sub\\b.ome.tif"])
def test_pages_of_files_elsewhere_are_refused(tmp_path, other):
    path, _ = write_multi_file_ome(tmp_path, other)
    with pytest.raises(InputError, match="does not lie beside it"):
        open_reader(path)


def test_a_name_that_only_the_xml_parser_sees_is_refused(tmp_path):
    path, _ = write_multi_file_ome(tmp_path, "b.ome.tif")
    data = path.read_bytes()
    entity = b'<!DOCTYPE OME [<!ENTITY up "../b.ome.tif">]>'
    text = data[data.index(b"<?xml") : data.index(b"</OME>") + 6]
    named = text.replace(b'"b.ome.tif"', b'"&up;"').replace(b"?>", b"?>" + entity, 1)
    with tifffile.TiffWriter(path, ome=False) as tif:
        for t in (0, 1):
            said = {"description": named} if t == 0 else {}
            tif.write(np.zeros((32, 32), np.uint16), metadata=None, **said)
    with pytest.raises(InputError, match="does not lie beside it"):
        open_reader(path)


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_page_behind_a_link_or_a_pipe_is_refused(tmp_path, kind):
    (tmp_path / "in").mkdir()
    path, _ = write_multi_file_ome(tmp_path / "in", "b.ome.tif")
    (tmp_path / "in" / "b.ome.tif").rename(tmp_path / "private.tif")
    if kind == "link":
        (tmp_path / "in" / "b.ome.tif").symlink_to(tmp_path / "private.tif")
    else:
        os.mkfifo(tmp_path / "in" / "b.ome.tif")
    with pytest.raises(InputError, match="does not lie beside it"):
        open_reader(path)


def test_a_stack_that_is_reached_by_links_is_read(tmp_path):
    for folder in ("in", "links"):
        (tmp_path / folder).mkdir()
    path, planes = write_multi_file_ome(tmp_path / "in", "b.ome.tif")
    for file in (tmp_path / "in").iterdir():
        (tmp_path / "links" / file.name).symlink_to(file)
    assert len(list(open_reader(tmp_path / "links" / path.name))) == len(planes)


def write_ndtiff(path, pixels):
    """Write the simplest NDTiff: header and summary of Micro-Manager, pixels, one directory."""
    head = struct.pack("<IIIIII", 483729, 3, 0, 2355492, 2, 0)[:20] + b"{}"
    height, width = pixels.shape
    start = 8 + len(head)
    tags = {256: width, 257: height, 258: 16, 259: 1, 262: 1, 273: start, 277: 1, 278: height}
    tags |= {279: pixels.nbytes}
    ifd = struct.pack("<H", len(tags) + 1)
    ifd += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    ifd += struct.pack("<HHII", 51123, 2, 2, start - 2)
    place = start + pixels.nbytes
    header = b"II*\0" + struct.pack("<I", place)
    path.write_bytes(header + head + pixels.tobytes() + ifd + struct.pack("<I", 0))
    return start


@pytest.mark.parametrize("named", ["../private.tif", "b.tif"])
def test_an_index_of_micro_manager_pulls_no_other_files(tmp_path, named):
    (tmp_path / "in").mkdir()
    pixels = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
    start = write_ndtiff(tmp_path / "private.tif", pixels)
    write_ndtiff(tmp_path / "in" / "a.tif", pixels)
    (tmp_path / "in" / "b.tif").symlink_to(tmp_path / "private.tif")
    index = b""
    for time, name in enumerate(("a.tif", named)):
        axes, place = json.dumps({"time": time}).encode(), name.encode()
        index += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(place)) + place
        index += struct.pack("<IiiiiIii", start, 32, 32, 1, 0, 0, 0, 0)
    (tmp_path / "in" / "NDTiff.index").write_bytes(index)
    with tifffile.TiffFile(tmp_path / "in" / "a.tif") as tif:
        assert tif.series[0].shape == (2, 32, 32)  # tifffile alone takes the page
    with pytest.raises(InputError, match="does not lie beside it"):
        open_reader(tmp_path / "in" / "a.tif")


def test_a_pipe_as_index_does_not_hang(tmp_path):
    write_ndtiff(tmp_path / "a.tif", np.zeros((32, 32), np.uint16))
    os.mkfifo(tmp_path / "NDTiff.index")
    with pytest.raises(InputError, match="is no file"):
        open_reader(tmp_path / "a.tif")
