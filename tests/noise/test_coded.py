import math

import numpy as np
import pytest
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.models.noise_level import (
    BLOCK_QUANTILES,
    MOTION_NUMBERS,
    PATCH_SIDE,
    NoiseLevelNet,
    NoiseLevels,
    load_noise_level,
    measure_motion,
    save_noise_level,
)
from f2r.noise.coded import estimate_coded_noise, luma_scale
from f2r.noise.estimate import estimate_noise
from f2r.noise.patches import copied_blocks, copied_shares, follow_patch, spread_patches
from f2r.train.corpus.codecs import Coding, code, constant_quantiser
from f2r.train.corpus.textures import dead_leaves

MJPEG = constant_quantiser("mjpeg", 5, "yuvj420p")


def x264(crf: int) -> Coding:
    return Coding("libx264", {"crf": str(crf), "preset": "fast"})


def textured_scene(frames: int = 12, height: int = 192, width: int = 256) -> Tensor:
    """(T, 3, H, W) in [0, 1]: shapes and texture of all sizes, soft at the edges, that drift."""
    generator = torch.Generator().manual_seed(3)
    size = (height + 2 * frames, width + 3 * frames)
    scene = torch.full((1, 3, *size), 0.45)
    for cells, strength in ((3, 0.5), (6, 0.35), (14, 0.25), (30, 0.15), (60, 0.03)):
        coarse = torch.rand(1, 3, cells, cells * 4 // 3, generator=generator) - 0.5
        coarse = 0.4 * coarse + 0.6 * coarse.mean(1, keepdim=True)
        scene += strength * torch.nn.functional.interpolate(coarse, size, mode="bicubic")
    field = scene[0].clamp(0.03, 0.97)
    return torch.stack(
        [field[:, 2 * t : 2 * t + height, 3 * t : 3 * t + width] for t in range(frames)]
    )


def leaves(frames: int = 12, height: int = 192, width: int = 256) -> Tensor:
    """(T, 3, H, W) in [0, 1]: small leaves that cover each other and move by whole pixels."""
    sheet = torch.from_numpy(dead_leaves(np.random.default_rng(12))).permute(2, 0, 1) / 255
    views = [sheet[:, 2 * t : 2 * (t + height), 4 * t : 4 * t + 2 * width] for t in range(frames)]
    return torch.nn.functional.avg_pool2d(torch.stack(views), 2)


def coded(clean: Tensor, sigma: float, coding: Coding) -> Tensor:
    """Add noise of `sigma` of 255 and send the clip through an encoder."""
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
    noisy = (255 * clean + sigma * noise).round().clamp(0, 255).to(torch.uint8)
    frames = code(np.ascontiguousarray(noisy.permute(0, 2, 3, 1).numpy()), coding)
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def clean() -> Tensor:
    return textured_scene()


@pytest.mark.parametrize(
    ("sigma", "coding"),
    [(10, x264(18)), (10, x264(23)), (20, x264(23)), (35, x264(28)), (15, MJPEG), (25, MJPEG)],
    ids=lambda value: f"{value:g}" if isinstance(value, int) else value.encoder,
)
def test_the_level_before_coding_is_found(clean: Tensor, sigma: float, coding: Coding) -> None:
    found = estimate_coded_noise(coded(clean, sigma, coding))
    assert 0.85 * sigma <= 255 * found.sigma <= 1.45 * sigma
    assert 0 < found.low <= found.sigma <= found.high
    assert not found.is_noise_free


@pytest.mark.parametrize(("sigma", "crf"), [(10, 23), (15, 23), (20, 28)])
def test_where_measuring_the_flattest_blocks_fails(clean: Tensor, sigma: float, crf: int) -> None:
    seen = coded(clean, sigma, x264(crf))
    assert 255 * estimate_noise(seen).sigma < 0.55 * sigma
    assert 255 * estimate_coded_noise(seen).sigma > 0.7 * sigma


@pytest.mark.parametrize("coding", [x264(20), x264(28), MJPEG], ids=["20", "28", "mjpeg"])
def test_a_clean_clip_has_no_noise_after_coding_either(clean: Tensor, coding: Coding) -> None:
    found = estimate_coded_noise(coded(clean, 0, coding))
    assert found.is_noise_free
    assert found.sigma == 0
    assert found.low == 0


@pytest.mark.parametrize("coding", [x264(18), x264(23), MJPEG], ids=["18", "23", "mjpeg"])
def test_moving_texture_is_not_noise(coding: Coding) -> None:
    found = estimate_coded_noise(coded(leaves(), 0, coding))
    assert found.is_noise_free or found.is_doubtful
    assert 255 * found.sigma < 5


@pytest.mark.parametrize("coding", [x264(18), x264(23), MJPEG], ids=["18", "23", "mjpeg"])
def test_noise_in_texture_is_found(coding: Coding) -> None:
    found = estimate_coded_noise(coded(leaves(), 15, coding))
    assert not found.is_noise_free
    assert 0.5 * 15 <= 255 * found.sigma <= 1.6 * 15


@pytest.mark.parametrize(
    ("free", "expected"), [(0.01, 4.0), (0.03, 8**0.5), (0.89, 8**0.5), (0.91, 0.0)]
)
def test_doubtful_noise_is_removed_mildly_and_none_not_at_all(free: float, expected: float) -> None:
    class Fixed(NoiseLevelNet):
        def forward(self, patches: Tensor) -> NoiseLevels:
            levels = torch.tensor([[2.0, 4.0, 5.0, 6.0]]).log2()
            return NoiseLevels(levels, torch.logit(torch.tensor([free])), torch.zeros(1))

    found = estimate_coded_noise(torch.rand(4, 1, 64, 64), Fixed())
    assert 255 * found.sigma == pytest.approx(expected)
    assert ("or none" in found.describe()) == found.is_doubtful


def test_texture_is_found_again_where_it_moved_and_noise_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    field = torch.rand(80, 80, generator=generator)
    texture = torch.stack([field[8:72, 8 + 2 * t : 72 + 2 * t] for t in range(3)])
    noise = torch.rand(3, PATCH_SIDE, PATCH_SIDE, generator=generator)
    numbers = measure_motion(torch.stack((texture, noise))[:, None].expand(2, 4, -1, -1, -1))
    assert numbers.shape == (2, MOTION_NUMBERS)
    ratio = numbers[
        :, 3 * len(BLOCK_QUANTILES) : 4 * len(BLOCK_QUANTILES)
    ]  # best against usual, log2
    assert float(ratio[0].max()) < -1
    assert float(ratio[1].min()) > -0.2


def test_what_remains_is_less_than_what_there_was(clean: Tensor) -> None:
    seen = coded(clean, 20, x264(23))
    found = estimate_coded_noise(seen)
    error = float((seen - clean).square().mean().sqrt())
    assert found.remaining < found.sigma
    assert 0.75 * error < found.remaining < 1.25 * error


def test_grey_and_colour_are_told_apart(clean: Tensor) -> None:
    assert luma_scale(clean) == pytest.approx(1 / 0.6687, rel=1e-3)
    assert luma_scale(clean[:, :1]) == 1
    assert luma_scale(clean[:, :1].expand(-1, 3, -1, -1)) == 1


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 1, 40, 33), (3, 3, 32, 100)])
def test_few_and_small_frames_are_judged(shape: tuple[int, ...]) -> None:
    clip = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    found = estimate_coded_noise(clip)
    assert math.isfinite(found.sigma)
    assert found.high > 0


