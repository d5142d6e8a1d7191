"""Building blocks of the networks."""

import pytest
import torch
from torch.nn import functional

from f2r.models.layers import Fold, UNet, join_narrow, residual_blocks
from f2r.models.temporal import Aligned, copy_and_correct


@pytest.mark.parametrize("factor", [2, 4])
def test_folding_is_a_small_convolution_of_the_unshuffled_image(factor):
    fold = Fold(3, 5, factor).double()
    image = torch.rand(2, 3, 8 * factor, 6 * factor, dtype=torch.float64)
    kernel = fold.weight.unflatten(2, (3, factor)).unflatten(4, (3, factor))
    kernel = kernel.permute(0, 1, 3, 5, 2, 4).reshape(5, 3 * factor**2, 3, 3)
    unshuffled = functional.pixel_unshuffle(image, factor)
    expected = functional.conv2d(unshuffled, kernel, fold.bias, padding=1)
    assert torch.allclose(fold(image), expected)


def test_joined_images_have_the_type_of_convolutions():
    parts = torch.rand(1, 3, 4, 4), torch.rand(1, 2, 4, 4)
    assert join_narrow(*parts).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert join_narrow(*parts).dtype == torch.bfloat16
        assert torch.equal(join_narrow(*parts), torch.cat(parts, 1).bfloat16())


def test_gradients_reach_every_weight():
    net = UNet(3, 2, (8, 16), (1, 1))
    net(torch.rand(1, 3, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())
    blocks = residual_blocks(4, 2)
    image = torch.rand(1, 4, 8, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(blocks.double(), image)


def test_the_anchor_is_a_mixture_of_candidates_and_a_correction():
    joint, scores = torch.rand(2, 4, 6, 5, 7), torch.randn(2, 11, 5, 7)
    present = torch.tensor([[True, True, True, True], [False, True, False, True]])
    aligned = Aligned(joint, (), torch.ones(2, 4, 1, 5, 7), present)
    anchor = copy_and_correct(aligned, scores)
    candidates = torch.cat((joint[:, :, :3], joint[:, :, :3] + joint[:, :, 3:]), 1)
    seen = present.repeat(1, 2)[..., None, None]
    weights = scores[:, :8].exp() * seen
    mixed = (weights.unsqueeze(2) * candidates).sum(1) / weights.sum(1, keepdim=True)
    assert torch.allclose(anchor, mixed + scores[:, 8:], atol=1e-5)
