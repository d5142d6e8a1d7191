"""Fixed pattern and hot pixels: found where they are, and nothing else touched."""

import numpy as np
import pytest
import torch

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.array import ArrayReader
from f2r.noise.fixed_pattern import find_fixed_pattern
from f2r.run.repair import Defects, RepairedReader, repaired

SIGMA = 0.05


def residual(pattern: torch.Tensor | float = 0.0, frames: int = 12) -> torch.Tensor:
    noise = torch.randn(frames, 1, 64, 80, generator=torch.Generator().manual_seed(0))
    return SIGMA * noise + pattern


def offsets(height: int, width: int) -> torch.Tensor:
    return 0.03 * torch.randn(1, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("part", "shape"), [("rows", (64, 1)), ("columns", (1, 80))])
def test_lines_are_found_to_a_fraction_of_the_noise(part: str, shape: tuple[int, int]) -> None:
    true = offsets(*shape)
    found = find_fixed_pattern(residual(true))
    assert found is not None
    assert getattr(found, part) == pytest.approx(float(true.std()), rel=0.15)
    left = found.offsets - (true - true.mean())
    assert float(left.std()) < 0.1 * SIGMA
    assert found.pixels == 0.0


def test_pixels_are_shrunk_so_that_removal_never_harms() -> None:
    true = offsets(64, 80)
    found = find_fixed_pattern(residual(true))
    assert found is not None
    assert found.pixels == pytest.approx(0.03, rel=0.1)
    before, after = true.std(), (true - found.offsets).std()
    assert float(after) < 0.5 * float(before)


def test_noise_alone_has_no_pattern() -> None:
    found = find_fixed_pattern(residual())
    assert found is not None
    assert max(found.rows, found.columns, found.pixels) == 0
    assert float(found.offsets.abs().max()) == 0.0
    assert find_fixed_pattern(residual(frames=3)) is None


def clip_with_hot_pixels() -> np.ndarray:
    rng = np.random.default_rng(0)
    clip = (0.4 + 0.02 * rng.standard_normal((6, 40, 48, 3))).astype(np.float32)
    clip[:, 10, 12] = 1.0
    clip[:, 30, 40, 1] = 0.0
    return clip


def test_hot_pixels_are_repaired_while_reading() -> None:
    clip = clip_with_hot_pixels()
    reader, repair = repaired(ArrayReader(clip), DenoiseConfig(hot_pixels="remove"))
    assert repair.hot_pixels == 2
    frames = np.stack(list(reader))
    assert abs(frames[:, 10, 12] - 0.4).max() < 0.1
    assert abs(frames[:, 30, 40, 1] - 0.4).max() < 0.1
    same = np.ones(clip.shape, bool)
    same[:, 10, 12] = same[:, 30, 40, 1] = False
    assert np.array_equal(frames[same], clip[same])
    assert reader.info.frames == 6


def test_without_a_wish_nothing_is_repaired() -> None:
    reader = ArrayReader(clip_with_hot_pixels())
    assert repaired(reader, DenoiseConfig()) == (reader, None)


def test_offsets_are_subtracted_while_reading() -> None:
    pattern = offsets(40, 48).expand(3, -1, -1)
    reader = RepairedReader(ArrayReader(clip_with_hot_pixels()), Defects(None, pattern))
    first = next(iter(reader))
    expected = clip_with_hot_pixels()[0] - pattern.permute(1, 2, 0).numpy()
    assert np.allclose(first, expected, atol=1e-6)


def test_other_wishes_are_refused() -> None:
    with pytest.raises(InputError, match="hot_pixels"):
        DenoiseConfig(hot_pixels="maybe")
