"""Coded noise in the training data: what it is told as, and the prior's share of it."""

import pytest
import torch

from f2r.errors import InputError
from f2r.models.prior import ImagePrior
from f2r.train.corpus.coded_noise import CodedNoise, CodedPatches, code_noisy
from f2r.train.corpus.photos import PhotoPatches
from f2r.train.corpus.prior_training import prior_loss
from f2r.train.options import PriorData
from synthetic import moving_clip


def photo():
    return (255 * moving_clip(1, 240, 320)[0].permute(1, 2, 0)).round().byte().numpy()


def test_coded_clips_are_told_the_level_before_coding_or_a_little_more():
    clean = 0.3 + 0.4 * moving_clip(3, 64, 64)
    coded = CodedNoise(bands=(10 / 255, 10 / 255))
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(8):
        (noisy,), noise = code_noisy([clean], coded, generator)
        assert 9 / 255 <= noise.sigma <= 12.5 / 255
        assert noisy.shape == clean.shape
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


def test_a_small_grey_clip_keeps_its_size_and_one_channel():
    clean, generator = [moving_clip(3, 40, 48)[:, :1]], torch.Generator().manual_seed(1)
    for _ in range(12):  # encoders of several kinds
        (noisy,), _ = code_noisy(clean, CodedNoise(), generator)
        assert noisy.shape == clean[0].shape
        assert float((noisy - clean[0]).square().mean().sqrt()) < 45 / 255


def test_the_same_seed_gives_the_same_coded_clip():
    clean = [moving_clip(3, 64, 64)]
    one, other = (code_noisy(clean, CodedNoise(), torch.Generator().manual_seed(2)) for _ in "ab")
    assert torch.equal(one[0][0], other[0][0])
    assert one[1] == other[1]


def test_coded_patches_belong_together_and_are_renewed():
    patches = CodedPatches([photo()], torch.ones(1), 80, CodedNoise(), grey_share=0.2, stock=12)
    generator = torch.Generator().manual_seed(0)
    before = patches.draw(6, generator)
    assert before.clean.shape == before.noisy.shape == (6, 3, 80, 80)
    errors = (before.noisy - before.clean).square().mean((1, 2, 3)).sqrt()
    assert (errors < 1.6 * before.told.amax((1, 2, 3)) + 12 / 255).all()
    made = patches.made
    patches.draw(48, generator)
    assert patches.made > made


def test_a_share_of_the_priors_batch_is_coded():
    photos = PhotoPatches([photo()])
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


@pytest.mark.parametrize("options", [{"coded_share": 1.5}, {"coded_share": 0.3, "raw": True}])
def test_the_priors_share_lies_between_0_and_1_and_raw_has_none(options):
    with pytest.raises(InputError):
        PriorData(**options)


def test_a_whole_batch_of_the_prior_can_be_coded():
    photos, data = PhotoPatches([photo()]), PriorData(batch=2, coded_share=1.0)
    coded = CodedPatches(photos.images, photos.weights, data.patch, CodedNoise(), 0.0, stock=3)
    generator = torch.Generator().manual_seed(0)
    assert prior_loss(ImagePrior(widths=(8, 8, 8)), photos, data, generator, coded).isfinite()
