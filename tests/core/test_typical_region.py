"""The part of a frame on which quality is measured is like the whole frame."""

import numpy as np
import pytest

from f2r.run.typical_region import typical_region


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
