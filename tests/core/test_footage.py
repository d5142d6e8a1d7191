"""What `f2r train clips --add-noise` learns from."""

import cv2
import numpy as np
import pytest
import torch

from f2r.noise.correlated import Correlated
from f2r.noise.models import PoissonGaussian
from f2r.raw.inverse_isp import inverse_isp_of_clip
from f2r.train.footage import AddedNoise
from f2r.train.motion import MotionConfig, photo_clips
from f2r.train.shards import as_raw
from synthetic import moving_clip


def test_clips_get_noise_of_every_kind_and_level():
    spread = AddedNoise()
    models = [spread.model(k) for k in range(60)]
    levels = [spread.level(k) for k in range(60)]
    assert sum(isinstance(model, PoissonGaussian) for model in models) == 15
    assert sum(isinstance(model, Correlated) for model in models) > 6
    assert min(levels) < 2 / 255
    assert max(levels) > 50 / 255
    assert not any(spread.is_raw(k) and spread.is_grey(k) for k in range(60))


def test_a_raw_clip_has_one_camera_and_its_noise():
    frames = moving_clip(4, 96, 112)
    (first, second), noise = as_raw([frames, frames], torch.Generator().manual_seed(3))
    assert first.shape == (4, 3, 48, 56)
    assert torch.equal(first, second)
    assert isinstance(noise, PoissonGaussian)
    assert 0 <= float(first.min()) < float(first.quantile(0.99)) <= 1.01
    packed = inverse_isp_of_clip(frames[:1].expand(3, -1, -1, -1), torch.Generator().manual_seed(3))
    assert torch.equal(packed[0], packed[2])


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
