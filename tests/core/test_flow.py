from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from f2r.flow.estimator import DisFlow
from f2r.flow.pyramid import flow_pyramid
from f2r.flow.scene_cuts import is_scene_cut, summarise_scene
from f2r.flow.variational import VariationalConfig, VariationalFlow
from f2r.flow.warp import compose_flows, visibility, warp_backward, warp_features
from f2r.io import open_reader
from synthetic import moving_clip

STREET = Path(__file__).parents[2] / "demo" / "street.mkv"


def constant_flow(x: float, y: float, height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, height, width).contiguous()


def test_warp_fetches_what_the_flow_points_to():
    image = torch.rand(1, 3, 24, 32)
    warped = warp_backward(image, constant_flow(3, -2))
    torch.testing.assert_close(warped[..., 2:, :-3], image[..., :-2, 3:], atol=1e-5, rtol=0)


def test_warp_into_a_smaller_grid_reads_the_larger_source():
    image = torch.rand(1, 1, 24, 32)
    warped = warp_backward(image, constant_flow(5, 4, 8, 8))
    torch.testing.assert_close(warped[0, 0], image[0, 0, 4:12, 5:13], atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [(40, 56), (24, 32)])
def test_bicubic_warping_is_the_same_with_and_without_gradients(size):
    """OpenCV and torch; positions outside included."""
    image = functional.avg_pool2d(torch.rand(2, 6, 40, 56), 3, stride=1, padding=1)
    flow = functional.interpolate(6 * torch.randn(2, 2, 3, 4), size=size, mode="bilinear")
    found = warp_backward(image, flow, "bicubic")
    expected = warp_backward(image.clone().requires_grad_(), flow, "bicubic").detach()
    assert found.shape == expected.shape == (2, 6, *size)
    assert float((found - expected).abs().max()) < 0.02
    assert float((found - expected).abs().mean()) < 0.002
    half = warp_backward(image.bfloat16(), flow, "bicubic")
    assert half.dtype == torch.bfloat16
    assert float((half.float() - expected).abs().mean()) < 0.003


def test_warp_by_half_a_pixel_averages_neighbours():
    image = torch.rand(1, 1, 24, 32)
    warped = warp_backward(image, constant_flow(0.5, 0))
    expected = (image[..., :-1] + image[..., 1:]) / 2
    torch.testing.assert_close(warped[..., :-1], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("source", "grid"), [((12, 10), (7, 9)), ((1, 5), (3, 4)), ((3, 1), (3, 1))]
)
def test_features_are_fetched_as_images_are(source, grid):
    features = torch.randn(2, 3, 5, *source, dtype=torch.float32, requires_grad=True)
    flow = 4 * torch.randn(2, 3, 2, *grid)  # some of it leads out of the source
    expected = warp_backward(features.flatten(0, 1), flow.flatten(0, 1)).unflatten(0, (2, 3))
    fetched = warp_features(features, flow)
    assert fetched.shape == (2, *grid, 3, 5)
    torch.testing.assert_close(fetched.permute(0, 3, 4, 1, 2), expected, atol=1e-5, rtol=0)
    cotangent = torch.randn_like(expected)
    (wanted,) = torch.autograd.grad(expected, features, cotangent)
    (found,) = torch.autograd.grad(fetched, features, cotangent.permute(0, 3, 4, 1, 2))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("value", [1e9, -1e9, float("nan")])
def test_a_wild_flow_fetches_border_samples(value):
    image = torch.rand(1, 1, 24, 32)
    warped = warp_backward(image, constant_flow(value, value), "bicubic")
    assert torch.isin(warped, image[..., [0, 0, -1, -1], [0, -1, 0, -1]]).all()


def test_flows_are_halved_by_their_mean():
    flow = torch.randn(2, 2, 16, 24, generator=torch.Generator().manual_seed(0))
    halved = flow_pyramid(flow, 2)[1]
    torch.testing.assert_close(halved, torch.nn.functional.avg_pool2d(flow, 2) / 2)


def test_pyramid_halves_size_and_magnitude():
    pyramid = flow_pyramid(constant_flow(8, -4), 3)
    assert [level.shape[-2:] for level in pyramid] == [(24, 32), (12, 16), (6, 8)]
    assert [level[0, :, 0, 0].tolist() for level in pyramid] == [[8, -4], [4, -2], [2, -1]]


def test_composed_flows_add_up():
    total = compose_flows(constant_flow(1, 2), constant_flow(3, -1))
    torch.testing.assert_close(total, constant_flow(4, 1))


def test_visibility_is_one_where_flows_cancel_and_zero_outside():
    seen = visibility(constant_flow(4, 0), constant_flow(-4, 0))
    assert float(seen[..., : 32 - 4].min()) > 0.99
    assert float(seen[..., 32 - 3 :].max()) == 0.0
    contradicted = visibility(constant_flow(4, 0), constant_flow(4, 0))
    assert float(contradicted.max()) < 0.01


def test_dis_finds_a_known_motion():
    clip = moving_clip(2, 96, 128, speed=3)
    flow = DisFlow().estimate(clip[0], clip[1])
    middle = flow[:, 20:-20, 20:-20]
    assert abs(float(middle[0].mean()) - 3) < 0.1
    assert abs(float(middle[1].mean())) < 0.1


