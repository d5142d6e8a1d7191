"""Clips that every test may use; nothing here needs a network or a GPU."""

import signal

import pytest
import torch
from torch import Tensor

from synthetic import moving_clip

# More threads than cores would wait for each other.
torch.set_num_threads(min(2, torch.get_num_threads()))

# A shell lets its jobs in the background ignore Ctrl-C, and they hand that on to what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def clean() -> Tensor:
    """Six frames of 48 x 64."""
    return moving_clip(6, 48, 64)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded source of randomness."""
    return torch.Generator().manual_seed(0)
