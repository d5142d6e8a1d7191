"""Which flow estimator a run uses."""

import torch

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow, FlowEstimator
from f2r.flow.variational import VariationalFlow


def choose_flow(name: str, device: torch.device) -> FlowEstimator:
    """Turn 'auto', 'dis' or 'variational' into an estimator.

    'auto' is DIS, except on CUDA devices: DIS works on the CPU, and the copies there and back
    would keep the device waiting.
    """
    if name == "auto":
        name = "variational" if device.type == "cuda" else "dis"
    if name == "dis":
        return DisFlow()
    if name == "variational":
        return VariationalFlow()
    raise InputError(f"flow '{name}' is unknown: use auto, dis or variational")
