"""Clips that every test may use; nothing here needs a network or a GPU."""

import signal

import numpy as np
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


@pytest.fixture
def clip_file(tmp_path):
    """A clip of three frames on disk."""
    (tmp_path / "in").mkdir()
    frames = moving_clip(3, 24, 32).permute(0, 2, 3, 1).numpy()
    np.save(tmp_path / "in" / "clip.npy", (frames * 255).round().astype(np.uint8))
    return tmp_path / "in" / "clip.npy"


@pytest.fixture
def work(tmp_path):
    """An empty folder for outputs."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"
