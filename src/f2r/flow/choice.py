"""Choose the flow estimator of a run."""

import torch

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow, FlowEstimator
from f2r.flow.variational import VariationalFlow


def choose_flow(name: str, device: torch.device) -> FlowEstimator:
    """Build an estimator from 'auto', 'dis' or 'variational'.

    'auto' is DIS, except on CUDA devices: DIS runs on the CPU, and the device would wait for it.

    Raises:
        InputError: the name is unknown.
    """
    if name == "auto":
        name = "variational" if device.type == "cuda" else "dis"
    if name == "dis":
        return DisFlow()
    if name == "variational":
        return VariationalFlow()
    raise InputError(f"flow '{name}' is unknown: use auto, dis or variational")
