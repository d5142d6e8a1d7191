"""Train both stages on many clips and write their weights.

Training is self-supervised unless `clean_targets` is set: the clips are noisy, or get their noise
once. A batch consists of shards. Each shard draws from its own clips, and the connected processes
divide the shards, so the result does not depend on how many they are.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from f2r.errors import InputError
from f2r.method.networks import Networks, load_networks, own_weights
from f2r.method.prepared_clip import PreparedClip, anchors_of_clip
from f2r.models.layers import PICTURE, RAW, channels_last
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import WeightSet, facts_of, save_network
from f2r.system.claim import Claim
from f2r.system.environment import environment, write_report
from f2r.system.processes import Processes
from f2r.system.progress import ProgressCallback
from f2r.train.clean_loss import clean_refiner_loss, clean_temporal_loss
from f2r.train.corpus.footage import Footage
from f2r.train.corpus.shards import Announce, prepare_shards
from f2r.train.corpus.training_state import claim_weights, training_state
from f2r.train.loop import FitConfig, Trainer
from f2r.train.options import StagesConfig
from f2r.train.refiner_loss import refiner_loss
from f2r.train.temporal_loss import temporal_loss
from f2r.train.windows import CropConfig, CropSampler

FRESH = "none"
"""Value of `init` for random weights."""

FIRST_RATE, FINE_RATE = 8e-4, 4e-4
"""Peak learning rates from random and from given weights."""

STATE = "training.run"
"""Folder of an unfinished training, in that of its output."""

REPORT = "training.json"
"""Description of the training."""

Loss = Callable[[torch.Generator], Tensor]


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
        footage: training clips.
        config: time, crops, seed, weights to start from.
        output: folder to write into; the training state lies there, and the same call resumes an
            interrupted training.
        device: where to compute.
        processes: the connected processes; the main one writes.
        overwrite: replace weights that lie in `output`, and the state of another training.
        announce: receives a sentence on each clip that is left out.
        progress: called a few times a second.

    Raises:
        InputError: clips, options or `output` cannot be used.
    """
    count = processes.count if config.shards is None else config.shards
    if count % processes.count:
        raise InputError(f"{count} shards cannot be divided by {processes.count} processes")
    config = replace(config, shards=count)
    with ExitStack() as stack:
        claim = None
        if processes.is_main:
            claim = stack.enter_context(_claim(output, config, overwrite=overwrite))
        networks = starting_networks(config, device, raw=footage.raw)
        shards = prepare_shards(
            footage,
            networks.prior,
            config.seed,
            count,
            processes=processes,
            announce=announce,
            progress=progress,
        )
        work = output / STATE
        if claim is not None:
            stack.enter_context(training_state(claim, work, _identity(footage, config)))
        crops = CropConfig(batch=-(-config.batch // count), mirrored=not footage.raw)
        facts = train_networks(networks, shards.clips, config, crops, work, processes, progress)
        if claim is not None:
            facts |= _facts_of_footage(footage)
            _write(claim, networks, config, facts)
            report = {"config": asdict(config), **facts, "clips": shards.found}
            write_report(claim.path, report | {"environment": environment()}, claim)


def train_networks(
    networks: Networks,
    shards: Mapping[int, Sequence[PreparedClip]],
    config: StagesConfig,
    crops: CropConfig,
    work: Path,
    processes: Processes = Processes(),  # noqa: B008 - frozen
    progress: ProgressCallback | None = None,
) -> dict[str, str]:
    """Train stage 1, run it, train stage 2; the networks change in place.

    Returns:
        Facts of the training, for the files of weights.
    """
    generator = torch.Generator().manual_seed(config.seed)
    temporal, refiner = networks.temporal.train(), networks.refiner.train()
    share = config.temporal_share
    samplers = {k: CropSampler(clips, crops) for k, clips in shards.items()}
    loss = shared_loss({k: _first_loss(networks, s) for k, s in samplers.items()})
    state, fit = work / "temporal.ckpt", _fit(config, share)
    first = Trainer("stage 1", temporal, loss, fit, generator, state, processes)
    first.run(progress)
    anchored = {k: [_anchored(clip, temporal) for clip in clips] for k, clips in shards.items()}
    samplers = {k: CropSampler(clips, crops) for k, clips in anchored.items()}
    loss = shared_loss({k: _second_loss(networks, s, config.alpha) for k, s in samplers.items()})
    state, fit = work / "refiner.ckpt", _fit(config, 1 - share)
    second = Trainer("stage 2", refiner, loss, fit, generator, state, processes)
    second.run(progress)
    return _facts(config, processes, stage_1=first, stage_2=second)


def _anchored(clip: PreparedClip, temporal: TemporalEstimator) -> PreparedClip:
    return clip.with_anchors(anchors_of_clip(clip, temporal))


def _facts(config: StagesConfig, processes: Processes, **trainers: Trainer) -> dict[str, str]:
    facts = {f"{name}_steps": str(trainer.step) for name, trainer in trainers.items()}
    facts |= {f"{name}_loss": f"{trainer.loss:.4f}" for name, trainer in trainers.items()}
    return facts | {"seed": str(config.seed), "processes": str(processes.count)}


def _facts_of_footage(footage: Footage) -> dict[str, str]:
    facts = {"noise": "added" if footage.add_noise else "present"}
    facts |= {"targets": "clean" if footage.clean_targets else "noisy"}
    return facts | ({"coded_share": f"{footage.coded.share:g}"} if footage.coded else {})


def _first_loss(networks: Networks, sampler: CropSampler) -> Loss:
    """Give the loss of stage 1: against clean frames if the clips have them."""
    if sampler.has_clean:
        return partial(clean_temporal_loss, networks.temporal, sampler)
    return partial(temporal_loss, networks.temporal, sampler)


def _second_loss(networks: Networks, sampler: CropSampler, alpha: float) -> Loss:
    """Give the loss of stage 2 that fits the clips, likewise."""
    if sampler.has_clean:
        return partial(clean_refiner_loss, networks.refiner, sampler)
    return partial(refiner_loss, networks.refiner, networks.prior, sampler, alpha)


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
        seconds=config.time_budget * share,
        steps=FitConfig.steps if config.steps is None else config.steps,
        learning_rate=FIRST_RATE if config.init == FRESH else FINE_RATE,
        ema_decay=0.999,
    )


def _weights_for(*, raw: bool) -> WeightSet:
    return WeightSet.RAW if raw else WeightSet.PICTURES


def starting_networks(config: StagesConfig, device: torch.device, *, raw: bool) -> Networks:
    """Load the weights to start from, or make random ones; the prior is never random."""
    if config.init != FRESH:
        return load_networks(config.init, device, _weights_for(raw=raw), widens=True)
    torch.manual_seed(config.seed)
    channels = RAW if raw else PICTURE
    temporal = channels_last(TemporalEstimator(channels))
    refiner = channels_last(SpatialRefiner(channels))
    shipped = load_networks(None, device, _weights_for(raw=raw))
    return replace(shipped, temporal=temporal.to(device), refiner=refiner.to(device))


def _claim(output: Path, config: StagesConfig, *, overwrite: bool) -> AbstractContextManager[Claim]:
    """Check the output folder and claim it."""
    names = [REPORT, *(f"{name}.safetensors" for name in ("temporal", "refiner"))]
    if _own_prior(config):
        names.append("prior.safetensors")
    return claim_weights([output / name for name in names], output / STATE, overwrite=overwrite)


def _identity(footage: Footage, config: StagesConfig) -> str:
    noise = footage.noise.to_dict() if footage.noise else None
    values = {"config": asdict(config), "footage": asdict(replace(footage, noise=None))}
    return json.dumps(values | {"noise": noise}, default=str, sort_keys=True)


def _own_prior(config: StagesConfig) -> Path | None:
    """Find the prior among the weights to start from."""
    return None if config.init in {None, FRESH} else own_weights(config.init).get("prior")


def _write(claim: Claim, networks: Networks, config: StagesConfig, facts: dict[str, str]) -> None:
    """Write the weights."""
    made: list[tuple[str, nn.Module, dict[str, str]]] = [
        ("temporal", networks.temporal, facts),
        ("refiner", networks.refiner, facts),
    ]
    prior = _own_prior(config)
    if prior:  # the stages were trained with it and need it, widened if it was
        made.append(("prior", networks.prior, facts_of(prior)))
    for name, network, known in made:
        path = claim.path.with_name(f"{name}.safetensors")
        claim.write(path, partial(save_network, network=network, facts=known))
