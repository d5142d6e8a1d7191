"""The part of a clip that quality is measured on."""

from dataclasses import replace

import numpy as np
import pytest

from f2r.config import DenoiseConfig
from f2r.io.array import ArrayReader
from f2r.method.networks import load_networks
from f2r.noise.models import Gaussian
from f2r.run.look_at_clip import TIMED_FRAMES, look
from f2r.run.sampling import QUALITY_FRAMES, QUALITY_PIXELS, QUALITY_SHARE, take_sample
from f2r.run.setup import set_up
from f2r.system.progress import StageClock

FAST = DenoiseConfig(preset="fast")


def reader_of(frames, height, width):
    return ArrayReader(np.broadcast_to(np.float32(0.5), (frames, height, width, 3)))


@pytest.mark.parametrize("frames", [8, 12, 20, 35, 36, 100, 1000])
@pytest.mark.parametrize("size", [(64, 96), (272, 400), (544, 800)])
def test_a_share_of_a_clip_is_judged_within_the_sample(frames, size):
    sample = take_sample(reader_of(frames, *size), FAST)
    layout, pixels = sample.layout, 0
    for stretch, region in zip(sample.stretches, sample.judged, strict=True):
        assert 0 <= region.top <= layout.height - region.height
        assert 0 <= region.left <= layout.width - region.width
        pixels += min(len(stretch), sample.run) * region.height * region.width
    prepared = len(sample.judged) * QUALITY_FRAMES
    allowed = max(QUALITY_SHARE * frames * size[0] * size[1], prepared * QUALITY_PIXELS)
    assert pixels <= 1.02 * allowed


def test_a_run_that_trains_prepares_its_whole_sample():
    sample = take_sample(reader_of(20, 272, 400), DenoiseConfig(steps=1))
    assert {(part.height, part.width) for part in sample.judged} == {(272, 400)}
    assert all(len(stretch) <= sample.run for stretch in sample.stretches)


def looked_at(coding=None):
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (12, 64, 96, 3)).astype(np.float32)
    reader = ArrayReader(noisy)
    setup = set_up(reader.info, Gaussian(0.1), FAST)
    setup = replace(setup, info=replace(setup.info, coding=coding))
    return look(reader, load_networks(None, setup.device), setup, StageClock())


def test_the_middle_of_a_stretch_is_prepared_and_typical_frames_are_judged():
    ((clip,),) = looked_at().clips
    assert len(clip.frames) == QUALITY_FRAMES
    assert set(clip.targets) < set(range(QUALITY_FRAMES))
    assert {2, 3, 4} <= set(clip.targets)


def test_a_clip_that_cannot_be_judged_is_only_timed():
    looked = looked_at("h264")
    ((clip,),) = looked.clips
    assert len(clip.frames) == TIMED_FRAMES
    assert looked.seconds_per_frame > 0
