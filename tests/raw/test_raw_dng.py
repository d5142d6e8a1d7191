"""Camera files: what rawpy reads of a DNG is what went in; odd ones are refused in one line."""

import numpy as np
import pytest
from raw_samples import LEVELS, camera_clip, write_dngs, write_odd_dng

from f2r.cli.main import main
from f2r.errors import InputError
from f2r.io import open_reader, open_writer
from f2r.io.raw.colour import camera_to_srgb
from f2r.io.raw.mosaic import PATTERNS, Mosaic
from f2r.isp.inverse import XYZ_TO_CAMERA
from f2r.run.given_noise import noise_profile

pytest.importorskip("rawpy")


def camera(pattern="RGGB", **changes):
    matrix = camera_to_srgb(np.array(XYZ_TO_CAMERA[1]))
    options = LEVELS | {"white_balance": (2.0, 1.6), "matrix": matrix, "iso": 3200} | changes
    return Mosaic(pattern, **options)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_dng_is_read_with_its_pattern_levels_and_colours(tmp_path, pattern):
    mosaic = camera(pattern, black=(240.0, 241.0, 243.0, 250.0), orientation=6)
    clip = camera_clip(pattern)
    with open_reader(write_dngs(tmp_path / "in", clip, mosaic)) as reader:
        found, frames = reader.info.mosaic, list(reader)
    assert (found.pattern, found.black, found.white) == (pattern, mosaic.black, 4095.0)
    assert (found.iso, found.orientation) == (3200, 6)
    assert found.white_balance == pytest.approx((2.0, 1.6), abs=1e-4)
    assert np.allclose(found.matrix, mosaic.matrix, atol=1e-4)
    for frame, samples in zip(frames, clip, strict=True):
        assert np.array_equal(np.rint(found.to_samples(frame)), samples)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_grey_card_is_rendered_grey(tmp_path, pattern):
    light = np.array((0.3 / 2.0, 0.3, 0.3, 0.3 / 1.6), np.float32)  # what 2.0 and 1.6 balance
    mosaic = camera(pattern)
    card = np.rint(mosaic.to_samples(np.tile(light, (24, 32, 1)))).astype(np.uint16)
    folder = write_dngs(tmp_path / "card", [card], mosaic)
    assert main(["render", str(folder), "-o", str(tmp_path / "card.npy")]) == 0
    shown = np.load(tmp_path / "card.npy")[0].reshape(-1, 3) / 255
    assert abs(shown - shown.mean()).max() < 0.01


def test_dngs_come_back_as_dngs_with_every_sample(tmp_path):
    mosaic = camera("GRBG", orientation=8)
    clip = camera_clip("GRBG")
    reader = open_reader(write_dngs(tmp_path / "in", clip, mosaic))
    with open_writer(tmp_path / "out", reader.info) as writer:
        for frame in reader:
            writer.write(frame)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"shot_{i}.dng" for i in range(3)
    ]
    with open_reader(tmp_path / "out") as again:
        assert again.info.mosaic.orientation == 8
        assert again.info.mosaic.white_balance == pytest.approx((2.0, 1.6), abs=1e-4)
        frames = [again.info.mosaic.to_samples(frame) for frame in again]
    assert np.array_equal(np.rint(frames), clip)


def test_a_noise_profile_is_read(tmp_path):
    samples = camera_clip("RGGB", frames=1)[0]
    bare = write_odd_dng(tmp_path / "bare.dng", samples, 32803, [0, 1, 1, 2])
    with pytest.raises(InputError, match="holds no noise profile"):
        noise_profile(open_reader(bare).info)
    profile = (51041, 12, 6, (0.002, 1e-5, 0.001, 1e-5, 0.003, 1e-5), True)
    path = write_odd_dng(tmp_path / "it.dng", samples, 32803, [0, 1, 1, 2], more=[profile])
    noise = noise_profile(open_reader(path).info)
    assert noise.gain == pytest.approx(0.002)
    assert noise.read == pytest.approx(1e-5**0.5)


def test_x_trans_and_linear_dngs_are_refused(tmp_path, capsys):
    samples = np.full((48, 48), 1000, np.uint16)
    x_trans = [1, 2, 1, 1, 0, 1, 0, 1, 0, 2, 1, 2, 1, 2, 1, 1, 0, 1] * 2
    path = write_odd_dng(tmp_path / "x.dng", samples, 32803, x_trans, (6, 6))
    assert main(["denoise", str(path)]) == 2
    assert "only Bayer patterns" in capsys.readouterr().err
    linear = np.full((48, 48, 3), 1000, np.uint16)
    path = write_odd_dng(tmp_path / "linear.dng", linear, 34892)
    assert main(["denoise", str(path)]) == 2
    assert "linear DNG" in capsys.readouterr().err


def test_mixed_iso_size_and_levels_are_refused(tmp_path):
    clip = camera_clip("RGGB")
    for name, changes, message in (
        ("iso", {"iso": 6400}, "was shot at ISO 6400"),
        ("white", {"white": 3000.0}, "another pattern, black or white level"),
    ):
        folder = write_dngs(tmp_path / name, clip[:1], camera())
        other = write_dngs(tmp_path / f"{name}_other", clip[:1], camera(**changes))
        (other / "shot_0.dng").rename(folder / "shot_1.dng")
        with pytest.raises(InputError, match=message):
            list(open_reader(folder))


@pytest.mark.parametrize("content", [b"", b"II*\0", b"no raw file at all" * 50])
def test_damaged_files_are_refused(tmp_path, content):
    path = tmp_path / "shot.dng"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"shot\.dng: cannot be read .* copy it again"):
        open_reader(path)


def test_a_folder_is_read_from_any_frame_on(tmp_path):
    with open_reader(write_dngs(tmp_path / "in", camera_clip("RGGB"), camera())) as reader:
        whole = list(reader)
        for start in range(5):
            rest = list(reader.starting_at(start))
            assert len(rest) == max(3 - start, 0)
            assert all(map(np.array_equal, rest, whole[start:]))
            assert reader.entry_before(start) == start
