"""How much memory a run takes, and how large tiles may be to stay within a budget.

A model as simple as it can be: so many bytes for every pixel of a frame in the window, so many for
every pixel of a tile, plus what the program takes before it has seen a frame.
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
"""Bytes per pixel of a plane that waits to be fused: five refined frames, three anchors, the flows
of two frames and the levels of one that the window has let go of."""

FLOW = 220
"""Bytes per pixel that DIS takes for a search, before any tile is computed."""

FEATURES = 6 * (12 + 26) + 3 * 24
"""Bytes per pixel that frames computed at once keep besides: noise level and encoded features, and
of three of them how their neighbours align."""

BORDER = 12 * 11
"""Bytes per pixel of a colour frame on its way in and out: decoded, being read ahead, split into
planes, estimated, merged, packed and encoded."""

WORK = 1150
"""Bytes per pixel of a tile: aligned neighbours and the layers that hold most at a time."""

DEFAULT = 2.5 * 2**30
"""Budget on a processor, in bytes."""

SHARE = 0.8
"""Share of a GPU's free memory that is the budget there."""

SMALLEST = 640
"""Tiles are not planned smaller than this: their rims would cost more than the tiles."""


@dataclass(frozen=True)
class MemoryPlan:
    """What inference is expected to take; bytes."""

    window: float
    """Frames that are held, on their way in and out included."""
    work: float
    """What a tile needs while it is computed, or the search for the flow, which comes before."""
    side: int
    """Side of the largest tile in pixels, rim included."""

    is_whole: bool
    """Whether frames are computed at once."""

    @property
    def total(self) -> float:
        """All of it, with the program itself."""
        return PROGRAM + self.window + self.work


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
    side = min(max(int(affordable) // GRID * GRID, SMALLEST), max(height, width) - GRID)
    searched = pixels / coarseness((height, width)) ** 2
    work = max(WORK * min(side, height) * min(side, width), FLOW * searched)
    return MemoryPlan(window, work, side, False)


def _default(device: torch.device) -> float:
    if device.type != "cuda":
        return DEFAULT
    free, _ = torch.cuda.mem_get_info(device)
    return SHARE * free
