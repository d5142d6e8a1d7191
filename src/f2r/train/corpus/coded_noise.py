"""Noise that went through a codec, with the clean frame as the target.

A camera clips noise to 8 bit and encodes it. Coded noise is not zero-mean given the frame and is
correlated between frames, so training needs clean targets. The networks receive the level before
encoding, which denoises best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.noise.models import Gaussian
from f2r.train.corpus.codecs import Coding, code, draw_coding

SILVER = 0.4142135624
"""As GOLDEN in `footage`, and independent of it, so that all kinds of clips are coded."""

LEAST_SIDE = 64
"""Least rows and columns that every encoder takes."""


@dataclass(frozen=True)
class CodedNoise:
    """How clean clips become noisy coded ones."""

    share: float = 0.45
    """Share of clips that are coded; in [0, 1]."""
    bands: tuple[float, ...] = (1.5 / 255, 6 / 255, 15 / 255, 40 / 255)
    """Limits of weak, medium and strong noise, which are equally frequent; nominal units."""
    told: tuple[float, float] = (0.9, 1.25)
    """Range of the factor between the received level and the one before encoding."""
    least_told: float = 2 / 255
    """Lowest received level, nominal; below it the errors of the codec dominate."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"coded share must lie in [0, 1], not {self.share:g}")

    def is_coded(self, index: int) -> bool:
        """Whether a clip is coded."""
        return index * SILVER % 1 < self.share

    def draw_level(self, generator: torch.Generator) -> float:
        """Draw a noise level before coding, nominal units."""
        band = int(torch.randint(0, len(self.bands) - 1, (), generator=generator))
        return _uniform(self.bands[band], self.bands[band + 1], generator)

    def draw_told(self, level: float, generator: torch.Generator) -> float:
        """Draw the level that the networks receive, nominal units."""
        return max(level * _uniform(*self.told, generator), self.least_told)


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def code_noisy(
    clean: Sequence[Tensor], coded: CodedNoise, generator: torch.Generator
) -> tuple[list[Tensor], Gaussian]:
    """Add white noise to clean stretches of a clip, clip it to 8 bit, encode and decode.

    Args:
        clean: (T, C, H, W) stretches, nominal range [0, 1], even sides; C is 3, or 1 for grey.
        coded: levels and codecs; all stretches share what is drawn.
        generator: the only source of randomness.

    Returns:
        Decoded stretches, and the noise model that the networks receive.
    """
    level = coded.draw_level(generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    coding = draw_coding(np.random.default_rng(seed))
    noisy = []
    for frames in clean:
        noise = level * torch.randn(frames.shape, generator=generator)
        decoded = _through(frames + noise, coding)
        noisy.append(decoded.mean(1, keepdim=True) if frames.shape[1] == 1 else decoded)
    return noisy, Gaussian(coded.draw_told(level, generator))


def _through(frames: Tensor, coding: Coding) -> Tensor:
    """Clip (T, C, H, W) frames to 8 bit and code them: (T, 3, H, W), small ones within a border."""
    height, width = frames.shape[-2:]
    samples = (255 * frames).round().clamp(0, 255).byte().expand(-1, 3, -1, -1)
    border = (
        (0, 0),
        (0, max(LEAST_SIDE - height, 0)),
        (0, max(LEAST_SIDE - width, 0)),
        (0, 0),
    )
    shown = code(np.pad(samples.permute(0, 2, 3, 1).numpy(), border, mode="edge"), coding)
    if len(shown) != len(frames):
        raise InputError(f"{coding.encoder}: {len(shown)} of {len(frames)} frames came back")
    decoded = torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2)
    return decoded[..., :height, :width].contiguous()


class CodedExamples(NamedTuple):
    """Patches of coded clips."""

    clean: Tensor
    """(B, 3, H, W), nominal range [0, 1]."""
    noisy: Tensor
    """(B, 3, H, W) the same, noisy and coded."""
    told: Tensor
    """(B, 3, H, W) level that the prior receives, one per patch."""


