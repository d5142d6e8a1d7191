"""Train the image prior D on photographs with synthetic noise."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from f2r.io.output import check_output
from f2r.isp.inverse import inverse_isp, sample_shot_read
from f2r.method.noise_map import smooth_level
from f2r.models.layers import PICTURE, RAW, channels_last
from f2r.models.prior import ImagePrior
from f2r.models.weights import check_weights_fit, load_network, save_network
from f2r.models.widen import widen
from f2r.system.progress import ProgressCallback
from f2r.train.corpus.coded_noise import CodedNoise, CodedPatches
from f2r.train.corpus.photos import PhotoPatches, find_photos, load_photos
from f2r.train.corpus.training_state import claim_weights, training_state
from f2r.train.loop import FitConfig, Trainer
from f2r.train.options import PriorConfig, PriorData

FIRST_RATE, FINE_RATE = 1e-3, 5e-4
"""Peak learning rates from random and from given weights."""


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

    Their geometry is that of RGGB, as in `f2r.method.planes`. They are brightened as `normalise`
    does.

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


def draw_noisy(
    patches: PhotoPatches, data: PriorData, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw clean patches, noisy ones and the level that the network receives.

    As in inference, it is the noise at the smooth level of the noisy patch.
    """
    drawn = (draw_raw if data.raw else draw_pictures)(patches, data, generator)
    noise = torch.randn(drawn.clean.shape, generator=generator)
    if not data.raw:
        mix_grey(drawn.clean, noise, data.grey_share, generator)
    noisy = drawn.clean + drawn.deviation(drawn.clean) * noise
    return drawn.clean, noisy, drawn.deviation(smooth_level(noisy))


def prior_loss(
    prior: ImagePrior,
    patches: PhotoPatches,
    data: PriorData,
    generator: torch.Generator,
    coded: CodedPatches | None = None,
) -> Tensor:
    """Give `prior_error` on fresh patches.

    The root lets weak and strong noise count alike. `coded` patches take their share of the batch.
    """
    count = round(data.coded_share * data.batch) if coded else 0
    parts = []
    if count < data.batch:
        parts.append(draw_noisy(patches, replace(data, batch=data.batch - count), generator))
    if coded and count:
        parts.append(coded.draw(count, generator))
    return prior_error(prior, *(torch.cat(kind) for kind in zip(*parts, strict=True)))


def prior_error(prior: ImagePrior, clean: Tensor, noisy: Tensor, told: Tensor) -> Tensor:
    """Give the root mean square error of each of (B, C, H, W) noisy patches, averaged.

    Args:
        prior: in training.
        clean: the patches without noise.
        noisy: the patches that are denoised.
        told: noise level that the prior receives.
    """
    device = next(prior.parameters()).device
    clean, noisy, told = (
        part.to(device, memory_format=torch.channels_last) for part in (clean, noisy, told)
    )
    with torch.autocast(device.type, torch.bfloat16):
        denoised = prior(noisy, told)
    errors = (denoised - clean).square().mean(dim=(1, 2, 3))
    return (errors + 1e-8).sqrt().mean()


def train_prior(
    photos: Sequence[Path],
    output: Path,
    config: PriorConfig,
    *,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> ImagePrior:
    """Train D on photographs and write its weights.

    Args:
        photos: image files, or folders of them.
        output: weights file; the training state lies beside it in `OUTPUT.run`, and the same call
            resumes an interrupted training.
        config: time, seed, weights to start from, training pairs.
        overwrite: replace existing weights, and the state of another training.
        progress: called a few times a second.

    Raises:
        InputError: photographs, options or `output` cannot be used.
    """
    check_output(output, None, overwrite=True)
    data, seed = config.data, config.seed
    torch.manual_seed(seed)
    prior = channels_last(_starting_prior(config.init, raw=data.raw))
    patches = PhotoPatches(load_photos(find_photos(photos), data.reductions, data.patch))
    coded = _coded_patches(patches, data)
    folder = output.with_name(output.name + ".run")
    identity = _identity(config)
    with (
        claim_weights([output], folder, overwrite=overwrite) as claim,
        training_state(claim, folder, identity),
    ):
        trainer = Trainer(
            "prior",
            prior,
            lambda generator: prior_loss(prior, patches, data, generator, coded),
            FitConfig(
                config.time_budget,
                learning_rate=FINE_RATE if config.init else FIRST_RATE,
                ema_decay=0.999,
            ),
            torch.Generator().manual_seed(seed),
            folder / "prior.ckpt",
        )
        trainer.run(progress)
        facts = {"seed": str(seed), "steps": str(trainer.step)}
        facts |= {"coded_share": f"{data.coded_share:g}"} if coded else {}
        claim.write(output, lambda path: save_network(path, prior, facts))
    return prior


def _coded_patches(patches: PhotoPatches, data: PriorData) -> CodedPatches | None:
    if not data.coded_share:
        return None
    return CodedPatches(patches.images, patches.weights, data.patch, CodedNoise(), data.grey_share)


def _identity(config: PriorConfig) -> str:
    return json.dumps(asdict(config) | {"time_budget": None}, default=str)


def _starting_prior(init: Path | None, *, raw: bool) -> ImagePrior:
    """Load the prior to start from, given a fourth channel if need be, or make a random one."""
    if init is None:
        return ImagePrior(RAW if raw else PICTURE)
    prior = load_network(init, ImagePrior)
    prior = widen(prior) if raw else prior
    check_weights_fit(prior, init, raw=raw)
    return prior
