import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from f2r.config import DenoiseConfig
from f2r.flow.estimator import DisFlow
from f2r.flow.warp import warp_backward
from f2r.io.array import ArrayReader
from f2r.method.networks import load_networks
from f2r.method.prepared_clip import prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.models.prior import ImagePrior
from f2r.models.weights import load_prior
from f2r.noise.models import Gaussian
from f2r.run.look_at_clip import look
from f2r.run.setup import set_up
from f2r.system.progress import StageClock
from f2r.train.corpus.footage import ClipSource, Footage
from f2r.train.corpus.shards import prepare_source
from f2r.train.crops import augment, flip_image
from f2r.train.sample import (
    BYTES_PER_PIXEL,
    choose_stretches,
    read_stretches,
    region_size,
    spread_regions,
)
from f2r.train.windows import CropConfig, CropSampler, Place, crop_windows


@pytest.fixture
def crops(clean, generator):
    clip = prepare_clip(list(clean), Preprocessor(ImagePrior(), Gaussian(0.05), DisFlow()))
    return CropSampler([clip], CropConfig(side=24, batch=3, drop=0)).draw(generator)


def warped(crops):
    return warp_backward(crops.joint.flatten(0, 1), crops.flow.flatten(0, 1))


@pytest.mark.parametrize("flips", list(itertools.product([False, True], repeat=3)))
def test_flow_follows_flips_and_rotations(crops, flips):
    moved = augment(crops, *flips, backwards=False)
    torch.testing.assert_close(warped(moved), flip_image(warped(crops), *flips), atol=1e-4, rtol=0)
    torch.testing.assert_close(moved.target, flip_image(crops.target, *flips))


def test_time_reversal_reverses_the_neighbours(crops):
    moved = augment(crops, False, False, False, backwards=True)
    torch.testing.assert_close(moved.joint, crops.joint.flip(1))
    torch.testing.assert_close(moved.present, crops.present.flip(1))


def test_a_batch_of_several_clips_has_crops_of_each_and_one_size(clean):
    preprocessor = Preprocessor(ImagePrior(), Gaussian(0.05), DisFlow())
    dark, bright = clean * 0, clean[..., :32] * 0 + 1
    clips = [prepare_clip(list(part), preprocessor) for part in (dark, bright)]
    sampler = CropSampler(clips, CropConfig(side=32, batch=16, clips=8, drop=0))
    crops = sampler.draw(torch.Generator().manual_seed(1))
    assert crops.target.shape == (16, 3, 16, 16)
    brightness = crops.target.mean((1, 2, 3)).reshape(8, 2)
    assert torch.equal(brightness[:, 0], brightness[:, 1])
    assert set(brightness.flatten().tolist()) == {0.0, 1.0}


def test_crops_align_the_neighbours(clean):
    clip = prepare_clip(list(clean), Preprocessor(ImagePrior(), Gaussian(0.05), DisFlow()))
    places = [Place(2, 2 * k, 3 * k) for k in range(8)]
    crops = crop_windows(clip, places, side=24)
    denoised, removed = warped(crops).split(3, dim=1)
    seen = crops.visible.flatten(0, 1) > 0.9
    target = crops.target.repeat_interleave(4, 0)
    error = ((denoised + removed - target).abs() * seen).sum() / (3 * seen.sum())
    assert float(error) < 0.03


def test_a_long_clip_is_sampled_evenly():
    stretches = choose_stretches(1000, 40)
    assert sum(len(s) for s in stretches) <= 40
    assert stretches[0].start == 0
    assert stretches[-1].stop == 1000
    reader = ArrayReader(np.empty((1000, 24, 32, 3), np.float32))
    reader._array[:] = np.arange(1000)[:, None, None, None]
    regions = spread_regions(reader.info, (8, 16), len(stretches))
    read = read_stretches(reader, stretches, regions)
    assert [[int(f[0, 0, 0]) for f in taken] for taken in read] == [list(s) for s in stretches]
    assert {f.shape for taken in read for f in taken} == {(8, 16, 3)}


@pytest.mark.parametrize("frames", [1, 2, 4, 40])
def test_a_short_clip_is_taken_whole(frames):
    assert choose_stretches(frames, 40) == [range(frames)]


def test_padding_is_never_trained_on():
    """It repeats a row with its noise, from which stage 2 would learn to keep noise."""
    noisy = np.random.default_rng(0).random((3, 45, 60, 3), np.float32)
    reader = ArrayReader(noisy)
    setup = set_up(reader.info, Gaussian(0.1), DenoiseConfig())
    looked = look(reader, load_networks(None, setup.device), setup, StageClock())
    frame = looked.clips[0][0].frames[0].noisy
    assert frame.shape == (3, 40, 56)
    rows = torch.from_numpy(noisy).permute(0, 3, 1, 2)[0].unfold(1, 40, 1).unfold(2, 56, 1)
    assert (rows == frame[:, None, None]).all(-1).all(-1).all(0).any()
    source = ClipSource("clip", lambda: ArrayReader(noisy))
    footage = Footage((Path("clip"),), noise=Gaussian(0.1))
    (clip,) = prepare_source(source, 3, footage, load_prior(), seed=0)
    assert clip.size == (40, 56)


@pytest.mark.parametrize(("height", "width"), [(100, 120), (1080, 1920), (2160, 3840)])
def test_large_frames_are_cut_so_that_the_sample_fits(height, width):
    info = ArrayReader(np.broadcast_to(np.float32(0), (1, height, width, 3))).info
    size = region_size(info, 1.0, 36)
    assert 36 * size[0] * size[1] * BYTES_PER_PIXEL <= 2**30
    whole = tuple(side // 8 * 8 for side in (height, width))
    assert size == whole or size[0] * size[1] * BYTES_PER_PIXEL * 36 > 0.9 * 2**30
    for region in spread_regions(info, size, 9):
        assert 0 <= region.top <= height - size[0]
        assert 0 <= region.left <= width - size[1]
