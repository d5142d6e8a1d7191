"""Train both stages on many clips and write their weights: the shipped ones, and users' own.

Self-supervised from the first step to the last, unless clean targets are asked for: the clips are
noisy, or get their noise once and are never seen clean again. A batch consists of shards. Each
shard draws from its own clips, and the connected processes divide the shards, so the result does
not depend on how many they are.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.flow.estimator import DisFlow
from f2r.infer.networks import load_networks, own_weights
from f2r.infer.stream import Networks
from f2r.models.layers import PICTURE, RAW, channels_last
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import facts_of, save_network
from f2r.noise.models import Gaussian
from f2r.preprocess import Preprocessor
from f2r.processes import Processes
from f2r.report import environment, write_report
from f2r.train.clean import clean_refiner_loss, clean_temporal_loss
from f2r.train.clip import clip_anchors
from f2r.train.footage import Footage
from f2r.train.loop import FitConfig, ProgressCallback, Trainer
from f2r.train.refiner import refiner_loss
from f2r.train.shards import Announce, prepare_shards
from f2r.train.temporal import temporal_loss
from f2r.train.windows import CropConfig, CropSampler, TrainingClip

FRESH = "none"
"""Instead of weights to start from: random ones."""

FIRST_RATE, FINE_RATE = 8e-4, 4e-4
"""Peak learning rates from random and from given weights."""

STATE = ("temporal.ckpt", "refiner.ckpt", "state.json")
"""Files of an unfinished training."""

Loss = Callable[[torch.Generator], Tensor]


@dataclass(frozen=True)
class StagesConfig:
    """How to train both stages on many clips."""

    seconds: float = 2700.0
    """Training time of both stages; > 0."""
    steps: int = 1_000_000
    """Most optimiser steps of each stage; with it a run can be repeated exactly; > 0."""
    temporal_share: float = 0.55
    """Share of the training time that stage 1 gets; in (0, 1)."""
    batch: int = 6
    """Crops a step over all processes; rounded up to a multiple of `shards`; > 0."""
    shards: int = 1
    """Parts of a batch, each with its own clips; a multiple of the number of processes."""
    crops: CropConfig = field(default_factory=CropConfig)
    """Training crops; their number follows from `batch`."""
    seed: int = 0
    """Seed of noise, crops and initial weights; >= 0."""
    init: str | None = None
    """Folder or file of weights to start from, or 'none' for random ones; None: the shipped."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "shards"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.seed < 0:
            raise InputError(f"seed must not be negative, not {self.seed}")

    @property
    def shard_crops(self) -> CropConfig:
        """Crops of one shard."""
        return replace(self.crops, batch=-(-self.batch // self.shards))


def train_on_clips(  # noqa: PLR0913
    footage: Footage,
    config: StagesConfig,
    output: Path,
    *,
    device: torch.device,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    overwrite: bool = False,
    announce: Announce = lambda _: None,
    progress: ProgressCallback | None = None,
) -> None:
    """Train both stages and write `temporal.safetensors`, `refiner.safetensors`, `training.json`.

    Args:
        footage: what to train on.
        config: time, crops, seed, weights to start from.
        output: folder to write into; training state lies there until it is done, and the same
            call goes on from it after an interruption.
        device: where to compute.
        processes: the connected processes; the main one writes.
        overwrite: replace weights that lie in `output`, and the state of another training.
        announce: told which clips are left out, and why.
        progress: called a few times a second.

    Raises:
        InputError: clips, options or `output` cannot be used.
    """
    if config.shards % processes.count:
        raise InputError(f"{config.shards} shards cannot be divided by {processes.count} processes")
    identity = _identity(footage, config)
    _check_output(output, identity, overwrite)
    networks = starting_networks(config, device, raw=footage.raw)
    shards = prepare_shards(
        footage,
        networks.prior,
        config.seed,
        config.shards,
        processes=processes,
        announce=announce,
        progress=progress,
    )
    if processes.is_main:
        _claim(output, identity)
    facts = train_networks(networks, shards.clips, config, output, processes, progress)
    if processes.is_main:
        facts |= {"noise": "added" if footage.add_noise else "present"}
        facts |= {"targets": "clean" if footage.clean_targets else "noisy"}
        facts |= {"coded_share": f"{footage.coded.share:g}"} if footage.coded else {}
        _write(output, networks, config, facts)
        report = {"config": asdict(config), **facts, "clips": shards.found}
        write_report(output / "training.json", report | {"environment": environment()})


def train_networks(
    networks: Networks,
    shards: Mapping[int, Sequence[TrainingClip]],
    config: StagesConfig,
    work: Path,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    progress: ProgressCallback | None = None,
) -> dict[str, str]:
    """Train stage 1, run it, train stage 2; the networks change in place.

    Returns:
        Facts of the training, for the files of weights.
    """
    generator = torch.Generator().manual_seed(config.seed)
    samplers = {k: CropSampler(clips, config.shard_crops) for k, clips in shards.items()}
    first = Trainer(
        "stage 1",
        networks.temporal.train(),
        shared_loss({k: _first_loss(networks, s) for k, s in samplers.items()}),
        _fit(config, config.temporal_share),
        generator,
        work / "temporal.ckpt",
        processes,
    )
    first.run(progress)
    for clip in (clip for clips in shards.values() for clip in clips):
        clip.anchors = clip_anchors(clip, networks.temporal)
    prior = Preprocessor(networks.prior, Gaussian(0.0), DisFlow())
    second = Trainer(
        "stage 2",
        networks.refiner.train(),
        shared_loss({k: _second_loss(networks, prior, s) for k, s in samplers.items()}),
        _fit(config, 1 - config.temporal_share),
        generator,
        work / "refiner.ckpt",
        processes,
    )
    second.run(progress)
    trainers = {"stage_1": first, "stage_2": second}
    facts = {f"{name}_steps": str(trainer.step) for name, trainer in trainers.items()}
    facts |= {f"{name}_loss": f"{trainer.loss:.4f}" for name, trainer in trainers.items()}
    facts |= {f"{name}_minutes": f"{t.elapsed / 60:.0f}" for name, t in trainers.items()}
    return facts | {"seed": str(config.seed), "processes": str(processes.count)}


def _first_loss(networks: Networks, sampler: CropSampler) -> Loss:
    """Give the loss of stage 1 that fits the clips: against clean frames where they have them."""
    if sampler.has_clean:
        return partial(clean_temporal_loss, networks.temporal, sampler)
    return partial(temporal_loss, networks.temporal, sampler)


def _second_loss(networks: Networks, prior: Preprocessor, sampler: CropSampler) -> Loss:
    """Give the loss of stage 2 that fits the clips, likewise."""
    if sampler.has_clean:
        return partial(clean_refiner_loss, networks.refiner, sampler)
    return partial(refiner_loss, networks.refiner, prior, sampler)


def shared_loss(losses: Mapping[int, Loss]) -> Loss:
    """Give the mean loss of this process's shards.

    Every shard has a random stream of its own, made from one number that all processes draw
    alike, so a shard draws the same whichever process it belongs to.
    """

    def loss_of(generator: torch.Generator) -> Tensor:
        base = int(torch.randint(2**62, (1,), generator=generator))
        streams = {shard: torch.Generator().manual_seed(base + shard) for shard in losses}
        return torch.stack([losses[shard](streams[shard]) for shard in losses]).mean()

    return loss_of


def _fit(config: StagesConfig, share: float) -> FitConfig:
    return FitConfig(
        seconds=config.seconds * share,
        steps=config.steps,
        learning_rate=FIRST_RATE if config.init == FRESH else FINE_RATE,
        ema_decay=0.999,
    )


def starting_networks(config: StagesConfig, device: torch.device, *, raw: bool) -> Networks:
    """Load the weights to start from, or make random ones; the prior is never random."""
    if config.init != FRESH:
        return load_networks(config.init, device, raw=raw, widens=True)
    torch.manual_seed(config.seed)
    channels = RAW if raw else PICTURE
    temporal = channels_last(TemporalEstimator(channels))
    refiner = channels_last(SpatialRefiner(channels))
    shipped = load_networks(None, device, raw=raw)
    return replace(shipped, temporal=temporal.to(device), refiner=refiner.to(device))


def _check_output(output: Path, identity: str, overwrite: bool) -> None:
    if (output / "temporal.safetensors").exists() and not overwrite:
        raise InputError(f"{output}: holds weights: choose another folder, or pass --overwrite")
    stamp = output / "state.json"
    if stamp.exists() and stamp.read_text() != identity and not overwrite:
        raise InputError(
            f"{output}: holds the state of another training: repeat its options, choose another "
            "folder, or pass --overwrite"
        )


def _claim(output: Path, identity: str) -> None:
    """Make the folder, rid it of the state of another training, and note whose will lie in it."""
    stamp = output / "state.json"
    try:
        output.mkdir(parents=True, exist_ok=True)
        if stamp.exists() and stamp.read_text() != identity:
            for name in STATE:
                (output / name).unlink(missing_ok=True)
        stamp.write_text(identity)
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror})") from None


def _identity(footage: Footage, config: StagesConfig) -> str:
    noise = footage.noise.to_dict() if footage.noise else None
    values = {"config": asdict(config), "footage": asdict(replace(footage, noise=None))}
    return json.dumps(values | {"noise": noise}, default=str, sort_keys=True)


def _write(output: Path, networks: Networks, config: StagesConfig, facts: dict[str, str]) -> None:
    """Write the weights and remove the training state."""
    save_network(output / "temporal.safetensors", networks.temporal, facts)
    save_network(output / "refiner.safetensors", networks.refiner, facts)
    prior = None if config.init in {None, FRESH} else own_weights(config.init).get("prior")
    if prior:  # the stages were trained with it and need it, widened if it was
        save_network(output / "prior.safetensors", networks.prior, facts_of(prior))
    for name in STATE:
        (output / name).unlink(missing_ok=True)
