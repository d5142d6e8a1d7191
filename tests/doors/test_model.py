"""Fit once, use often: the same frames by every way, and a file that is refused when damaged."""

from itertools import count, islice

import numpy as np
import pytest
import torch

import f2r
from f2r.cli.main import main
from synthetic import moving_clip

SIGMA = 0.1
OPTIONS = {"sigma": SIGMA, "preset": "fast"}


def noisy_clip(frames=8, height=48, width=64):
    clean = moving_clip(frames, height, width).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    return clean, clean + np.float32(SIGMA) * noise


@pytest.fixture(scope="module")
def noisy():
    return noisy_clip()[1]


@pytest.fixture(scope="module")
def model(noisy):
    """A model whose weights training has changed."""
    return f2r.fit(noisy, sigma=SIGMA, steps=2)


@pytest.fixture
def file(model, tmp_path):
    model.save(tmp_path / "night.f2r")
    return tmp_path / "night.f2r"


def test_fit_and_denoise_is_denoise(noisy, model):
    both = f2r.denoise(noisy, sigma=SIGMA, steps=2)
    assert np.array_equal(model.denoise(noisy), both.frames)
    assert model.sigma == both.sigma == pytest.approx(SIGMA)
    assert model.report["training"]["temporal_steps"] == 2
    assert [noise.describe() for noise in model.noise] == ["Gaussian noise, sd 25.50 of 255"]


def test_a_generator_gives_the_frames_of_the_array(noisy, model):
    frames = list(model.denoise(iter(torch.from_numpy(noisy))))
    assert np.array_equal(np.stack(frames), model.denoise(noisy))


def test_a_generator_without_end_is_read_through_a_bounded_window(noisy, model):
    taken = count()
    endless = (noisy[next(taken) % len(noisy)] for _ in iter(int, 1))
    assert len(list(islice(model.denoise(endless), 12))) == 12
    assert next(taken) < 12 + 8


def test_another_clip_of_the_camera_is_denoised(model):
    clean, noisy = noisy_clip(4, 40, 56)
    assert np.square(model.denoise(noisy) - clean).mean() < np.square(noisy - clean).mean() / 8


def test_grey_integers_keep_their_layout_and_nan_its_place(noisy):
    grey = noisy[..., 0].copy()
    model = f2r.fit(grey, **OPTIONS)
    assert model.denoise((255 * grey.clip(0, 1)).astype(np.uint8)).shape == grey.shape
    grey[2, 3:6, 3:6] = np.nan
    assert np.array_equal(np.isnan(model.denoise(grey)), np.isnan(grey))
    assert np.array_equal(np.isnan(np.stack(list(model.denoise(iter(grey))))), np.isnan(grey))


def test_a_saved_model_gives_the_same_frames(noisy, model, file):
    loaded = f2r.load(file)
    assert np.array_equal(loaded.denoise(noisy), model.denoise(noisy))
    assert loaded.report == model.report
    assert loaded.sigma == model.sigma


def test_repairs_are_kept(noisy, tmp_path):
    spoiled = noisy.copy()
    spoiled[:, 7, 9] = 1.5
    model = f2r.fit(spoiled, hot_pixels="remove", **OPTIONS)
    assert model.report["repaired"]["hot_pixels"] == 1
    model.save(tmp_path / "m.f2r")
    assert np.array_equal(f2r.load(tmp_path / "m.f2r").denoise(spoiled), model.denoise(spoiled))
    assert model.denoise(spoiled)[3, 7, 9].max() < 1.2
    with pytest.raises(f2r.InputError, match="repairs"):
        model.denoise(spoiled[:, :40])


def test_a_file_is_replaced_only_on_request(model, file):
    with pytest.raises(f2r.InputError, match="exists"):
        model.save(file)
    model.save(file, overwrite=True)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.999])
def test_a_changed_byte_is_found(file, place):
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1
    file.write_bytes(content)
    with pytest.raises(f2r.InputError, match="checksum"):
        f2r.load(file)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: content[: len(content) // 2], "cannot be read"),
        (lambda _: b"", "cannot be read"),
        (lambda _: b"\xff" * 100, "cannot be read"),
        (lambda content: content.replace(b'"version":"1"', b'"version":"9"', 1), "version 9"),
        (lambda content: content.replace(b"f2r-model", b"f2r-madel", 1), "no fitted model"),
    ],
)
def test_files_that_are_no_model_are_refused_in_one_line(file, damage, words):
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(f2r.InputError, match=words) as refused:
        f2r.load(file)
    assert "\n" not in str(refused.value)
    assert str(file) in str(refused.value)


def test_missing_files_and_other_clips_are_refused_in_one_line(model, noisy, tmp_path):
    with pytest.raises(f2r.InputError, match="no such model"):
        f2r.load(tmp_path / "none.f2r")
    with pytest.raises(f2r.InputError, match="1 channels, the model was fitted to 3"):
        model.denoise(noisy[..., 0])
    with pytest.raises(f2r.InputError, match="there are none"):
        model.denoise(iter([]))
    with pytest.raises(f2r.InputError, match="number 2"):
        list(model.denoise(iter([noisy[0], noisy[1, :40]])))


def test_a_file_of_counts_keeps_its_units(noisy, tmp_path):
    counts = (4000 * noisy[..., 0]).astype(np.float32)
    np.save(tmp_path / "counts.npy", counts)
    model = f2r.fit(tmp_path / "counts.npy", preset="fast")
    assert model.subject.units == 4096
    assert abs(model.denoise(counts).mean() - counts.mean()) < 40


def blur(frames, sigma):
    assert frames.shape == sigma.shape
    assert not torch.is_grad_enabled()
    return torch.nn.functional.avg_pool2d(frames, 3, 1, 1, count_include_pad=False)


def test_a_function_can_be_the_prior(noisy, tmp_path):
    model = f2r.fit(noisy, prior=blur, sigma=SIGMA, steps=1)
    shown = f2r.denoise(noisy, prior=blur, **OPTIONS).prior
    padded = torch.from_numpy(noisy).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = blur(padded, padded).permute(0, 2, 3, 1).numpy()
    assert np.allclose(shown, expected, atol=1e-5)
    model.save(tmp_path / "own.f2r")
    with pytest.raises(f2r.InputError, match="prior of the user's own"):
        f2r.load(tmp_path / "own.f2r")
    loaded = f2r.load(tmp_path / "own.f2r", prior=blur)
    assert np.array_equal(loaded.denoise(noisy), model.denoise(noisy))


@pytest.mark.parametrize("wrong", [lambda f, _: f[:, :1], lambda *_: None, lambda f, _: f / 0])
def test_a_prior_that_returns_something_else_is_refused(noisy, wrong):
    with pytest.raises(f2r.InputError, match="prior: returned"):
        f2r.fit(noisy, prior=wrong, **OPTIONS)


def test_the_command_line_fits_the_same_model(noisy, tmp_path, capsys):
    np.save(tmp_path / "clip.npy", noisy)
    name = str(tmp_path / "clip.f2r")
    command = ["fit", str(tmp_path / "clip.npy"), "-o", name, "--preset", "fast", "--sigma", "25.5"]
    assert main(command) == 0
    expected = f2r.denoise(noisy, sigma=SIGMA, preset="fast").frames
    assert np.array_equal(f2r.load(name).denoise(noisy), expected)
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
