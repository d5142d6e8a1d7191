import numpy as np
import pytest
from io_samples import copy

from f2r.errors import InputError
from f2r.io import default_output, open_reader, open_writer
from f2r.io.array import ArrayReader, ArrayWriter

SHAPES = [(5, 6, 7), (5, 6, 7, 1), (5, 6, 7, 3), (5, 6, 7, 4)]


def random_clip(shape, dtype):
    generator = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return (generator.normal(0.5, 1, shape)).astype(dtype)
    return generator.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_unchanged_array_comes_back_identical(tmp_path, shape, dtype):
    path = tmp_path / "clip.npy"
    clip = random_clip(shape, dtype)
    np.save(path, clip)
    reader = open_reader(path)
    copy(reader, open_writer(default_output(path), reader.info))
    back = np.load(tmp_path / "clip.f2r.npy")
    assert back.dtype == dtype
    assert np.array_equal(back, clip)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.f2r.npy", "clip.npy"]


def test_frames_are_nominal_and_channels_last(tmp_path):
    path = tmp_path / "clip.npy"
    np.save(path, np.full((2, 3, 4), 51, np.uint8))
    reader = open_reader(path)
    first = next(iter(reader))
    assert first.shape == (3, 4, 1)
    assert first.dtype == np.float32
    assert np.allclose(first, 0.2)
    assert (reader.info.frames, reader.info.bit_depth, reader.info.is_colour) == (2, 8, False)


def test_every_16_bit_value_survives_the_trip_through_nominal_float(tmp_path):
    path = tmp_path / "clip.npy"
    clip = np.arange(65536, dtype=np.uint16).reshape(1, 256, 256)
    np.save(path, clip)
    reader = open_reader(path)
    copy(reader, open_writer(tmp_path / "out.npy", reader.info))
    assert np.array_equal(np.load(tmp_path / "out.npy"), clip)


def test_float_is_not_clipped_and_integers_are_rounded_and_clipped():
    reader = ArrayReader(np.array([[[-0.5, 1.5]]], np.float32))
    writer = ArrayWriter(reader.info)
    assert np.array_equal(copy(reader, writer)[..., 0], [[[-0.5, 1.5]]])
    assert np.array_equal(writer.array, [[[-0.5, 1.5]]])


def test_values_beyond_the_range_are_clipped_in_integers(tmp_path):
    path = tmp_path / "clip.npy"
    np.save(path, np.zeros((1, 1, 4), np.uint8))
    with open_writer(tmp_path / "out.npy", open_reader(path).info) as writer:
        writer.write(np.array([-1, 0.5, 0.502, 2], np.float32).reshape(1, 4, 1))
    assert np.load(tmp_path / "out.npy").tolist() == [[[0, 128, 128, 255]]]


def test_reading_starts_again_with_each_iterator():
    reader = ArrayReader(random_clip((4, 5, 6), np.uint8))
    first, second = iter(reader), iter(reader)
    next(first)
    next(first)
    assert np.array_equal(next(second), next(iter(reader)))


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ">u2", ">f4"])
def test_other_types_become_the_nearest_supported(tmp_path, dtype):
    path = tmp_path / "clip.npy"
    clip = random_clip((3, 4, 5), np.uint8).astype(dtype)
    np.save(path, clip)
    scale = 65535 if dtype == ">u2" else 1
    assert np.allclose(np.stack(list(open_reader(path)))[..., 0], clip.astype(float) / scale)
    assert bool(open_reader(path).info.source.unread) == (dtype == np.float64)


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        (np.zeros((4, 5)), "axes"),
        (np.zeros((2, 2, 2, 2, 2)), "axes"),
        (np.zeros((0, 5, 6)), "no frames"),
        (np.zeros((2, 0, 6)), "nothing to denoise"),
        (np.zeros((2, 3, 40, 50), np.float32), "channels last"),
        (np.zeros((2, 5, 6), np.int32), "not supported"),
        (np.zeros((2, 5, 6), bool), "not supported"),
        (np.zeros((2, 5, 6), complex), "not supported"),
        (np.array([[["text"]]]), "not supported"),
        (np.array([None, {}], object), "not a complete"),
    ],
)
def test_unusable_arrays_are_refused_in_one_line(tmp_path, clip, words):
    path = tmp_path / "clip.npy"
    np.save(path, clip)
    with pytest.raises(InputError, match=words) as caught:
        open_reader(path)
    assert "\n" not in str(caught.value)


def test_infinity_is_refused_with_its_frame(tmp_path):
    path = tmp_path / "clip.npy"
    clip = np.zeros((3, 4, 5), np.float32)
    clip[1, 2, 3] = np.inf
    np.save(path, clip)
    with pytest.raises(InputError, match="frame 2 holds infinity"):
        list(open_reader(path))


def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path):
    path = tmp_path / "clip.npy"
    np.save(path, np.zeros((2, 4, 5), np.uint8))
    data = path.read_bytes()
    promise = b"(100000, 1080, 1920), }"
    cases = {
        "a longer clip": data.replace(b"(2, 4, 5), }".ljust(len(promise)), promise),
        "cut short": data[:-10],
        "cut in the header": data[:70],
        "broken header": data.replace(b"(2, 4, 5), }", b"(2, 4, 5{{  "),
    }
    for changed in cases.values():
        path.write_bytes(changed)
        with pytest.raises(InputError, match="complete"):
            open_reader(path)


def test_huge_frames_are_refused_before_they_are_allocated(tmp_path):
    path = tmp_path / "clip.npy"
    with path.open("wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": (1, 60000, 60000)}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.truncate(stream.tell() + 60000 * 60000)  # sparse
    with pytest.raises(InputError, match="more than F2R accepts"):
        open_reader(path)