def test_dis_searches_large_frames_at_half_the_resolution(monkeypatch):
    clip = moving_clip(2, 96, 128)
    monkeypatch.setattr("f2r.flow.estimator.MOST_PIXELS", 96 * 128 - 1)
    halved = DisFlow().estimate(clip[0], clip[1])
    monkeypatch.undo()
    whole = DisFlow().estimate(clip[0], clip[1])
    assert halved.shape == whole.shape
    inner = (..., slice(16, -16), slice(16, -16))
    assert (halved - whole)[inner].norm(dim=0).median() < 0.2
    assert whole[inner].norm(dim=0).median() > 1


def test_a_cut_is_found_and_motion_is_not_a_cut():
    clip = moving_clip(4, 96, 128, speed=6)
    other = 0.5 * moving_clip(1, 96, 128, seed=5)[0].flip(-1) + 0.05
    first, moved, darker, cut = map(summarise_scene, (clip[0], clip[3], clip[0] * 0.7, other))
    assert not is_scene_cut(first, moved)
    assert not is_scene_cut(first, darker)
    assert is_scene_cut(first, cut)


def zoomed_pair(factor, height=96, width=128):
    """Two views of one scene, the second magnified about the middle, and the flow between."""
    target = moving_clip(1, height, width, speed=1, seed=2)[0]
    x = torch.arange(width) - (width - 1) / 2
    y = torch.arange(height)[:, None] - (height - 1) / 2
    flow = torch.stack(((factor - 1) * x.expand(height, width), (factor - 1) * y + 0 * x))
    back = torch.stack(((1 / factor - 1) * x.expand(height, width), (1 / factor - 1) * y + 0 * x))
    return target, warp_backward(target[None], back[None], "bicubic")[0], flow


@pytest.mark.parametrize("speed", [1, 3, 9])
def test_variational_flow_finds_a_known_shift(speed):
    clip = moving_clip(2, 96, 128, speed=speed)
    flow = VariationalFlow().estimate(clip[0], clip[1])
    middle = flow[:, 20:-20, 20:-20]
    assert float((middle[0] - speed).abs().mean()) < 0.1
    assert float(middle[1].abs().mean()) < 0.1


def test_variational_flow_finds_a_zoom():
    target, neighbour, truth = zoomed_pair(1.04)
    flow = VariationalFlow().estimate(target, neighbour)
    assert float((flow - truth)[:, 12:-12, 12:-12].abs().mean()) < 0.1


def alignment_error(estimator, earlier, later):
    warped = warp_backward(later[None], estimator.estimate(earlier, later)[None], "bicubic")[0]
    return float((warped - earlier)[:, 8:-8, 8:-8].square().mean())


def test_variational_flow_is_nearly_as_good_as_dis_on_real_video():
    with open_reader(STREET) as reader:
        frames = [torch.from_numpy(frame).permute(2, 0, 1) for frame in islice(reader, 4)]
    dis, ours = (alignment_error(e, frames[0], frames[3]) for e in (DisFlow(1), VariationalFlow()))
    assert ours < 1.12 * dis  # half a decibel
    assert ours < 0.7 * float((frames[3] - frames[0]).square().mean())


def test_variational_flow_resists_noise_and_stays_where_nothing_moves():
    clip = moving_clip(2, 96, 128, speed=4, seed=3)
    noise = 0.02 * torch.randn(clip.shape, generator=torch.Generator().manual_seed(0))
    flow = VariationalFlow().estimate(*(clip + noise))
    assert float((flow[0] - 4)[8:-8, 8:-8].abs().mean()) < 0.1
    assert float(VariationalFlow().estimate(clip[0], clip[0]).abs().max()) < 0.01


def test_variational_flow_treats_the_pairs_of_a_batch_alike():
    clip = moving_clip(3, 40, 56, speed=2)
    both = VariationalFlow().estimate_both(clip[0], clip[1])
    torch.testing.assert_close(both[0], VariationalFlow().estimate(clip[0], clip[1]))
    torch.testing.assert_close(both[1], VariationalFlow().estimate(clip[1], clip[0]))


def test_variational_flow_takes_any_size_and_flat_frames():
    search = VariationalFlow(VariationalConfig(finest_scale=0, warps=1, iterations=2))
    for height, width in ((8, 8), (33, 57)):
        frame = torch.full((3, height, width), 0.5)
        assert float(search.estimate(frame, frame).abs().max()) == 0.0


@pytest.mark.parametrize("size", [(32, 32), (48, 64), (32, 400), (96, 136)])
def test_dis_takes_small_frames(size):
    clip = moving_clip(2, *size, speed=2)
    for flow in (DisFlow(), DisFlow().rough):
        found = flow.estimate(clip[0], clip[1])
        assert found.shape == (2, *size)
        assert abs(float(found[0, 8:-8, 8:-8].median()) - 2) < 0.5


@pytest.mark.parametrize("size", [(120, 120), (128, 128), (120, 136), (40, 400)])
def test_dis_follows_fast_motion_in_small_frames(size):
    clip = moving_clip(2, *size, speed=7)
    for flow in (DisFlow(), DisFlow().rough):
        found = flow.estimate(clip[0], clip[1])
        assert abs(float(found[0, 8:-8, 16:-16].median()) - 7) < 0.5
