"""Network that estimates the noise level of coded video before encoding.

A codec removes the highest frequencies, flat blocks and small changes between frames. The rest
depends on noise and quantiser in a way without a closed form; the network was trained on clips from
real encoders.
"""

import json
import math
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from f2r.errors import InputError
from f2r.models.layers import channels_last

PATCH_SIDE = 64
"""Rows and columns of a patch in pixels; a multiple of 8."""

LEVEL_QUANTILES = (0.1, 0.5, 0.65, 0.9)
"""Probabilities of the four quantiles of the output."""

LEAST_LEVEL = 0.25
"""Added to the remaining error before the logarithm, in 8-bit units."""

PLANES = 5
VIEWS = 6
"""Number of weighted means over the descriptions of the patches."""

BLOCK_SIDE = 8
"""Side of a codec's usual block, in pixels."""
BANDS = ((1, 2), (3, 4), (5, 7), (8, 10), (11, 14))
"""First and last sum of the two frequencies of each band of a block's cosine transform."""
BLOCK_QUANTILES = torch.tensor([0.05, 0.15, 0.3, 0.5, 0.7, 0.9])
"""Quantiles over blocks."""
SEARCH_RADIUS = 3
"""Search range for blocks in the frames before and after, in pixels."""
SOUGHT = 2 * BLOCK_SIDE
"""Side of a block that is searched for."""
BAND_NUMBERS = len(BANDS) * (len(BLOCK_QUANTILES) + 1)
MOTION_NUMBERS = 6 * len(BLOCK_QUANTILES) + 6 + BAND_NUMBERS
MEASURED_NUMBERS = 3 * BAND_NUMBERS + MOTION_NUMBERS
KIND = "noise_level"


class NoiseLevels(NamedTuple):
    """Output of the network for a batch of clips."""

    levels: Tensor
    """(B, 4) log2 of the standard deviation of the luma's noise before coding, in 8-bit units;
    rising, at `LEVEL_QUANTILES`."""
    free: Tensor
    """(B,) logit of the probability that the clip had no noise."""
    remaining: Tensor
    """(B,) log2 of the root mean square error after coding plus `LEAST_LEVEL`, in 8-bit units."""


