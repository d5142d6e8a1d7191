"""Strength of luma and chroma, apart and together."""

import pytest
import torch

import f2r
from f2r.flow.luma import luma
from f2r.method.strength import Strength


@pytest.fixture
def pair(generator):
    return tuple(torch.rand(3, 8, 8, generator=generator) for _ in range(2))


def test_equal_strengths_are_one_strength(pair):
    noisy, estimate = pair
    assert torch.equal(Strength(0.7, 0.7).apply(noisy, estimate), torch.lerp(noisy, estimate, 0.7))


def test_luma_and_chroma_follow_their_own_strength(pair):
    noisy, estimate = pair
    mixed = Strength(1.0, 0.0).apply(noisy, estimate)
    assert torch.allclose(luma(mixed), luma(estimate), atol=1e-6)
    assert torch.allclose(mixed - luma(mixed), noisy - luma(noisy), atol=1e-6)
    mixed = Strength(0.0, 1.3).apply(noisy, estimate)
    assert torch.allclose(luma(mixed), luma(noisy), atol=1e-6)


def test_raw_and_grey_follow_the_strength_of_the_luma(pair):
    raw = torch.cat(pair)[:4], torch.cat(pair)[2:6]
    assert torch.equal(Strength(0.5, 0.0).apply(*raw), torch.lerp(*raw, 0.5))
    grey = tuple(frame[:1].expand(3, -1, -1) for frame in pair)
    assert torch.allclose(Strength(0.5, 0.0).apply(*grey), torch.lerp(*grey, 0.5), atol=1e-6)


def test_a_chroma_strength_beyond_the_range_is_refused():
    with pytest.raises(f2r.InputError, match="chroma_strength"):
        f2r.denoise(torch.rand(2, 32, 32).numpy(), sigma=0.1, chroma_strength=2.0)
