"""The filter of VapourSynth gives the frames of the model, in whatever order they are asked for."""

import numpy as np
import pytest

import f2r
from synthetic import moving_clip

vs = pytest.importorskip("vapoursynth", reason="needs VapourSynth, whose wheel needs Python 3.12")

from f2r.vapoursynth import denoise  # noqa: E402
from f2r.vapoursynth.formats import layout_of, read_frame, write_frame  # noqa: E402

SIGMA, COUNT = 0.08, 20


@pytest.fixture(scope="module")
def frames():
    clean = moving_clip(COUNT, 32, 40, speed=1).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    return clean + np.float32(SIGMA) * noise


@pytest.fixture(scope="module")
def model(frames):
    return f2r.fit(frames, preset="fast", sigma=SIGMA)


def rgb(frames):
    """Make an RGBS clip of frames."""
    blank = vs.core.std.BlankClip(
        width=frames.shape[2], height=frames.shape[1], format=vs.RGBS, length=len(frames)
    )

    def fill(n, f):
        made = f.copy()
        for k in range(3):
            np.copyto(np.asarray(made[k]), frames[n, ..., k])
        return made

    return vs.core.std.ModifyFrame(blank, clips=blank, selector=fill)


def seen(clip, numbers):
    layout = layout_of(clip)
    return np.stack([read_frame(clip.get_frame(n), layout) for n in numbers])


def test_frames_in_order_are_those_of_the_model(frames, model):
    made = denoise(rgb(frames), model)
    assert np.array_equal(seen(made, range(COUNT)), model.denoise(frames))


def test_frames_out_of_order_are_the_same(frames, model):
    expected = model.denoise(frames)
    for order in ([16, 3, 4, 2, 19, 0], [10]):
        made = denoise(rgb(frames), model)
        assert np.array_equal(seen(made, order), expected[order])


def test_frames_asked_for_at_once_are_the_same(frames, model):
    made = denoise(rgb(frames), model)
    layout = layout_of(made)
    found = [read_frame(picture, layout) for picture in made.frames(prefetch=6)]
    assert np.array_equal(np.stack(found), model.denoise(frames))


@pytest.mark.parametrize("name", ["YUV420P8", "YUV420P10", "YUV420P16", "RGB24", "GRAY16"])
def test_formats_of_integers_are_kept(frames, name):
    made = vs.core.resize.Bicubic(rgb(frames[:6]), format=getattr(vs, name), **matrix_of(name))
    noisy, layout = seen(made, range(6)), layout_of(made)
    given = noisy[..., 0] if noisy.shape[3] == 1 else noisy
    model = f2r.fit(given, preset="fast", sigma=SIGMA)
    clean = denoise(made, model)
    assert (clean.format.id, len(clean)) == (made.format.id, 6)
    assert 0.01 < np.abs(seen(clean, range(6)) - noisy).mean() < 0.1
    for n, frame in enumerate(model.denoise(given).reshape(noisy.shape)):
        expected, found = made.get_frame(n).copy(), clean.get_frame(n)
        write_frame(frame, expected, layout)
        for k in range(made.format.num_planes):
            assert np.array_equal(np.asarray(found[k]), np.asarray(expected[k]))


def matrix_of(name):
    return {} if name.startswith("RGB") else {"matrix_s": "709"}


def test_a_file_of_a_model_and_a_range_of_the_clip_will_do(frames, model, tmp_path):
    model.save(tmp_path / "m.f2r")
    by_file = denoise(rgb(frames), str(tmp_path / "m.f2r"))
    by_range = denoise(rgb(frames), frames=(2, 12), preset="fast", sigma=SIGMA)
    expected = model.denoise(frames)[:3]
    assert np.array_equal(seen(by_file, range(3)), expected)
    assert np.abs(seen(by_range, range(3)) - expected).mean() < 0.01


def test_bad_clips_and_options_are_refused_in_one_line(frames, model):
    half = vs.core.resize.Bicubic(rgb(frames), format=vs.RGBH)
    with pytest.raises(f2r.InputError, match="RGBH is not supported"):
        denoise(half, model)
    grey = vs.core.resize.Bicubic(rgb(frames), format=vs.GRAYS, matrix_s="709")
    with pytest.raises(f2r.InputError, match="channels"):
        denoise(grey, model)
    with pytest.raises(f2r.InputError, match="preset: a model"):
        denoise(rgb(frames), model, preset="fast")
    with pytest.raises(f2r.InputError, match="the clip has 20"):
        denoise(rgb(frames), frames=(30, 40))
