"""What `f2r train clips --add-noise` learns from."""

from functools import partial

import cv2
import numpy as np
import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.io.array import ArrayReader
from f2r.isp.inverse import inverse_isp_of_clip, pack_sites
from f2r.method.prepared_clip import prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.models.prior import ImagePrior
from f2r.models.weights import WeightSet, load_network, load_prior, shipped
from f2r.noise.correlated import Correlated
from f2r.noise.models import Gaussian, PoissonGaussian
from f2r.train.corpus.footage import AddedNoise, ClipSource, Footage
from f2r.train.corpus.motion import MotionConfig, photo_clips
from f2r.train.corpus.shards import add_noise, as_raw, prepare_source
from f2r.train.crops import flip_image
from f2r.train.windows import CropConfig, CropSampler
from synthetic import moving_clip


def test_clips_get_noise_of_every_kind_and_level():
    spread = AddedNoise()
    models = [spread.model(k) for k in range(60)]
    levels = [spread.level(k) for k in range(60)]
    assert sum(isinstance(model, PoissonGaussian) for model in models) == 15
    assert sum(isinstance(model, Correlated) for model in models) > 6
    assert min(levels) < 2 / 255
    assert max(levels) > 50 / 255
    assert sum(map(spread.is_grey, range(60))) == 10


def test_a_raw_clip_has_one_camera():
    frames = moving_clip(4, 96, 112)
    first, second = as_raw([frames, frames], torch.Generator().manual_seed(3))
    assert first.shape == (4, 4, 48, 56)
    assert torch.equal(first, second)
    assert 0 <= float(first.min()) < float(first.max()) <= 1
    packed = inverse_isp_of_clip(frames[:1].expand(3, -1, -1, -1), torch.Generator().manual_seed(3))
    assert torch.equal(packed[0], packed[2])


def test_clean_raw_clips_get_the_noise_of_a_camera(tmp_path):
    footage = Footage((tmp_path,), add_noise=True, raw=True)
    generator = torch.Generator().manual_seed(0)
    clean = [torch.full((2, 4, 64, 64), 0.2)]
    for index in range(6):
        (noisy,), noise = add_noise(clean, index, footage, generator)
        assert isinstance(noise, PoissonGaussian)
        assert 1e-4 < noise.gain < 0.02
        variance = float((noisy - 0.2).var())
        assert variance == pytest.approx(float(noise.variance(clean[0]).mean()), rel=0.1)


def test_transposing_packed_raw_exchanges_its_greens():
    camera = torch.rand(2, 3, 8, 12)
    turned = flip_image(pack_sites(camera), across=False, upside_down=False, turn=True)
    assert torch.equal(turned, pack_sites(camera.transpose(-1, -2)))
    joint = torch.cat((pack_sites(camera), -pack_sites(camera)), 1)
    expected = torch.cat((turned, -turned), 1)
    assert torch.equal(flip_image(joint, across=False, upside_down=False, turn=True), expected)


def test_pictures_become_raw_at_the_levels_that_inference_uses(tmp_path):
    frames = moving_clip(3, 96, 112).permute(0, 2, 3, 1).numpy()
    source = ClipSource("clip", partial(ArrayReader, frames), 1)
    footage = Footage((tmp_path,), add_noise=True, raw=True)
    (clip,) = prepare_source(
        source, 3, footage, load_network(shipped(ImagePrior, WeightSet.RAW), ImagePrior), seed=4
    )
    assert clip.frames[0].noisy.shape == (4, 48, 56)
    assert not clip.grey
    assert isinstance(clip.noise, PoissonGaussian)
    white = torch.stack([frame.noisy for frame in clip.frames]).quantile(0.998)
    assert 0.4 < float(white) < 1.6


def test_planes_of_a_mosaic_are_not_mirrored():
    frames = moving_clip(4, 64, 64)
    clip = prepare_clip(list(frames), Preprocessor(load_prior(), Gaussian(0.1), DisFlow()), False)
    seen = {True: set(), False: set()}
    for mirrored, found in seen.items():
        sampler = CropSampler([clip], CropConfig(side=64, batch=1, mirrored=mirrored))
        generator = torch.Generator().manual_seed(0)
        for _ in range(40):
            corners = sampler.draw(generator).target[0, 0][::63, ::63].flatten()
            found.add(tuple(corners.tolist()))
    assert len(seen[True]) > 4 * 2
    assert len(seen[False]) == 4 * 2  # as it is and transposed


@pytest.mark.parametrize("still", [True, False])
def test_some_cameras_stand_still_and_something_moves_before_them(tmp_path, still):
    rng = np.random.default_rng(0)
    for k in range(2):
        picture = cv2.resize(rng.integers(0, 255, (40, 50, 3), np.uint8), (500, 400))
        assert cv2.imwrite(str(tmp_path / f"{k}.png"), picture)
    config = MotionConfig(frames=4, height=64, width=80, still_every=1 if still else 9)
    clips = photo_clips([tmp_path], config, np.random.default_rng(1))
    change = np.abs(np.diff(clips[1].astype(int), axis=0)).max((0, 3))
    assert (change == 0).mean() > 0.4 if still else (change == 0).mean() < 0.4
    assert (change > 0).any()


def test_a_third_of_the_cameras_pans_fast(tmp_path):
    rng = np.random.default_rng(0)
    picture = cv2.resize(rng.integers(0, 255, (60, 90, 3), np.uint8), (1800, 1200))
    for k in range(3):
        assert cv2.imwrite(str(tmp_path / f"{k}.png"), picture)
    config = MotionConfig(frames=3, height=120, width=160, zoom=0, turn=0, drift=0)
    clips = photo_clips([tmp_path], config, np.random.default_rng(3))
    shifts = [(down, across) for down in range(-12, 13) for across in range(-22, 23)]
    speeds = []
    for first, second in (clip[:2].mean(-1) for clip in clips[:2]):
        core = first[24:-24, 24:-24]
        errors = [
            np.median(np.abs(second[24 + v : v - 24 or None, 24 + u : u - 24 or None] - core))
            for v, u in shifts
        ]
        speeds.append(np.hypot(*shifts[int(np.argmin(errors))]))
    assert speeds[0] == 0
    assert 0.35 * config.fast_pan < speeds[1] < 1.1 * config.fast_pan