class NoiseLevelNet(nn.Module):
    """Weighs patches of three consecutive frames.

    Learned descriptions of the patches are combined with measurements of all 8x8 blocks: the energy
    in each band of their cosine transforms.

    Args:
        widths: channels of the convolutions, two at 1/4 and one at 1/8 of the resolution.
        hidden: channels of the description of a patch.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 32, 48), hidden: int = 48) -> None:
        super().__init__()
        self.config = {"widths": widths, "hidden": hidden}
        first, second, third = widths
        self.body = nn.Sequential(
            nn.Conv2d(PLANES, first, 8, 4, 2),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(second, third, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(third, third, 1),
            nn.ReLU(),
        )
        self.patch = nn.Sequential(nn.Linear(2 * third, hidden), nn.ReLU())
        self.score = nn.Linear(hidden, VIEWS)
        self.clip = nn.Sequential(
            nn.Linear((VIEWS + 2) * hidden + MEASURED_NUMBERS, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, len(LEVEL_QUANTILES) + 2),
        )
        self.blocks = nn.Sequential(
            nn.Linear(MEASURED_NUMBERS, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, len(LEVEL_QUANTILES) + 2),
        )

    def describe(self, patches: Tensor) -> Tensor:
        """Describe clips by their patches, (B, F) numbers, before they are judged.

        Args:
            patches: (B, P, 3, S, S) luma of P patches of the frames before, at and after a time;
                nominal range.
        """
        seen = patch_planes(patches.flatten(0, 1)).contiguous(memory_format=torch.channels_last)
        features = self.body(seen).float().flatten(2)  # (B P, C, S / 8 * S / 8)
        pooled = torch.cat((features.mean(2), features.std(2)), dim=1)
        described = self.patch(pooled).unflatten(0, patches.shape[:2])  # (B, P, hidden)
        weights = torch.softmax(self.score(described), dim=1)
        chosen = torch.einsum("bpk,bph->bkh", weights, described).flatten(1)
        whole = (chosen, described.mean(1), described.std(1))
        return torch.cat((*whole, band_numbers(patches), measure_motion(patches)), dim=1)

    def opinions(self, description: Tensor) -> tuple[NoiseLevels, NoiseLevels]:
        """Estimate levels from the (B, F) numbers of `describe`: all of them, and blocks only."""
        measured = description[:, -MEASURED_NUMBERS:]
        return levels_of(self.clip(description)), levels_of(self.blocks(measured))

    def judge(self, description: Tensor) -> NoiseLevels:
        """Average both estimates, which is more accurate than either."""
        first, second = self.opinions(description)
        return NoiseLevels(*((a + b) / 2 for a, b in zip(first, second, strict=True)))

    def forward(self, patches: Tensor) -> NoiseLevels:
        """Estimate the levels of clips from their patches, (B, P, 3, S, S); see `describe`."""
        return self.judge(self.describe(patches))


def levels_of(output: Tensor) -> NoiseLevels:
    """Make rising quantiles of the first numbers; name the others."""
    count = len(LEVEL_QUANTILES)
    first = 2 + output[:, :1]
    steps = functional.softplus(output[:, 1:count])
    levels = torch.cat((first, first + steps.cumsum(1)), dim=1)
    return NoiseLevels(levels, output[:, count], output[:, count + 1])


def patch_planes(patches: Tensor) -> Tensor:
    """Convert (N, 3, S, S) luma to the input of the network, (N, 5, S, S).

    Three compressed differences (to the surroundings, to the frame before, to the frame after),
    then structure and level of the luma.
    """
    before, now, after = patches.split(1, dim=1)
    around = functional.avg_pool2d(functional.pad(now, (1, 1, 1, 1), mode="replicate"), 3, 1)
    fine = 255 * torch.cat((now - around, before - now, after - now), dim=1)
    shape = 4 * (now - now.mean((2, 3), keepdim=True))
    return torch.cat((fine * (1 + fine.abs()).rsqrt() / 2, shape, now), dim=1)


@torch.no_grad()
def band_numbers(patches: Tensor) -> Tensor:
    """Measure the 8x8 blocks of (B, P, 3, S, S) patches: (B, MEASURED_NUMBERS), each about 0 to 1.

    Per band of the blocks' cosine transform and for the frame itself, its change and its change
    over two frames: distribution of the energy over blocks, and share of empty blocks.
    """
    before, now, after = (255 * patches.float()).unbind(2)
    half = 0.5**0.5
    planes = torch.stack((now, half * (now - before), half * (after - before)), dim=1)
    return _spread_bands(planes)


@torch.no_grad()
def measure_motion(patches: Tensor) -> Tensor:
    """Measure block matching in the neighbouring frames: (B, MOTION_NUMBERS), about 0 to 1.

    Texture moves as a whole; noise differs in each frame. Per block of every second of (B, P, 3, S,
    S) patches: the mean absolute difference at the best of all shifts, without a shift and on
    average over the shifts; how these and their ratios are distributed, and the best one's among
    the smooth, the usual and the busy blocks; then the bands of the difference at the best shift.
    """
    differences = _differences(patches[:, ::2])  # (shifts, B, P, blocks, SOUGHT, SOUGHT)
    sizes = differences.abs().mean((-2, -1)).flatten(2)
    middle = (2 * SEARCH_RADIUS + 1) ** 2 // 2
    still = torch.minimum(sizes[middle], sizes[middle - len(sizes) // 2])
    smallest, where = sizes.min(0)
    best, still, usual = (torch.log2(d + 0.1) for d in (smallest, still, sizes.mean(0)))
    kinds = torch.stack((best, still, usual, best - usual, still - usual, best - still), dim=1)
    ranks = (BLOCK_QUANTILES * (best.shape[1] - 1)).round().long()
    spread = kinds.sort(dim=-1).values[..., ranks].flatten(1)
    order = usual.argsort(dim=1)
    thirds = [t.mean(1) for k in (best, best - usual) for t in k.gather(1, order).chunk(3, dim=1)]
    chosen = where.unflatten(1, differences.shape[2:4])[None, ..., None, None]
    left = differences.take_along_dim(chosen, dim=0)[0].flatten(1, 2)
    bands = _spread_bands(0.5**0.5 * left[:, None])
    return torch.cat((spread / 5, torch.stack(thirds, dim=1) / 5, bands), dim=1)


def _differences(patches: Tensor) -> Tensor:
    """Compare the blocks in the middle of (B, P, 3, S, S) patches with both frames around.

    Returns:
        (shifts, B, P, blocks, SOUGHT, SOUGHT) differences in 8-bit units, at all shifts of the
        frame before, then of that after.
    """
    before, now, after = (255 * patches.float()).unbind(2)
    inside = slice(BLOCK_SIDE, PATCH_SIDE - BLOCK_SIDE)
    moved = torch.stack(
        [
            other[
                ...,
                BLOCK_SIDE + down : PATCH_SIDE - BLOCK_SIDE + down,
                BLOCK_SIDE + right : PATCH_SIDE - BLOCK_SIDE + right,
            ]
            for other in (before, after)
            for down in range(-SEARCH_RADIUS, SEARCH_RADIUS + 1)
            for right in range(-SEARCH_RADIUS, SEARCH_RADIUS + 1)
        ]
    )
    return _blocks(moved - now[..., inside, inside], SOUGHT).flatten(-4, -3)


def _blocks(planes: Tensor, side: int) -> Tensor:
    """Cut (..., H, W) into (..., H / side, W / side, side, side)."""
    return planes.unflatten(-1, (-1, side)).unflatten(-3, (-1, side)).transpose(-3, -2)


def _spread_bands(planes: Tensor) -> Tensor:
    """Measure the distribution of the energy of each band over the 8x8 blocks.

    Args:
        planes: (B, K, P, H, W) in 8-bit units; K is not averaged.

    Returns:
        (B, K * BAND_NUMBERS): energies at `BLOCK_QUANTILES`, then shares of empty blocks.
    """
    power = (_blocks(planes, BLOCK_SIDE).flatten(-2) @ _cosines().to(planes.device)).square()
    bands = power @ _band_means().to(planes.device)  # (B, K, P, H / 8, W / 8, bands)
    bands = bands.movedim(-1, 2).flatten(3).flatten(1, 2)  # (B, K * bands, blocks)
    ranks = (BLOCK_QUANTILES * (bands.shape[-1] - 1)).round().long()
    spread = torch.log2(bands.sort(dim=-1).values[..., ranks] + 0.05)
    empty = (bands < 0.1).float().mean(-1)
    return torch.cat((spread.flatten(1) / 10, empty), dim=1)


def _cosines() -> Tensor:
    """Give the orthonormal cosine transform of a block, (64 samples, 64 frequencies)."""
    k = torch.arange(float(BLOCK_SIDE))
    rows = torch.cos((2 * k + 1) * k[:, None] * math.pi / (2 * BLOCK_SIDE)) * math.sqrt(
        2 / BLOCK_SIDE
    )
    rows[0] /= math.sqrt(2)
    return torch.kron(rows, rows).T.contiguous()


def _band_means() -> Tensor:
    """Give the matrix that takes the mean over each band, (64 frequencies, bands)."""
    order = (torch.arange(BLOCK_SIDE)[:, None] + torch.arange(BLOCK_SIDE)).flatten()
    members = torch.stack([(order >= low) & (order <= high) for low, high in BANDS], 1).float()
    return members / members.sum(0)


def save_noise_level(path: Path, network: NoiseLevelNet, facts: dict[str, str]) -> None:
    """Write the weights in half precision, with configuration, licence and `facts` as metadata."""
    metadata = {"kind": KIND, "config": json.dumps(network.config), "licence": "Apache-2.0"}
    state = {k: v.detach().half().contiguous() for k, v in network.state_dict().items()}
    save_file(state, path, metadata=metadata | facts)


def load_noise_level(path: Path | None = None) -> NoiseLevelNet:
    """Load the network, ready for use; without a path, with the weights of the package.

    Raises:
        InputError: the file is missing, damaged, or holds another network.
    """
    path = path or Path(str(resources.files("f2r") / "weights" / f"{KIND}.safetensors"))
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        if metadata.get("kind") != KIND:
            raise InputError(f"{path}: holds no weights for the noise of coded video")
        config = json.loads(metadata["config"])
        network = NoiseLevelNet(tuple(config["widths"]), config["hidden"])
        network.load_state_dict(state)
    except (SafetensorError, OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise InputError(f"{path}: not a readable weights file ({error})") from None
    return channels_last(network).eval().requires_grad_(False)