class CodedPatches:
    """Stock of patches from short coded clips of panning photographs.

    Encoding is slow, so patches are used several times; the oldest are replaced during training. A
    resumed training fills a new stock.

    Args:
        images: RGB uint8 arrays (H, W, 3) with sides above twice a patch's.
        weights: frequency of each image.
        side: of a patch in pixels; a multiple of 8.
        coded: levels and codecs.
        grey_share: share of clips turned grey; in [0, 1].
        stock: patches kept.
    """

    FRAMES = 4
    """Frames of a clip; patches are cut from one of those after the first."""

    LARGEST = 288
    """Most rows and columns of a clip."""

    SPEED = 6
    """Highest speed in pixels a frame; a third of the clips stands still."""

    REUSE = 4
    """Patches drawn, on average, for each one that is replaced."""

    def __init__(
        self,
        images: Sequence[np.ndarray],
        weights: Tensor,
        side: int,
        coded: CodedNoise,
        grey_share: float,
        stock: int = 2048,
    ) -> None:
        self.images, self.weights, self.side = images, weights, side
        self.coded, self.grey_share, self.stock = coded, grey_share, stock
        self.clean = np.empty((stock, side, side, 3), np.uint8)
        self.noisy = np.empty((stock, side, side, 3), np.uint8)
        self.told = torch.empty(stock)
        self.made, self.owed = 0, 0.0

    def draw(self, count: int, generator: torch.Generator) -> CodedExamples:
        """Draw patches from the stock, flipped and rotated at random, and renew a part of it."""
        while self.made < self.stock:
            self._add_clip(generator)
        self.owed += count / self.REUSE
        while self.owed > 0:
            self.owed -= self._add_clip(generator)
        chosen = torch.randint(0, self.stock, (count,), generator=generator)
        turns = torch.randint(0, 8, (count,), generator=generator).tolist()
        pairs = [
            [_turned(part[int(k)], turn) for part in (self.clean, self.noisy)]
            for k, turn in zip(chosen, turns, strict=True)
        ]
        clean, noisy = (_as_tensor(np.stack(parts)) for parts in zip(*pairs, strict=True))
        told = self.told[chosen].view(-1, 1, 1, 1).expand_as(clean)
        return CodedExamples(clean, noisy, told)

    def _add_clip(self, generator: torch.Generator) -> int:
        """Code one clip, add its patches to the stock, and return their number."""
        image = self.images[int(torch.multinomial(self.weights, 1, generator=generator))]
        clean = torch.from_numpy(self._film(image, generator)).permute(0, 3, 1, 2).float() / 255
        if float(torch.rand((), generator=generator)) < self.grey_share:
            clean = clean.mean(1, keepdim=True)
        (noisy,), noise = code_noisy([clean], self.coded, generator)
        frame = int(torch.randint(1, self.FRAMES, (), generator=generator))
        pair = [_as_samples(part[frame].expand(3, -1, -1)) for part in (clean, noisy)]
        rows, columns = (self._starts(size, generator) for size in clean.shape[-2:])
        for top, left in product(rows, columns):
            place = self.made % self.stock
            here = (slice(top, top + self.side), slice(left, left + self.side))
            self.clean[place], self.noisy[place] = (part[here] for part in pair)
            self.told[place] = noise.sigma
            self.made += 1
        return len(rows) * len(columns)

    def _starts(self, size: int, generator: torch.Generator) -> list[int]:
        """Place patches side by side along a side of the frame, shifted at random."""
        count = size // self.side
        shift = int(torch.randint(0, size - count * self.side + 1, (), generator=generator))
        return [shift + k * self.side for k in range(count)]

    def _film(self, image: np.ndarray, generator: torch.Generator) -> np.ndarray:
        """Pan over a photograph: (FRAMES, H, W, 3) uint8."""
        sides = image.shape[:2]
        height, width = (min(side // 2 * 2, self.LARGEST) for side in sides)
        moving = float(torch.rand((), generator=generator)) > 1 / 3
        speed = moving * self.SPEED * (2 * torch.rand(2, generator=generator) - 1)
        room = torch.tensor([sides[0] - height, sides[1] - width])
        start = (room * torch.rand(2, generator=generator)).round()
        frames = []
        for t in range(self.FRAMES):
            spot = torch.minimum((start + t * speed).round().clamp(min=0), room)
            top, left = int(spot[0]), int(spot[1])
            frames.append(image[top : top + height, left : left + width])
        return np.stack(frames)


def _turned(patch: np.ndarray, turn: int) -> np.ndarray:
    mirrored = patch[:, ::-1] if turn >= 4 else patch
    turned: np.ndarray = np.rot90(mirrored, turn % 4)
    return turned


def _as_samples(frame: Tensor) -> np.ndarray:
    samples: np.ndarray = (255 * frame).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return samples


def _as_tensor(patches: np.ndarray) -> Tensor:
    return torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255
