"""The part of a frame on which quality is measured is like the whole frame."""

import numpy as np
import pytest

from f2r.config import DenoiseConfig
from f2r.io.array import ArrayReader
from f2r.method.planes import RAW_GROUP, PlaneLayout
from f2r.run.sampling import in_planes, take_sample
from f2r.run.typical_region import surrounding, typical_region
from f2r.train.sample import Region


def busy_middle(height: int = 288, width: int = 384) -> list[np.ndarray]:
    """Make two noisy frames: texture that moves in the middle, nothing around it."""
    rng = np.random.default_rng(1)
    texture = rng.random((height // 16, width // 16 + 1)).repeat(8, 0).repeat(8, 1)
    frames = []
    for shift in (0, 4):
        frame = np.full((height, width, 3), 0.4)
        middle = frame[height // 4 : -height // 4, width // 4 : -width // 4]
        middle[:] = texture[:, shift : shift + width // 2, None]
        frames.append((frame + 0.05 * rng.standard_normal(frame.shape)).astype(np.float32))
    return frames


def detail(frame: np.ndarray) -> float:
    """Measure how much neighbouring blocks differ."""
    rows, columns = (side // 8 * 8 for side in frame.shape[:2])
    blocks = frame[:rows, :columns].reshape(rows // 8, 8, columns // 8, 8, -1).mean((1, 3, 4))
    return float(np.abs(np.diff(blocks, axis=1)).mean())


def test_detail_is_that_of_the_whole_frame() -> None:
    frames = busy_middle()
    region = typical_region(frames, (144, 192))
    central = frames[0][72:216, 96:288]
    assert detail(central) > 1.8 * detail(frames[0])
    assert detail(region.cut(frames[0])) == pytest.approx(detail(frames[0]), rel=0.25)


@pytest.mark.parametrize("shape", [(270, 481, 3), (64, 90, 1), (9, 300, 3)])
@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
def test_part_lies_in_the_frame_at_even_places(shape: tuple[int, ...], share: float) -> None:
    frames = list(np.random.default_rng(0).random((3, *shape), np.float32))
    size = (max(int(shape[0] * share), 1), max(int(shape[1] * share), 1))
    region = typical_region(frames, size)
    assert region.cut(frames[0]).shape[:2] == size
    assert min(region.top, region.left) >= 0
    assert region.top % 2 == 0
    assert region.left % 2 == 0


def test_flat_frames_are_no_trouble() -> None:
    frames = [np.zeros((128, 160, 1), np.uint8)] * 2
    assert typical_region(frames, (64, 64)).height == 64


@pytest.mark.parametrize(("top", "left"), [(0, 0), (40, 60), (80, 100)])
def test_a_region_grows_within_the_frame_and_is_contained(top: int, left: int) -> None:
    inner = Region(top, left, 20, 30)
    grown = surrounding(inner, (50, 70), (101, 131))
    assert grown[2:] == (50, 70)
    assert 0 <= grown.top <= top
    assert 0 <= grown.left <= left
    assert inner.top + inner.height <= grown.top + grown.height <= 101
    assert inner.left + inner.width <= grown.left + grown.width <= 131


def test_the_part_of_the_whole_frames_is_the_part_that_is_prepared() -> None:
    frames = np.random.default_rng(3).random((20, 720, 1280, 3), np.float32)
    sample = take_sample(ArrayReader(frames), DenoiseConfig(preset="fast"))
    whole, judged = sample.wholes[0], sample.judged[0]
    plane = whole.planes[0][0]
    assert plane.shape[1:] == (720, 1280)
    part = plane[:, whole.part.top :, whole.part.left :][:, : judged.height, : judged.width]
    prepared = sample.stretches[0][0][0][:, judged.top :, judged.left :]
    assert (judged.height, judged.width) != (720, 1280)
    assert np.array_equal(part, prepared[:, : judged.height, : judged.width])


@pytest.mark.parametrize("flips", [(), (1,), (2,), (1, 2)])
def test_a_region_follows_the_flips_of_raw(flips: tuple[int, ...]) -> None:
    frame, region = np.random.default_rng(4).random((64, 96, 4), np.float32), Region(8, 16, 32, 40)
    layout = PlaneLayout(64, 96, (RAW_GROUP,), flips)
    place = in_planes(region, layout)
    cut = PlaneLayout(32, 40, (RAW_GROUP,), flips).split(region.cut(frame))[0]
    assert np.array_equal(layout.split(frame)[0][:, place.top :, place.left :][:, :32, :40], cut)
