"""Memory of a run, and the largest tile within a budget.

The model is linear: bytes per pixel of the window, bytes per pixel of a tile, and a constant for
the program.
"""

from dataclasses import dataclass

import torch

from f2r.flow.estimator import coarseness
from f2r.method.planes import PlaneLayout
from f2r.method.tiles import GRID

PROGRAM = 0.45 * 2**30
"""Bytes of libraries, networks and their scratch memory."""

WINDOW = 6 * (12 + 12 + 8) + 3 * 16
"""Bytes per pixel of a plane: six frames with noisy and denoised levels and two flows; of three
of them also the lumas that flow is estimated on."""

FUSION = 5 * 12 + 3 * 12 + 2 * 8 + 24
"""Bytes per pixel of a plane for fusion: five refined frames, three anchors, the flows of two
frames and the levels of one frame that has left the window."""

FLOW = 220
"""Bytes per pixel of a DIS search, which runs before the tiles."""

FEATURES = 6 * (12 + 26) + 3 * 24
"""Additional bytes per pixel where frames are computed whole: noise level and features, and for
three frames the alignment of their neighbours."""

BORDER = 12 * 11
"""Bytes per pixel of a colour frame at the border: decoded, read ahead, split into planes,
estimated, merged, packed and encoded."""

WORK = 1150
"""Bytes per pixel of a tile: aligned neighbours and the largest layers."""

DRAFT = 12 * 6 + 160
"""Bytes per pixel of a plane in a draft: frames and states, and the features of the network."""

DEFAULT = 2.5 * 2**30
"""Budget on a processor, in bytes."""

GPU_SHARE = 0.8
"""Share of a GPU's free memory that is the budget there."""

SMALLEST_PLANNED = 640
"""Smallest planned tile in pixels; the halos of smaller ones cost more than the tiles."""


@dataclass(frozen=True)
class MemoryPlan:
    """Expected memory of inference, bytes."""

    window: float
    """Frames in memory, those being read and written included."""
    work: float
    """The larger of the work on a tile and the search for the flow."""
    side: int
    """Side of the largest tile in pixels, halo included."""

    is_whole: bool
    """Whether frames are computed at once."""

    @property
    def total(self) -> float:
        """Sum, with the program itself."""
        return PROGRAM + self.window + self.work


def plan_draft_memory(layout: PlaneLayout) -> MemoryPlan:
    """Expect the memory of a draft, which always computes whole frames."""
    height, width = layout.padded
    border = BORDER * height * width * max(sum(map(len, layout.groups)) / 3, 1)
    return MemoryPlan(border, DRAFT * height * width, max(height, width), True)


def plan_memory(layout: PlaneLayout, device: torch.device, gib: float | None) -> MemoryPlan:
    """Choose the size of tiles.

    Args:
        layout: the clip's frames and planes.
        device: where the networks run.
        gib: budget in GiB; None takes what suits the device.
    """
    height, width = layout.padded
    pixels = height * width
    planes = sum(max(len(group), 3) for group in layout.groups) / 3  # of three channels
    border = BORDER * pixels * max(sum(map(len, layout.groups)) / 3, 1)
    budget = _default(device) if gib is None else gib * 2**30
    whole = MemoryPlan(
        (WINDOW + FUSION + FEATURES) * planes * pixels + border,
        WORK * pixels,
        max(height, width),
        True,
    )
    if whole.total <= budget:
        return whole
    window = (WINDOW + FUSION) * planes * pixels + border
    affordable = max((budget - PROGRAM - window) / WORK, 0) ** 0.5
    side = min(max(int(affordable) // GRID * GRID, SMALLEST_PLANNED), max(height, width) - GRID)
    searched = pixels / coarseness((height, width)) ** 2
    work = max(WORK * min(side, height) * min(side, width), FLOW * searched)
    return MemoryPlan(window, work, side, False)


def _default(device: torch.device) -> float:
    if device.type != "cuda":
        return DEFAULT
    free, _ = torch.cuda.mem_get_info(device)
    return GPU_SHARE * free
