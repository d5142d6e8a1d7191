"""Which methods trained long enough on the clips to be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Case: TypeAlias = Mapping[str, Any]
"""Content of the JSON of one case."""


@dataclass(frozen=True)
class LeftOut:
    """A method that was stopped too early."""

    method: str
    """Its name."""
    steps: int
    """Fewest optimiser steps that it took on a clip."""
    needed: int
    """Steps below which its figures say nothing of it."""


def too_short(cases: Sequence[Case], least: Mapping[str, int]) -> list[LeftOut]:
    """Find the methods that took too few steps on some clip.

    Args:
        cases: measured cases.
        least: steps that each method needs, by name.
    """
    found = []
    for name, needed in least.items():
        steps = [case["steps"] for case in cases if case["identity"]["method"] == name]
        if steps and min(steps) < needed:
            found.append(LeftOut(name, min(steps), needed))
    return found
