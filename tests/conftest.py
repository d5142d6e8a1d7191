"""Clips that every test may use; nothing here needs a network or a GPU."""

import pytest
import torch
from torch import Tensor

from synthetic import moving_clip

torch.set_num_threads(2)


@pytest.fixture
def clean() -> Tensor:
    """Six frames of 48 x 64."""
    return moving_clip(6, 48, 64)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of randomness."""
    return torch.Generator().manual_seed(0)
