"""Processes that work together, started by `accelerate launch`; a process alone otherwise."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import Tensor

from f2r.errors import InputError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """This process among those that work together."""

    index: int = 0
    """Number of this process; 0 is the main one, which writes files and reports."""
    count: int = 1
    """How many there are; >= 1."""

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and reports."""
        return self.index == 0

    def share(self, items: Sequence[Value]) -> list[Value]:
        """Give this process's part of `items`: each goes to exactly one process."""
        return list(items[self.index :: self.count])

    def mean(self, values: Tensor) -> Tensor:
        """Average a tensor over the connected processes; all get the same."""
        if self.count == 1:
            return values
        from accelerate.utils import reduce

        averaged: Tensor = reduce(values, "mean")
        return averaged

    def same(self, value: Value) -> Value:
        """Give every connected process the value of the main one."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        shared: list[Value] = broadcast_object_list([value])
        return shared[0]


def launched() -> Processes:
    """Say which of the launched processes this is, without connecting to the others."""
    if "RANK" not in os.environ:
        return Processes()
    return Processes(int(os.environ["RANK"]), int(os.environ.get("WORLD_SIZE", "1")))


def connect(device_type: str) -> Processes:
    """Connect the launched processes: gloo between CPUs, NCCL between CUDA devices.

    Raises:
        InputError: there are several, and accelerate is not installed.
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
