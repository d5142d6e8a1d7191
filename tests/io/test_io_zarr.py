"""OME-Zarr in and out; skipped where the extra is not installed."""

import json
import os

import numpy as np
import pytest
from io_samples import copy

from f2r.errors import InputError
from f2r.io import default_output, open_reader, open_writer
from f2r.io.array import ArrayReader
from f2r.io.unpacked import bound_zstd

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


IMAGE = np.arange(6 * 32 * 32, dtype=np.uint16).reshape(6, 32, 32) % 997
ZARR_2 = ("Blosc", "Zstd", "GZip", "Zlib", "BZ2", "LZMA", "LZ4")
ZARR_3 = ("BloscCodec", "ZstdCodec", "GzipCodec")
SHARDED = ("BloscCodec", "ZstdCodec", "GzipCodec", "numcodecs.LZ4", "numcodecs.BZ2")


def compressor(name):
    if name.startswith("numcodecs."):
        from zarr.codecs import numcodecs as wrapped

        return getattr(wrapped, name.removeprefix("numcodecs."))()
    import numcodecs

    return getattr(zarr.codecs if name.endswith("Codec") else numcodecs, name)()


def write_packed(path, name, zarr_format=3, **how):
    """Write an image of two frames a file, packed by a compressor."""
    write_image(path, IMAGE, "tyx", zarr_format)
    group = zarr.open_group(str(path), mode="a")
    del group["0"]
    chunks = {"chunks": (1, 16, 32), "shards": (2, 32, 32)} if how.get("sharded") else {}
    kept = {"filters": how["filters"]} if "filters" in how else {}
    packed = compressor(name)
    made = group.create_array(
        "0",
        shape=IMAGE.shape,
        dtype=IMAGE.dtype,
        compressors=[packed, *how.get("after", ())] if zarr_format == 3 else packed,
        **({"chunks": (2, 32, 32)} | chunks | kept),
    )
    made[...] = IMAGE
    return path


def files_of(path):
    return sorted(p for p in (path / "0").rglob("*") if p.is_file() and p.name[0] not in ".z")


def put_piece(file, data, sharded):
    """Put other bytes in place of a chunk; in a shard, in place of the last one."""
    if not sharded:
        file.write_bytes(data)
        return
    whole = bytearray(file.read_bytes())
    at = len(whole) - 4 - 16
    whole[at : at + 16] = np.array([0, len(data)], "<u8").tobytes()
    file.write_bytes(data + whole[len(data) :] if len(data) <= at else data + whole[-68:])


def last_piece(file, sharded):
    data = file.read_bytes()
    if not sharded:
        return data
    start, size = np.frombuffer(data[-20:-4], "<u8").astype(int)
    return data[start : start + size]


KINDS = (
    *((name, 2, False) for name in ZARR_2),
    *((name, 3, False) for name in ZARR_3),
    *((name, 3, True) for name in SHARDED),
)
kinds = pytest.mark.parametrize(("name", "zarr_format", "sharded"), KINDS)


@kinds
def test_images_of_every_compressor_are_read(tmp_path, name, zarr_format, sharded):
    path = write_packed(tmp_path / "a.zarr", name, zarr_format, sharded=sharded)
    reader = open_reader(path)
    found = np.stack([frame[..., 0] for frame in reader]) * reader.info.scale
    assert np.array_equal(found.round().astype(np.uint16), IMAGE)


def test_filters_and_checksums_do_not_look_like_damage(tmp_path):
    import numcodecs

    filters = [numcodecs.AsType(encode_dtype="<u4", decode_dtype="<u2")]
    filtered = write_packed(tmp_path / "a.zarr", "Blosc", 2, filters=filters)
    summed = write_packed(tmp_path / "b.zarr", "BloscCodec", after=[zarr.codecs.Crc32cCodec()])
    for path in (filtered, summed):
        reader = open_reader(path)
        found = np.stack([frame[..., 0] for frame in reader]) * reader.info.scale
        assert np.array_equal(found.round().astype(np.uint16), IMAGE)


@kinds
def test_a_chunk_that_unpacks_to_too_much_is_refused_before(tmp_path, name, zarr_format, sharded):
    path = write_packed(tmp_path / "a.zarr", name, zarr_format, sharded=sharded)
    file, bare = files_of(path)[-1], name.removesuffix("Codec").removeprefix("numcodecs.")
    bomb = bytes(compressor({"Gzip": "GZip"}.get(bare, bare)).encode(bytes(66 * 2**20)))
    put_piece(file, bomb, sharded)
    with pytest.raises(InputError, match="chunk is damaged"):
        list(open_reader(path))


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("place", [4, 12])
def test_a_chunk_that_lies_about_its_size_is_refused_before(tmp_path, place, sharded):
    path = write_packed(tmp_path / "a.zarr", "BloscCodec", 3, sharded=sharded)
    for file in files_of(path):
        data = bytearray(last_piece(file, sharded))
        data[place + 2] = 0xFF
        put_piece(file, bytes(data), sharded)
    with pytest.raises(InputError, match="chunk is damaged"):
        list(open_reader(path))


def test_frames_without_end_in_one_zstd_chunk_are_counted():
    import numcodecs

    frame = bytes(numcodecs.Zstd().encode(bytes(2**20)))
    skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    assert 2**20 <= bound_zstd(frame, 2**30) <= 2**20 + 2**17
    assert 3 * 2**20 <= bound_zstd(skipped + 3 * frame, 2**30) <= 3 * (2**20 + 2**17)
    assert bound_zstd(frame[:4] + b"\xe0" + b"\xff" * 8, 2**30) > 2**60  # a size without blocks


def test_shards_that_cannot_be_checked_are_refused(tmp_path):
    path = write_packed(tmp_path / "a.zarr", "BloscCodec", sharded=True)
    said = path / "0" / "zarr.json"
    text = said.read_text()
    for change in (
        lambda c: c["configuration"]["index_codecs"].insert(0, {"name": "gzip"}),
        lambda c: c["configuration"]["codecs"].append(
            {"name": "gzip", "configuration": {"level": 1}}
        ),
    ):
        metadata = json.loads(text)
        change(metadata["codecs"][0])
        said.write_text(json.dumps(metadata))
        with pytest.raises(InputError, match=r"not supported|cannot be read"):
            open_reader(path)
    said.write_text(text)
    file = files_of(path)[0]
    file.write_bytes(file.read_bytes()[:30])
    with pytest.raises(InputError, match="cut short"):
        list(open_reader(path))


@pytest.mark.parametrize("sharded", [False, True])
def test_a_pipe_in_place_of_a_chunk_is_refused(tmp_path, sharded):
    path = write_packed(tmp_path / "a.zarr", "BloscCodec", sharded=sharded)
    file = files_of(path)[-1]
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(InputError, match="is no file"):
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
