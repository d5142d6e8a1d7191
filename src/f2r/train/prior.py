"""Train the image prior D on photographs with synthetic noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.io.output import check_output
from f2r.models.layers import PICTURE, RAW, channels_last
from f2r.models.prior import ImagePrior
from f2r.models.weights import check_channels, load_network, save_network
from f2r.models.widen import widen
from f2r.preprocess import smooth_level
from f2r.raw.inverse_isp import inverse_isp, sample_shot_read
from f2r.train.coded import CodedNoise, CodedPatches
from f2r.train.loop import FitConfig, ProgressCallback, Trainer

FIRST_RATE, FINE_RATE = 1e-3, 5e-4
"""Peak learning rates from random and from given weights."""

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}

LOSSLESS = {".png", ".tif", ".tiff"}
"""Photographs of these kinds that are too small to be reduced are taken as they are."""


@dataclass(frozen=True)
class PriorData:
    """How training pairs are made from photographs."""

    reductions: tuple[float, ...] = (3.0, 4.5, 6.5)
    """Photographs are reduced by these factors (area averaging), which removes JPEG blocks."""
    patch: int = 80
    """Side of a training patch in pixels; a multiple of 8."""
    batch: int = 24
    """Patches a step; > 0."""
    sigma_max: float = 75 / 255
    """Highest noise level, of nominal range 1."""
    sigma_power: float = 1.4
    """Levels are sigma_max * u ** sigma_power, u even in [0, 1]: above 1 favours weak noise."""
    grey_share: float = 0.15
    """Share of pictures turned grey, so that one network serves both; in [0, 1]."""
    raw: bool = False
    """Whether patches are taken back to raw."""
    raw_gain: float = 4.0
    """Raw patches are brightened by a factor drawn from 1 to this, as `levels` would; >= 1."""
    signal_dependent_share: float = 0.3
    """Share of pictures with Poisson-Gaussian instead of Gaussian noise; in [0, 1]."""
    coded_share: float = 0.0
    """Share of pictures whose noise went through a codec; not for raw; in [0, 1]."""

    def __post_init__(self) -> None:
        if not 0 <= self.coded_share <= 1:
            raise InputError(f"coded share must lie in [0, 1], not {self.coded_share:g}")


def find_photos(paths: Sequence[Path]) -> list[Path]:
    """List the photographs among `paths`, folders opened, in a stable order."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [p for p in inside if p.suffix.lower() in PHOTO_SUFFIXES]
    if not found:
        raise InputError("no photographs found: give image files or folders of them")
    return found


def load_photos(paths: Sequence[Path], data: PriorData) -> list[np.ndarray]:
    """Read photographs as RGB uint8 (H, W, 3), each at every reduction that leaves a patch."""
    images = []
    for path in paths:
        full = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if full is None:
            raise InputError(f"{path}: not a readable image")
        least = 2 * data.patch
        fits = [f for f in data.reductions if min(full.shape[:2]) / f > least]
        whole = (1.0,) if path.suffix.lower() in LOSSLESS and min(full.shape[:2]) > least else ()
        for factor in fits or whole:
            size = (round(full.shape[1] / factor), round(full.shape[0] / factor))
            small = cv2.resize(full, size, interpolation=cv2.INTER_AREA)
            images.append(np.ascontiguousarray(small[..., ::-1]))
    if not images:
        raise InputError(
            f"photographs are too small: {2 * data.patch} px are needed after reduction"
        )
    return images


