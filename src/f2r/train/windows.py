"""Training crops: a patch of a target frame with the patches of its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from f2r.method.prepared_clip import PreparedClip
from f2r.models.prior import joint_input
from f2r.train.crops import Crops, augment

TILE = 32
"""Side of the tiles that can be held out of training, in pixels."""

SPARSE = 4
"""Step of the rows and columns of a flow from which the median displacement of a crop is taken."""

MARGIN = 8
"""Pixels by which a neighbour's crop is larger than the target's on each side."""


@dataclass(frozen=True)
class CropConfig:
    """Size of training crops."""

    side: int = 128
    """Side of a target crop in pixels; a multiple of 8; smaller frames are used whole."""
    batch: int = 6
    """Crops a step; > 0."""
    clips: int = 1
    """Clips that the crops of a step come from, each with an equal number of them; > 0."""
    drop: float = 0.08
    """Probability that a neighbour is left out, as at clip ends and cuts; in [0, 1)."""
    varied: bool = True
    """Mirror, transpose and reverse in time at random. It helps weights for many clips and harms
    adaptation to one clip."""
    mirrored: bool = True
    """Mirroring is included; not for raw planes, whose colours have offsets."""


class Place(NamedTuple):
    """Where a crop lies."""

    frame: int
    top: int
    left: int


class CropSampler:
    """Draws places in one or more clips, uniformly over targets and positions.

    Args:
        clips: what to train on; each has a target.
        config: crop sizes.
    """

    def __init__(self, clips: Sequence[PreparedClip], config: CropConfig) -> None:
        self.clips, self.config = clips, config
        self.weights = torch.tensor([float(len(clip.targets)) for clip in clips])
        smallest = min(side for clip in clips for side in clip.size)
        self.common = max((smallest - 2 * MARGIN) // 8 * 8, 8)

    @property
    def has_clean(self) -> bool:
        """Whether every clip has its clean frames as targets."""
        return all(clip.clean for clip in self.clips)

    def draw_parts(self, generator: torch.Generator) -> list[tuple[PreparedClip, list[Place], int]]:
        """Choose the clips of a step, the places in each, and the side of the crops."""
        return [self.draw_places(generator) for _ in range(self.config.clips)]

    def draw_places(self, generator: torch.Generator) -> tuple[PreparedClip, list[Place], int]:
        """Choose a clip, places in it, and the side of the crops."""
        choice = int(torch.multinomial(self.weights, 1, generator=generator))
        clip = self.clips[choice]
        height, width = clip.size
        side = min(self.config.side, height, width)
        side = side if self.config.clips == 1 else min(side, self.common)
        count = -(-self.config.batch // self.config.clips)
        spots = torch.rand(count, 3, generator=generator).tolist()
        places = [
            Place(
                clip.targets[int(t * len(clip.targets))],
                int(v * (height - side) / 2 + 0.5) * 2,
                int(u * (width - side) / 2 + 0.5) * 2,
            )
            for t, v, u in spots
        ]
        return clip, places, side

    def draw(self, generator: torch.Generator) -> Crops:
        """Draw a batch for stage 1, flipped and reversed in time at random if so configured."""
        parts = [crop_windows(*part) for part in self.draw_parts(generator)]
        batch = Crops(*(torch.cat(part) for part in zip(*parts, strict=True)))
        kept = torch.rand(batch.present.shape, generator=generator) >= self.config.drop
        batch = batch._replace(present=_keep_some(batch.present, kept.to(batch.present.device)))
        return augment(batch, *self.draw_flips(generator))

    def draw_flips(self, generator: torch.Generator) -> tuple[bool, bool, bool, bool]:
        """Draw whether to mirror across and upside down, to transpose, to reverse in time."""
        if not self.config.varied:
            return False, False, False, False
        across, upside_down, turn, backwards = torch.randint(0, 2, (4,), generator=generator) > 0
        mirrored = self.config.mirrored
        return (
            mirrored and bool(across),
            mirrored and bool(upside_down),
            bool(turn),
            bool(backwards),
        )


def crop_windows(clip: PreparedClip, places: Sequence[Place], side: int) -> Crops:
    """Cut a batch of targets of side `side` with their neighbours."""
    shifts = _shifts(clip, places, side)
    crops = [_crop_window(clip, place, side, s) for place, s in zip(places, shifts, strict=True)]
    return Crops(*(torch.stack(parts) for parts in zip(*crops, strict=True)))


def trained_pixels(clip: PreparedClip, place: Place, side: int) -> Tensor:
    """Give the pixels of a crop that the losses may use: (1, side, side) bool."""
    if clip.held_out is None:
        return clip.frames[0].noisy.new_ones((1, side, side), dtype=torch.bool)
    rows, columns = ((start + torch.arange(side)) // TILE for start in (place.top, place.left))
    trained = ~clip.held_out[place.frame][rows][:, columns][None]
    return trained.to(clip.frames[0].noisy.device)


def _keep_some(present: Tensor, kept: Tensor) -> Tensor:
    remaining = present & kept
    return torch.where(remaining.any(1, keepdim=True), remaining, present)


def _crop(place: Place, side: int, step: int = 1) -> tuple[Any, ...]:
    rows, columns = (slice(start, start + side, step) for start in (place.top, place.left))
    return (..., rows, columns)


def _shifts(
    clip: PreparedClip, places: Sequence[Place], side: int
) -> list[list[tuple[float, float]]]:
    """Give the usual displacement (x, y) of each neighbour in each crop."""
    flows = [clip.host_flows[p.frame][_crop(p, side, SPARSE)] for p in places]
    medians = torch.stack(flows).float().flatten(3).median(dim=3).values
    shifts: list[list[tuple[float, float]]] = medians.tolist()
    return shifts


def _crop_window(
    clip: PreparedClip, place: Place, side: int, shifts: Sequence[tuple[float, float]]
) -> tuple[Tensor, ...]:
    height, width = clip.size
    frame, around = clip.frames[place.frame], clip.neighbours[place.frame]
    here = _crop(place, side)
    flow = around.flow[here].float()
    size = (min(side + 2 * MARGIN, height), min(side + 2 * MARGIN, width))
    joints, sigmas, starts = [], [], []
    for n, (offset, (shift_x, shift_y)) in enumerate(zip(clip.offsets, shifts, strict=True)):
        index = place.frame + offset if clip.present[place.frame][n] else place.frame
        top = _start(place.top + shift_y - MARGIN, size[0], height)
        left = _start(place.left + shift_x - MARGIN, size[1], width)
        there = (..., slice(top, top + size[0]), slice(left, left + size[1]))
        neighbour = clip.frames[index]
        noisy, denoised = neighbour.noisy[there], neighbour.denoised[there]
        if index == place.frame:  # absent: frame t itself must not slip in
            noisy, denoised = torch.zeros_like(noisy), torch.zeros_like(denoised)
        joints.append(joint_input(noisy[None], denoised[None])[0])
        sigmas.append(neighbour.sigma[there])
        starts.append((float(place.left - left), float(place.top - top)))
    into = torch.tensor(starts).to(flow.device)[..., None, None]
    return (
        clip.target(place.frame)[here],
        frame.sigma[here].square().mean(),
        trained_pixels(clip, place, side),
        clip.warped(place.frame)[here].float(),
        torch.stack(joints),
        torch.stack(sigmas),
        flow + into,
        around.visible[here].float(),
        around.present.to(flow.device),
    )


def _start(wanted: float, size: int, limit: int) -> int:
    """Round to the grid of the coarsest scale and keep the crop inside the frame."""
    return min(max(round(wanted / 8) * 8, 0), (limit - size) // 2 * 2)
