"""Training crops: a patch of a target frame with the patches of its neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from f2r.method.prepared_clip import PreparedClip
from f2r.models.prior import joint_input
from f2r.train.crops import Crops, augment

TILE = 32
"""Side of the tiles that can be held out of training, in pixels."""

SPARSE = 8
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
    around = _neighbour_places(clip, places, side)
    flat = [place for row in around for place in row]
    square, wide = (side, side), _wide(clip, side)
    own = [clip.neighbours[place.frame] for place in places]
    flow = cut([part.flow for part in own], places, square).float()
    present = torch.stack([part.present for part in own]).to(flow.device)
    noisy, denoised, sigma = (
        cut([getattr(clip.frames[p.frame], name) for p in flat], flat, wide)
        for name in ("noisy", "denoised", "sigma")
    )
    joint = joint_input(noisy, denoised).unflatten(0, present.shape)
    level = cut([clip.frames[p.frame].sigma for p in places], places, square)
    return Crops(
        cut([clip.target(p.frame) for p in places], places, square),
        level.square().mean((1, 2, 3)),
        trained_pixels(clip, places, side),
        cut([clip.warped(p.frame) for p in places], places, square).float(),
        # In place of an absent neighbour stands frame t, which must not slip in.
        joint.masked_fill(~present[..., None, None, None], 0),
        sigma.unflatten(0, present.shape),
        flow + _offsets(places, around).to(flow.device)[..., None, None],
        cut([part.visible for part in own], places, square).float(),
        present,
    )


def cut(images: Sequence[Tensor], places: Sequence[Place], size: tuple[int, int]) -> Tensor:
    """Cut `size` rows and columns at each place, from one image (..., H, W) each, and stack."""
    rows, columns = size
    pairs = zip(images, places, strict=True)
    return torch.stack([x[..., p.top : p.top + rows, p.left : p.left + columns] for x, p in pairs])


def trained_pixels(clip: PreparedClip, places: Sequence[Place], side: int) -> Tensor:
    """Give the pixels of crops that the losses may use: (B, 1, side, side) bool."""
    device = clip.frames[0].noisy.device
    if clip.held_out is None:
        return torch.ones((len(places), 1, side, side), dtype=torch.bool, device=device)
    masks = [_trained_tiles(clip.held_out[place.frame], place, side) for place in places]
    return torch.stack(masks)[:, None].to(device)


def _trained_tiles(held_out: Tensor, place: Place, side: int) -> Tensor:
    """Give the pixels of a crop that lie outside (rows, columns) held-out tiles."""
    rows, columns = ((start + torch.arange(side)) // TILE for start in (place.top, place.left))
    return ~held_out[rows][:, columns]


def _keep_some(present: Tensor, kept: Tensor) -> Tensor:
    remaining = present & kept
    return torch.where(remaining.any(1, keepdim=True), remaining, present)


def _neighbour_places(clip: PreparedClip, places: Sequence[Place], side: int) -> list[list[Place]]:
    """Give where the N neighbours of each crop are cut: where the crop has usually moved to."""
    (height, width), size = clip.size, _wide(clip, side)
    return [
        [
            Place(
                place.frame + offset if exists else place.frame,
                _start(place.top + shift_y - MARGIN, size[0], height),
                _start(place.left + shift_x - MARGIN, size[1], width),
            )
            for offset, exists, (shift_x, shift_y) in zip(
                clip.offsets, clip.present[place.frame], shifts, strict=True
            )
        ]
        for place, shifts in zip(places, _shifts(clip, places, side), strict=True)
    ]


def _wide(clip: PreparedClip, side: int) -> tuple[int, int]:
    """Give rows and columns of the crops of neighbours."""
    height, width = clip.size
    return min(side + 2 * MARGIN, height), min(side + 2 * MARGIN, width)


def _shifts(
    clip: PreparedClip, places: Sequence[Place], side: int
) -> list[list[tuple[float, float]]]:
    """Give the usual displacement (x, y) of each neighbour in each crop."""
    flows = [
        clip.host_flows[p.frame][
            ..., p.top : p.top + side : SPARSE, p.left : p.left + side : SPARSE
        ]
        for p in places
    ]
    medians = torch.stack(flows).float().flatten(3).median(dim=3).values
    shifts: list[list[tuple[float, float]]] = medians.tolist()
    return shifts


def _offsets(places: Sequence[Place], around: Sequence[Sequence[Place]]) -> Tensor:
    """Give the (B, N, 2) steps (x, y) from the corner of each neighbour's crop to the target's."""
    return torch.tensor(
        [
            [(float(place.left - n.left), float(place.top - n.top)) for n in row]
            for place, row in zip(places, around, strict=True)
        ]
    )


def _start(wanted: float, size: int, limit: int) -> int:
    """Round to the grid of the coarsest scale and keep the crop inside the frame."""
    return min(max(round(wanted / 8) * 8, 0), (limit - size) // 2 * 2)
