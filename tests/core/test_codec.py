"""Codecs in the training data: the round trip, and what coded noise is told as."""

import numpy as np
import pytest
import torch

from f2r.errors import InputError
from f2r.models.prior import ImagePrior
from f2r.train.codec import ENCODERS, QUALITIES, CodecMix, Coding, encode_decode
from f2r.train.coded import CodedNoise, CodedPatches, code_noisy
from f2r.train.prior import PhotoPatches, PriorData, prior_loss
from synthetic import moving_clip


def samples(frames=7, height=64, width=96, speed=4):
    clip = moving_clip(frames, height, width, speed=speed)
    return (255 * clip.permute(0, 2, 3, 1)).round().byte().numpy()


def grainy_photo():
    return samples(1, 240, 320)[0]


@pytest.mark.parametrize("codec", ENCODERS)
def test_a_round_trip_keeps_number_shape_and_order_of_frames(codec):
    frames = samples()
    shown = encode_decode(frames, Coding(codec, QUALITIES[codec][0]))
    assert shown.shape == frames.shape
    assert shown.dtype == np.uint8
    errors = np.square(shown[:, None].astype(float) - frames[None]).mean((2, 3, 4))
    assert (errors.argmin(1) == np.arange(len(frames))).all()


@pytest.mark.parametrize("codec", ENCODERS)
def test_a_higher_quality_number_is_coarser(codec):
    rng = np.random.default_rng(0)
    frames = (samples() + rng.normal(0, 10, (7, 64, 96, 3))).clip(0, 255).astype(np.uint8)
    fine, coarse = (
        np.square(encode_decode(frames, Coding(codec, quality)) - frames.astype(float)).mean()
        for quality in QUALITIES[codec]
    )
    assert fine < coarse


def test_encoders_are_silent(capfd):
    for codec in ENCODERS:
        encode_decode(samples(3), Coding(codec, 25 if codec.startswith("x") else 4))
    assert capfd.readouterr() == ("", "")


def test_one_frame_is_a_clip_and_odd_sides_are_refused():
    assert encode_decode(samples(1), Coding("x264", 20)).shape == (1, 64, 96, 3)
    with pytest.raises(InputError):
        encode_decode(samples()[:, :63], Coding("x264", 20))
    with pytest.raises(InputError):
        Coding("av2", 20)


def test_every_codec_of_the_mix_comes_up_within_its_range():
    generator = torch.Generator().manual_seed(0)
    drawn = [CodecMix().draw(generator) for _ in range(200)]
    assert {coding.codec for coding in drawn} == set(CodecMix().shares)
    for coding in drawn:
        low, high = QUALITIES[coding.codec]
        assert low <= coding.quality <= high


def test_coded_clips_are_told_the_level_before_coding_or_a_little_more():
    clean = 0.3 + 0.4 * moving_clip(3, 64, 64)
    coded = CodedNoise(bands=(10 / 255, 10 / 255))
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(8):
        (noisy,), noise = code_noisy([clean], coded, generator)
        assert 9 / 255 <= noise.sigma <= 12.5 / 255
        assert noisy.shape == clean.shape
        assert torch.equal(noisy, (255 * noisy).round() / 255)
        found.append(float((noisy - clean).std()))
    assert max(found) < 10 / 255  # a codec takes noise away


def test_weak_noise_is_never_told_as_none_and_all_bands_come_up():
    coded, generator = CodedNoise(), torch.Generator().manual_seed(0)
    levels = [255 * coded.draw_level(generator) for _ in range(300)]
    assert min(levels) < 3
    assert max(levels) > 35
    assert 60 < sum(level < 6 for level in levels) < 140
    assert coded.draw_told(0.5 / 255, generator) == pytest.approx(2 / 255)
    assert 0.4 < sum(map(coded.is_coded, range(200))) / 200 < 0.5


def test_a_grey_clip_stays_one_channel():
    (noisy,), _ = code_noisy(
        [moving_clip(3, 64, 64)[:, :1]], CodedNoise(), torch.Generator().manual_seed(1)
    )
    assert noisy.shape == (3, 1, 64, 64)


def test_coded_patches_belong_together_and_are_renewed():
    images = [grainy_photo()]
    patches = CodedPatches(images, torch.ones(1), 80, CodedNoise(), grey_share=0.2, stock=12)
    generator = torch.Generator().manual_seed(0)
    before = patches.draw(6, generator)
    assert before.clean.shape == before.noisy.shape == (6, 3, 80, 80)
    errors = (before.noisy - before.clean).square().mean((1, 2, 3)).sqrt()
    assert (errors < 1.6 * before.told.flatten() + 12 / 255).all()
    made = patches.made
    patches.draw(48, generator)
    assert patches.made > made


def test_a_share_of_the_priors_batch_is_coded():
    photos = PhotoPatches([grainy_photo()])
    data = PriorData(batch=4, coded_share=0.5)
    coded = CodedPatches(photos.images, photos.weights, data.patch, CodedNoise(), 0.0, stock=9)
    seen = []

    class Watching(ImagePrior):
        def forward(self, frames, sigma):
            seen.append((frames, sigma))
            return super().forward(frames, sigma)

    generator = torch.Generator().manual_seed(0)
    loss = prior_loss(Watching(widths=(8, 8, 8)), photos, data, generator, coded)
    assert loss.isfinite()
    frames, sigma = seen[0]
    assert len(frames) == 4
    eight_bit = [bool(torch.equal(f, (255 * f).round() / 255)) for f in frames]
    assert eight_bit == [False, False, True, True]
    assert all(bool(told.min() == told.max()) for told in sigma[2:])
