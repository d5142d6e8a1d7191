"""Flow in two passes: what it is estimated on, and what that is good for."""

from itertools import pairwise

import pytest
import torch

from f2r.flow.estimator import DisFlow
from f2r.flow.luma import BT601, luma
from f2r.flow.motion_averaged_luma import steady_luma
from f2r.flow.warp import warp_backward
from f2r.method.preprocess import PreparedFrame
from f2r.method.two_pass_flow import Linker
from synthetic import moving_clip

REST = 0.02
"""Standard deviation of what a prior leaves of the noise."""


def textured(frames=5, height=144, width=192):
    """Smooth texture with fine grain on it, moving by three pixels a frame."""
    generator = torch.Generator().manual_seed(3)
    grain = 0.05 * torch.randn(3, height, width + 3 * frames, generator=generator)
    scene = moving_clip(frames, height, width, speed=3)
    return scene + torch.stack([grain[..., 3 * (frames - t) :][..., :width] for t in range(frames)])


def with_rest(clean):
    """Add noise with a grain of some pixels, as a denoiser leaves it, and what it is made of."""
    generator = torch.Generator().manual_seed(4)
    white = torch.randn(clean.shape, generator=generator)
    rest = torch.nn.functional.avg_pool2d(white, 3, 1, 1) * 3 * REST
    return clean + rest, rest


def linked(denoised, flow, steps=None):
    frames = [PreparedFrame(frame, frame, torch.zeros_like(frame)) for frame in denoised]
    linker = Linker(flow)
    for frame in frames[:steps]:
        linker.push(frame)
    if steps is None:
        linker.finish()
    return frames


def misalignment(clean, frames):
    """Mean squared error of the clean neighbours, warped to each inner frame."""
    errors = []
    for t in range(1, len(frames) - 1):
        for other, flow in ((t - 1, frames[t].to_previous), (t + 1, frames[t].to_next)):
            warped = warp_backward(clean[other][None], flow[None], "bicubic")[0]
            errors.append((warped - clean[t])[:, 8:-8, 8:-8].square().mean())
    return float(torch.stack(errors).mean())


def leak(clean, rest, frames):
    """Correlation of the warped clean neighbours' error with the frame's own rest of noise."""
    found = []
    for t in range(1, len(frames) - 1):
        flows = ((t - 1, frames[t].to_previous), (t + 1, frames[t].to_next))
        warped = [warp_backward(clean[i][None], flow[None], "bicubic")[0] for i, flow in flows]
        error = sum(warped) / 2 - clean[t]
        found.append((error * rest[t]).mean() / (error.std() * rest[t].std()))
    return float(torch.stack(found).mean())


def test_two_passes_leak_less_than_one_and_align_as_well():
    clean = textured()
    denoised, rest = with_rest(clean)
    twice, direct = linked(denoised, DisFlow()), linked_directly(denoised)
    assert leak(clean, rest, direct) > 0.01
    assert abs(leak(clean, rest, twice)) < min(0.015, 0.5 * leak(clean, rest, direct))
    assert misalignment(clean, twice) < 2 * misalignment(clean, direct)  # 41 dB and more


def linked_directly(denoised):
    """Link by one search at full resolution between the frames as they are."""
    frames = [PreparedFrame(frame, frame, torch.zeros_like(frame)) for frame in denoised]
    for earlier, later in pairwise(frames):
        pair = DisFlow().estimate_both(earlier.denoised, later.denoised)
        earlier.to_next, later.to_previous = pair
    return frames


def test_a_link_is_known_one_frame_late(clean):
    frames = linked(clean, DisFlow(), steps=3)
    assert [f.to_next is not None for f in frames[:3]] == [True, False, False]
    assert [f.to_previous is not None for f in frames[:3]] == [False, True, False]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_shots_are_linked_wholly(clean, count):
    frames = linked(clean[:count], DisFlow())
    assert [f.to_next is not None for f in frames] == [True] * (count - 1) + [False]
    assert [f.to_previous is not None for f in frames] == [False] + [True] * (count - 1)


def test_what_fits_is_averaged_and_what_does_not_is_left_out():
    own = torch.rand(1, 64, 64)
    noise = 0.01 * torch.randn(3, 1, 64, 64)
    before, after = own + noise[1], own + noise[2]
    before[:, :32, :32] += 0.5
    steady = steady_luma(own + noise[0], [before, after])
    error = (steady - own).square()
    assert float(error[:, 36:, 36:].mean()) < 0.7 * float(noise[0].square().mean())
    assert float(error[:, :28, :28].mean()) < 1.2 * float(noise[0].square().mean())


def test_equal_frames_stay_as_they_are():
    frame = torch.rand(3, 16, 16)
    torch.testing.assert_close(steady_luma(luma(frame), [luma(frame)]), luma(frame))
    assert all(sum(weights) == pytest.approx(1) for weights in BT601.values())
