"""OME-Zarr in and out; skipped where the extra is not installed."""

import json

import numpy as np
import pytest
from io_samples import copy

from f2r.errors import InputError
from f2r.io import default_output, open_reader, open_writer
from f2r.io.array import ArrayReader

zarr = pytest.importorskip("zarr")


def write_image(path, array, axes, zarr_format=3):
    image = {
        "axes": [{"name": name, "type": "space" if name in "zyx" else "other"} for name in axes],
        "datasets": [
            {
                "path": f"{k}",
                "coordinateTransformations": [{"type": "scale", "scale": [0.5 + k] * len(axes)}],
            }
            for k in range(2)
        ],
    }
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    version = {2: "0.4", 3: "0.5"}[zarr_format]
    metadata = {"multiscales": [image | ({"version": version} if zarr_format == 2 else {})]}
    if zarr_format == 3:
        metadata = {"ome": {"version": version, **metadata}}
    group.attrs.update(metadata)
    for k in range(2):
        part = array[..., :: k + 1, :: k + 1]
        made = group.create_array(str(k), shape=part.shape, chunks=part.shape, dtype=part.dtype)
        made[...] = part
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    ("axes", "shape", "frames"),
    [("tyx", (5, 12, 16), 5), ("tczyx", (3, 2, 2, 12, 16), 3), ("czyx", (2, 4, 12, 16), 4)],
)
def test_an_image_comes_back_with_axes_and_metadata(
    tmp_path, axes, shape, frames, dtype, zarr_format
):
    array = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    path = write_image(tmp_path / "a.ome.zarr", array, axes, zarr_format)
    reader = open_reader(path)
    assert (reader.info.frames, reader.info.height, reader.info.width) == (frames, 12, 16)
    output = default_output(path)
    assert output.name == "a.f2r.ome.zarr"
    writer = open_writer(output, reader.info)
    assert writer.losses == ("1 coarser resolutions are left out.",)
    copy(reader, writer)
    before, after = zarr.open_group(str(path), mode="r"), zarr.open_group(str(output), mode="r")
    assert np.array_equal(before["0"][...], after["0"][...])
    assert after["0"].dtype == before["0"].dtype
    images = [dict(g.attrs.get("ome", g.attrs))["multiscales"][0] for g in (before, after)]
    assert images[1]["axes"] == images[0]["axes"]
    assert images[1]["datasets"] == images[0]["datasets"][:1]


def test_a_clip_from_elsewhere_becomes_an_image(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (4, 10, 12, 3), dtype=np.uint8)
    reader = ArrayReader(array)
    copy(reader, open_writer(tmp_path / "b.zarr", reader.info))
    back = open_reader(tmp_path / "b.zarr")
    assert np.array_equal(np.stack(list(back)), np.stack(list(reader)))
    assert [p.name for p in tmp_path.iterdir()] == ["b.zarr"]


def test_what_is_no_image_is_refused(tmp_path):
    zarr.open_group(str(tmp_path / "c.zarr"), mode="w")
    with pytest.raises(InputError, match="is no OME-Zarr image"):
        open_reader(tmp_path / "c.zarr")
    write_image(tmp_path / "d.zarr", np.zeros((3, 4, 5), np.uint8), "yxt")
    with pytest.raises(InputError, match="axes yxt"):
        open_reader(tmp_path / "d.zarr")
    (tmp_path / "e.zarr").mkdir()
    (tmp_path / "e.zarr" / "mine.txt").write_text("keep")
    info = ArrayReader(np.zeros((1, 8, 8), np.uint8)).info
    with pytest.raises(InputError, match="not replaced"):
        open_writer(tmp_path / "e.zarr", info, overwrite=True)
    assert (tmp_path / "e.zarr" / "mine.txt").exists()


@pytest.mark.parametrize("place", [4, 12])
def test_a_chunk_that_lies_about_its_size_is_refused_before_it_is_unpacked(tmp_path, place):
    array = np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32)
    path = write_image(tmp_path / "a.zarr", array, "tyx", zarr_format=2)
    chunk = next(p for p in sorted((path / "0").rglob("*")) if p.is_file() and p.name[0] != ".")
    data = bytearray(chunk.read_bytes())
    data[place + 2] = 0xFF
    chunk.write_bytes(data)
    with pytest.raises(InputError, match="chunk is damaged"):
        list(open_reader(path))


def test_chunks_of_more_than_a_gibibyte_are_refused(tmp_path):
    path = write_image(tmp_path / "a.zarr", np.zeros((2, 32, 32), np.uint16), "tyx")
    said = path / "0" / "zarr.json"
    text = said.read_text()
    metadata = json.loads(text)
    metadata["shape"] = [10**6, 32, 32]
    metadata["chunk_grid"]["configuration"]["chunk_shape"] = [10**6, 32, 32]
    said.write_text(json.dumps(metadata))
    with pytest.raises(InputError, match="too large"):
        open_reader(path)