def test_frames_that_cannot_be_measured_are_refused() -> None:
    with pytest.raises(InputError):
        estimate_coded_noise(torch.full((2, 3, 64, 64), math.nan))


def test_copied_blocks_are_counted() -> None:
    clip = torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    clip[1, :, :16] = clip[0, :, :16]
    clip[2] = clip[1] + 0.2 / 255
    assert copied_shares(clip).tolist() == [0.5, 1.0]
    assert bool(copied_blocks(clip)[0, :2].all())
    assert not bool(copied_blocks(clip)[0, 2:].any())
    assert copied_shares(clip[:1]).shape == (0,)


def test_patches_lie_on_the_grid_and_all_over_the_clip() -> None:
    rows = torch.arange(128.0)[:, None].expand(128, 200)
    columns = torch.arange(200.0).expand(128, 200)
    times = torch.arange(6.0)[:, None, None].expand(6, 128, 200)
    for plane, last in ((rows, 64), (columns, 136)):
        corners = spread_patches(plane.expand(6, -1, -1), 60)[:, 1, 0, 0]
        assert bool((corners % 8 == 0).all())
        assert (float(corners.min()), float(corners.max())) == (0, last)
    seen = spread_patches(times, 60)[:, :, 0, 0]
    assert set(seen[:, 1].tolist()) == {1, 2, 3, 4}
    assert bool((seen.diff(dim=1) == 1).all())


def test_a_patch_is_followed_through_a_pan() -> None:
    scene = torch.rand(128, 300, generator=torch.Generator().manual_seed(0))
    pan = torch.stack([scene[:, 24 * t : 24 * t + 200] for t in range(3)])
    before, now, after = follow_patch(pan, 32, 72)
    assert torch.equal(before, now)
    assert torch.equal(after, now)
    assert torch.equal(now, pan[1, 32:96, 72:136])


def test_a_patch_at_the_edge_is_followed_as_far_as_the_frame_goes() -> None:
    scene = torch.rand(80, 300, generator=torch.Generator().manual_seed(1))
    pan = torch.stack([scene[:, 16 * t : 16 * t + 100] for t in range(3)])
    before, now, after = follow_patch(pan, 16, 32)
    assert before.shape == now.shape == after.shape == (64, 64)
    assert torch.equal(after, now)


def test_frames_that_have_nothing_in_common_are_compared_in_place() -> None:
    frames = torch.rand(3, 200, 200, generator=torch.Generator().manual_seed(2))
    assert torch.equal(follow_patch(frames, 64, 64), frames[:, 64:128, 64:128])


def test_weights_survive_the_file(tmp_path) -> None:
    network = NoiseLevelNet((8, 8, 8), 8).eval()
    save_noise_level(tmp_path / "w.safetensors", network, {"seed": "0"})
    again = load_noise_level(tmp_path / "w.safetensors")
    patches = torch.rand(
        1, 4, 3, PATCH_SIDE, PATCH_SIDE, generator=torch.Generator().manual_seed(0)
    )
    assert torch.allclose(again(patches).levels, network(patches).levels, atol=0.02)


def test_other_files_are_refused(tmp_path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    for name in ("w.safetensors", "missing.safetensors"):
        with pytest.raises(InputError, match=name):
            load_noise_level(tmp_path / name)
