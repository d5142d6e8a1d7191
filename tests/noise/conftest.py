import pytest
import torch
from torch import Tensor
from torch.nn import functional


def make_scene(frames: int = 8, height: int = 176, width: int = 208) -> Tensor:
    """(T, 3, H, W) in [0.1, 0.9]: soft shapes and a patch of fine texture that drift."""
    generator = torch.Generator().manual_seed(7)
    seeds = torch.rand(1, 3, 6, 8, generator=generator)
    field = functional.interpolate(
        seeds, size=(height + 32, width + 32), mode="bicubic", align_corners=False
    )[0].clamp(0, 1)
    field[:, 60:110, 60:140] += 0.25 * (torch.rand(3, 50, 80, generator=generator) - 0.5)
    field[:, 120:160, 20:70] = 0.2
    field = 0.1 + 0.8 * field.clamp(0, 1)
    return torch.stack(
        [field[:, t : t + height, 2 * t : 2 * t + width] for t in range(frames)]
    ).contiguous()


@pytest.fixture(scope="session")
def scene() -> Tensor:
    return make_scene()