class PhotoPatches:
    """Draws clean patches, photographs chosen by their area and their mean gradient.

    Large smooth skies teach a denoiser little, so textured photographs come up more often.

    Args:
        images: RGB uint8 arrays (H, W, 3).
    """

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        self.images = images
        self.weights = torch.tensor([_texture(i) * i.shape[0] * i.shape[1] for i in images])

    def draw(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        """Give (count, 3, side, side) in [0, 1], flipped and rotated at random."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        spots = torch.rand(count, 2, generator=generator)
        turns = torch.randint(0, 8, (count,), generator=generator)
        patches = np.empty((count, side, side, 3), np.uint8)
        for k in range(count):
            image = self.images[int(chosen[k])]
            top = int(spots[k, 0] * (image.shape[0] - side))
            left = int(spots[k, 1] * (image.shape[1] - side))
            crop = image[top : top + side, left : left + side]
            crop = crop[:, ::-1] if turns[k] >= 4 else crop
            patches[k] = np.rot90(crop, int(turns[k]) % 4)
        return torch.from_numpy(patches).permute(0, 3, 1, 2).float() / 255


def _texture(image: np.ndarray) -> float:
    """Give the mean absolute difference of vertical neighbours, plus one, in 8-bit units."""
    rows = image.astype(np.int16)
    return float(np.abs(rows[1:] - rows[:-1]).mean()) + 1.0


class Examples(NamedTuple):
    """Clean patches and the noise that they are about to get."""

    clean: Tensor
    """(B, C, H, W), nominal range [0, 1]."""
    gain: Tensor
    """(B, 1, 1, 1) slope of the noise's variance over the level."""
    variance: Tensor
    """(B, 1, 1, 1) variance of the noise at black."""

    def deviation(self, level: Tensor) -> Tensor:
        """Give the standard deviation of the noise at a level (B, C, H, W)."""
        return (self.gain * level.clamp(min=0) + self.variance).sqrt()


def draw_pictures(patches: PhotoPatches, data: PriorData, generator: torch.Generator) -> Examples:
    """Draw sRGB patches, a share of them grey, with a noise level each.

    Noise is Gaussian, or Poisson-Gaussian with the drawn level at mid-grey.
    """
    clean = patches.draw(data.batch, data.patch, generator)
    shape = (data.batch, 1, 1, 1)
    sigma = data.sigma_max * torch.rand(shape, generator=generator) ** data.sigma_power
    dependent = torch.rand(shape, generator=generator) < data.signal_dependent_share
    photon_share = torch.rand(shape, generator=generator) * dependent
    return Examples(clean, 2 * photon_share * sigma**2, (1 - photon_share) * sigma**2)


def draw_raw(patches: PhotoPatches, data: PriorData, generator: torch.Generator) -> Examples:
    """Draw packed raw patches, each by a camera, a light and an ISO of its own.

    Their geometry is that of RGGB, which `infer.planes` gives to all patterns. They are brightened
    as `levels` would.

    Source: Brooks et al. 2019 (`raw.inverse_isp`); noise as CRVD's camera has it.
    """
    mosaics = inverse_isp(patches.draw(data.batch, 2 * data.patch, generator), generator)
    bright = 1 + (data.raw_gain - 1) * torch.rand(data.batch, 1, 1, 1, generator=generator)
    gain, read = (
        bright * part.view(-1, 1, 1, 1) for part in sample_shot_read(data.batch, generator)
    )
    return Examples(bright * mosaics, gain, read**2)


def mix_grey(clean: Tensor, noise: Tensor, share: float, generator: torch.Generator) -> None:
    """Turn a share of (B, 3, H, W) patches grey in place, with one noise for the three channels."""
    count = round(share * clean.shape[0])
    weights = torch.rand(3, generator=generator) + 0.2
    weights = (weights / weights.sum()).view(1, 3, 1, 1)
    clean[:count] = (clean[:count] * weights).sum(1, keepdim=True)
    noise[:count] = noise[:count, :1].clone()


def prior_loss(
    prior: ImagePrior,
    patches: PhotoPatches,
    data: PriorData,
    generator: torch.Generator,
    coded: CodedPatches | None = None,
) -> Tensor:
    """Give the root mean square error of each noisy patch, averaged over the batch.

    The root lets weak and strong noise count alike. The network is told the noise level as in
    inference: that of the smooth level of the noisy patch. `coded` patches take their share of
    the batch.
    """
    count = round(data.coded_share * data.batch) if coded else 0
    data = replace(data, batch=data.batch - count)
    drawn = (draw_raw if data.raw else draw_pictures)(patches, data, generator)
    noise = torch.randn(drawn.clean.shape, generator=generator)
    if not data.raw:
        mix_grey(drawn.clean, noise, data.grey_share, generator)
    noisy = drawn.clean + drawn.deviation(drawn.clean) * noise
    told = drawn.deviation(smooth_level(noisy))
    parts = [(drawn.clean, noisy, told)]
    if coded and count:
        pairs = coded.draw(count, generator)
        parts.append((pairs.clean, pairs.noisy, pairs.told.expand_as(pairs.clean)))
    device = next(prior.parameters()).device
    clean, noisy, told = (
        torch.cat(kinds).to(device, memory_format=torch.channels_last)
        for kinds in zip(*parts, strict=True)
    )
    with torch.autocast(device.type, torch.bfloat16):
        denoised = prior(noisy, told)
    errors = (denoised - clean).square().mean(dim=(1, 2, 3))
    return (errors + 1e-8).sqrt().mean()


def train_prior(  # noqa: PLR0913
    photos: Sequence[Path],
    output: Path,
    seconds: float,
    seed: int,
    init: Path | None = None,
    *,
    raw: bool = False,
    coded_share: float = 0.0,
    progress: ProgressCallback | None = None,
) -> ImagePrior:
    """Train D on photographs and write its weights.

    Args:
        photos: image files, or folders of them.
        output: weights file; training state lies beside it as `OUTPUT.ckpt` until it is done.
        seconds: training time.
        seed: seed of initial weights, patches and noise.
        init: weights to start from; None starts from random ones.
        raw: train a prior for raw planes instead of pictures.
        coded_share: share of pictures whose noise goes through a codec; none are with `raw`.
        progress: called a few times a second.
    """
    check_output(output, None, overwrite=True)
    data = PriorData(raw=raw, coded_share=0.0 if raw else coded_share)
    torch.manual_seed(seed)
    prior = channels_last(_starting_prior(init, raw=raw))
    patches = PhotoPatches(load_photos(find_photos(photos), data))
    coded = (
        CodedPatches(patches.images, patches.weights, data.patch, CodedNoise(), data.grey_share)
        if data.coded_share
        else None
    )
    checkpoint = output.with_name(output.name + ".ckpt")
    trainer = Trainer(
        "prior",
        prior,
        lambda generator: prior_loss(prior, patches, data, generator, coded),
        FitConfig(seconds, learning_rate=FINE_RATE if init else FIRST_RATE, ema_decay=0.999),
        torch.Generator().manual_seed(seed),
        checkpoint,
    )
    trainer.run(progress)
    facts = {
        "seed": str(seed),
        "steps": str(trainer.step),
        "minutes": f"{trainer.elapsed / 60:.0f}",
    }
    save_network(output, prior, facts | {"coded_share": f"{data.coded_share:g}"})
    checkpoint.unlink()
    return prior


def _starting_prior(init: Path | None, *, raw: bool) -> ImagePrior:
    """Load the prior to start from, given a fourth channel if need be, or make a random one."""
    if init is None:
        return ImagePrior(RAW if raw else PICTURE)
    prior = load_network(init, ImagePrior)
    prior = widen(prior) if raw else prior
    check_channels(prior, init, raw=raw)
    return prior
