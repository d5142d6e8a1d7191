"""Processes started by `accelerate launch`; a single process otherwise."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from f2r.errors import InputError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """Index of this process and number of processes."""

    index: int = 0
    """Index of this process; 0 is the main process."""
    count: int = 1
    """Number of processes; >= 1."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.index == 0

    def share(self, items: Sequence[Value]) -> list[Value]:
        """Select the items of this process; every item goes to exactly one process."""
        return list(items[self.index :: self.count])

    def mean(self, values: Tensor) -> Tensor:
        """Average a tensor over all connected processes."""
        if self.count == 1:
            return values
        from accelerate.utils import reduce

        averaged: Tensor = reduce(values, "mean")
        return averaged

    def same(self, value: Value) -> Value:
        """Broadcast the value of the main process."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        shared: list[Value] = broadcast_object_list([value])
        return shared[0]


def launched() -> Processes:
    """Read index and number of processes from the environment, without connecting."""
    if "RANK" not in os.environ:
        return Processes()
    return Processes(int(os.environ["RANK"]), int(os.environ.get("WORLD_SIZE", "1")))


def connect(device_type: str) -> Processes:
    """Connect the launched processes: gloo between CPUs, NCCL between CUDA devices.

    Raises:
        InputError: there are several processes and accelerate is not installed.
    """
    processes = launched()
    if processes.count > 1:
        try:
            from accelerate import PartialState
        except ImportError:
            raise InputError(
                "several processes need accelerate: pip install 'frames2residual[distributed]'"
            ) from None
        PartialState(cpu=device_type == "cpu")
    return processes
