"""Precision of the networks: bfloat16 inside, float32 outside."""

import torch


def mixed_precision(device: torch.device) -> torch.autocast:
    """Give the context in which every network runs, in training and in inference."""
    return torch.autocast(device.type, torch.bfloat16)
