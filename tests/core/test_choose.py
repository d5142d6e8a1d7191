"""Confidence intervals of the estimated quality."""

import math
from types import SimpleNamespace

import pytest
import torch

from f2r.quality.error_estimation import as_correlation, means_of_all, standard_errors
from f2r.quality.estimated_errors import Errors
from f2r.quality.sample_tiles import JUDGED, JUDGED_SIDE, parts, typical_targets, views, visits


def test_an_interval_holds_its_estimate_and_widens_with_the_spread() -> None:
    narrow = Errors(1e-3, 1e-3, 1e-3, 0.0, (1e-5, 1e-5, 1e-5))
    wide = Errors(1e-3, 1e-3, 1e-3, 0.0, (1e-4, 1e-4, 1e-4))
    for errors in (narrow, wide):
        for name, (low, high) in errors.intervals().items():
            assert low < errors.psnr()[name] < high
    assert narrow.intervals()["refined"][0] > wide.intervals()["refined"][0]
    low, high = narrow.intervals()["anchor"]
    assert high - low == pytest.approx(2 * 10 * 0.0196 / math.log(10), rel=0.01)


def test_a_negative_error_has_an_interval_of_some_width() -> None:
    low, high = Errors(1e-3, 1e-3, -1e-4, 0.0, (1e-5, 1e-5, 1e-5)).intervals()["refined"]
    assert low == pytest.approx(-10 * math.log10(1.96e-5), abs=0.01)
    assert high == 80.0


def test_the_spread_covers_the_mean_as_often_as_it_says() -> None:
    generator = torch.Generator().manual_seed(0)
    inside = 0
    for _ in range(400):
        table = 1e-3 + 2e-4 * torch.randn(16, 3, generator=generator, dtype=torch.float64)
        error = standard_errors(table)[0]
        inside += abs(float(table[:, 0].mean()) - 1e-3) < 1.96 * error
    assert 0.90 < inside / 400 < 0.98


def test_one_tile_is_as_unsure_as_it_is_large() -> None:
    assert standard_errors(torch.tensor([[2e-3, -1e-3, 0.0]])) == pytest.approx([2e-3, 1e-3, 0.0])


def test_what_is_known_of_all_frames_corrects_what_was_measured_on_parts() -> None:
    generator = torch.Generator().manual_seed(1)
    off, plainly_off, inside = [], [], 0
    for _ in range(300):
        hard = 1e-3 + 4e-4 * torch.rand(240, generator=generator, dtype=torch.float64)
        own = 5e-5 * torch.randn(240, 3, generator=generator, dtype=torch.float64)
        own[:, 1] = 0
        errors = hard[:, None] * torch.tensor([1.2, 1.0, 0.7]) + own
        table = errors[torch.randperm(240, generator=generator)[:24]]
        means, scatter = means_of_all(table, errors[:, 1])
        true = float(errors[:, 2].mean())
        off.append(means[2] - true)
        plainly_off.append(float(table[:, 2].mean()) - true)
        inside += abs(off[-1]) < 1.96 * scatter[2]
        assert means[1] == pytest.approx(float(errors[:, 1].mean()))
    off, plainly_off = torch.tensor(off), torch.tensor(plainly_off)
    assert float(off.square().mean()) < 0.5 * float(plainly_off.square().mean())
    assert inside > 0.9 * 300


def test_parts_that_are_the_whole_clip_are_as_unsure_as_its_noise() -> None:
    generator = torch.Generator().manual_seed(2)
    inside = 0
    for _ in range(300):
        energy = 6e-5 * torch.randn(9, generator=generator, dtype=torch.float64)
        table = torch.stack((1.2e-3 + energy, 1e-3 + energy, 7e-4 + energy), 1)
        means, scatter = means_of_all(table, table[:, 1])
        inside += abs(means[2] - 7e-4) < 1.96 * scatter[2]
    assert inside > 0.88 * 300


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(9, [0, 1, 2, 3, 4, 5, 6, 7, 8]), (20, [2, 3, 4, 5, 6, 7]), (900, [2, 3, 4, 5, 6])],
)
def test_the_ends_of_a_stretch_are_judged_as_often_as_the_clip_has_ends(frames, expected) -> None:
    present = [[0 <= t + offset < 9 for offset in (-2, -1, 1, 2)] for t in range(9)]
    clip = SimpleNamespace(targets=range(9), present=present, offsets=(-2, -1, 1, 2))
    assert typical_targets(clip, frames) == expected


def test_two_parts_are_too_few_to_learn_from() -> None:
    table = torch.tensor([[2e-3, 1e-3, 1e-3], [3e-3, 1e-3, 2e-3]], dtype=torch.float64)
    means, scatter = means_of_all(table, torch.tensor([1e-3, 1e-3], dtype=torch.float64))
    assert means == pytest.approx([2.5e-3, 1e-3, 1.5e-3])
    assert scatter[0] > 0


def test_a_leak_is_a_correlation_even_if_hardly_any_error_was_found() -> None:
    assert as_correlation(1e-4, 1e-9, 6e-3) == 1.0
    assert as_correlation(-1e-4, 1e-9, 6e-3) == -1.0
    assert as_correlation(1e-5, 1e-3, 1e-2) == pytest.approx(1e-5 / 1e-5**0.5)


@pytest.mark.parametrize(("frames", "size"), [(20, (480, 720)), (8, (184, 320)), (3, (64, 64))])
def test_all_frames_and_all_parts_are_judged_alike(frames: int, size: tuple[int, int]) -> None:
    chosen = visits(range(frames), size, torch.Generator().manual_seed(0), 24, 256)
    places = parts(size, 256)
    seen = {(rows.start, columns.start) for _, (rows, columns) in chosen}
    assert len(chosen) == min(24, frames * len(places))
    assert len({(t, p[0].start, p[1].start) for t, p in chosen}) == len(chosen)
    assert len(seen) == len(places)
    assert len({t for t, _ in chosen}) >= min(frames, 24) - 3
    covered = torch.zeros(size)
    for _, part in chosen:
        covered[part] += 1
    assert bool((covered > 0).all())


@pytest.mark.parametrize("targets", [1, 3, JUDGED, 11, 40])
def test_no_frame_is_judged_twice_and_each_part_as_often(targets: int) -> None:
    size = (JUDGED_SIDE + 8, JUDGED_SIDE)
    for seed in range(20):
        chosen = views(targets, size, torch.Generator().manual_seed(seed))
        assert len({target for target, _ in chosen}) == len(chosen) == min(targets, JUDGED)
        assert all(0 <= target < targets for target, _ in chosen)
        upper = sum(rows.start == 0 for _, (rows, _) in chosen)
        assert abs(2 * upper - len(chosen)) <= 1
