"""All that this package uses of F2R's method, training and runs; no other file imports them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from f2r.config import DenoiseConfig, Preset, Tuning
from f2r.flow.estimator import FlowEstimator
from f2r.io.clip import FrameReader
from f2r.method.alignment import chained_flow
from f2r.method.draft import DraftStream
from f2r.method.fusion import TemporalFusion
from f2r.method.networks import Networks, load_run
from f2r.method.networks import load_draft as draft_of
from f2r.method.networks import load_networks as networks_of
from f2r.method.noise_map import sigma_map
from f2r.method.prepared_clip import prepare_clip
from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.method.stage_2 import refine_by_draws
from f2r.method.stream import Estimate, PlaneStream, run_through
from f2r.method.two_pass_flow import Linker
from f2r.models.draft import DraftDenoiser
from f2r.models.temporal import RADIUS
from f2r.noise.models import NoiseModel
from f2r.run.arrays import Denoised, denoise
from f2r.run.files import denoise_file
from f2r.run.infer import denoise_frames
from f2r.run.inspect import inspect_noise
from f2r.run.job import FileOptions
from f2r.run.prepare import prepare
from f2r.run.result import Result
from f2r.run.setup import set_up
from f2r.system.progress import Progress, ProgressCallback, StageClock
from f2r.train.adapt import Adaptation, AdaptConfig, adapt
from f2r.train.corpus.codecs import Coding, constant_quantiser, encode
from f2r.train.loop import FitConfig, Trainer

__all__ = [
    "ALPHA",
    "Adaptation",
    "Coding",
    "Denoised",
    "Estimate",
    "Facts",
    "Networks",
    "PreparedFrame",
    "Preprocessor",
    "Progress",
    "ProgressCallback",
    "Result",
    "StagesPlan",
    "chained_flow",
    "constant_quantiser",
    "denoise",
    "denoise_coded",
    "draft_clip",
    "encode",
    "estimate_clip",
    "facts_of",
    "fit_network",
    "inspect_noise",
    "link_frames",
    "load_draft",
    "load_networks",
    "refine_by_draws",
    "run_reader",
    "sigma_map",
    "train_stages",
]

ALPHA = Tuning.alpha
"""Usual strength of the recorruption in stage 2's training."""


def load_networks(device: torch.device, weights: str | None = None) -> Networks:
    """Load three shipped networks for pictures, ready for inference; None is the default set."""
    return networks_of(weights, device)


def load_draft(device: torch.device) -> DraftDenoiser:
    """Load the shipped network of the draft preset, ready for inference."""
    return draft_of(None, device)


def draft_clip(network: DraftDenoiser, noise: NoiseModel, frames: Tensor) -> Tensor:
    """Give the draft of (T, 3, H, W) frames whose sides are multiples of 8, on the CPU."""
    stream = DraftStream(network, noise)
    estimates = run_through(stream, map(stream.prepare, frames))
    return torch.stack([estimate.refined.cpu() for estimate in estimates])


def link_frames(frames: Sequence[PreparedFrame], flow: FlowEstimator) -> None:
    """Estimate the flow between adjacent prepared frames, as F2R does, and keep it in them."""
    linker = Linker(flow)
    for frame in frames:
        linker.push(frame)
    linker.finish()


@torch.no_grad()
def estimate_clip(
    networks: Networks, preprocessor: Preprocessor, frames: Tensor, error_share: float = 0.0
) -> Iterator[Estimate]:
    """Apply both stages to (T, 3, H, W) frames whose sides are multiples of 8.

    Args:
        networks: the three networks.
        preprocessor: prior, noise model and flow of the clip.
        frames: the noisy frames.
        error_share: expected squared error relative to the noise variance, by which frames are
            fused over time; 0 does not fuse.
    """
    stream = PlaneStream(networks, preprocessor)
    fusion = TemporalFusion(preprocessor.noise, networks.temporal.radius, error_share)
    yield from run_through(fusion, run_through(stream, map(stream.prepare, frames)))


def fit_network(
    name: str,
    network: nn.Module,
    loss_of: Callable[[torch.Generator], Tensor],
    seconds: float,
    learning_rate: float,
    generator: torch.Generator,
) -> int:
    """Train a network in place by F2R's training loop and give the steps taken."""
    config = FitConfig(max(seconds, 0.1), learning_rate=learning_rate)
    trainer = Trainer(name, network, loss_of, config, generator)
    trainer.run()
    return trainer.step


@dataclass(frozen=True)
class StagesPlan:
    """How both stages are trained on a clip."""

    seconds: float
    """Time of preparation and training; > 0."""
    seed: int
    """Seed of all randomness."""
    alpha: float = ALPHA
    """Strength of the recorruption; > 0."""
    radius: int = RADIUS
    """Neighbours on either side that stage 1 sees."""


def train_stages(
    networks: Networks,
    preprocessor: Preprocessor,
    frames: Sequence[Tensor],
    plan: StagesPlan,
) -> Adaptation | None:
    """Train both stages in place on (C, H, W) frames; None where no frame has a neighbour.

    Args:
        networks: weights to start from.
        preprocessor: prior, noise model and flow of the clip.
        frames: consecutive noisy frames, sides multiples of 8.
        plan: how to train.
    """
    begin = time.monotonic()
    clip = prepare_clip(frames, preprocessor, radius=plan.radius)
    if not clip.targets:
        return None
    left = max(plan.seconds - (time.monotonic() - begin), 0.1)
    config = AdaptConfig(left, tuning=Tuning(alpha=plan.alpha))
    return adapt(networks, [clip], config, plan.seed)[1]


def run_reader(
    reader: FrameReader, noise: NoiseModel | None, config: DenoiseConfig
) -> tuple[Iterator[Result], dict[str, Any]]:
    """Run F2R on an open clip: results frame by frame, and the report of what was decided."""
    setup, clock = set_up(reader.info, noise, config), StageClock()
    networks = load_run(config.weights, setup.device, setup.weight_set)
    prepared = prepare(reader, networks, setup, clock)
    results = denoise_frames(reader, prepared.decisions, networks, setup)
    return results, {**prepared.report, "seconds": clock.seconds}


@dataclass(frozen=True)
class Facts:
    """What a report says, as far as it is compared here."""

    noise: tuple[str, ...]
    """The noise of each plane in words."""
    models: tuple[dict[str, Any], ...]
    """The noise model of each plane."""
    used: tuple[str | None, ...]
    """Which estimate of the noise was used for each plane."""
    output: str
    """'noisy', 'prior', 'anchor' or 'refined'."""
    estimated: dict[str, Any] | None
    """Estimated PSNR of each part in dB; None where none is given."""
    seconds: dict[str, float]
    """Time of each part of the run."""
    training: dict[str, Any] | None
    """What the training did; None without one."""

    @property
    def estimated_output(self) -> float | None:
        """Estimated PSNR of the output in dB."""
        value = (self.estimated or {}).get(self.output)
        return None if value is None else float(value)

    @property
    def steps(self) -> int:
        """Optimiser steps of both stages."""
        trained = self.training or {}
        return int(trained.get("temporal_steps", 0)) + int(trained.get("refiner_steps", 0))


MODEL_FIELDS = {"model", "sigma", "gain", "read", "offset", "looks", "base", "correlation"}
"""Entries of a plane's noise in the report that make up its model."""


def facts_of(report: dict[str, Any]) -> Facts:
    """Read the report of a run."""
    noise, judged = report["noise"], report.get("estimated_psnr") or []
    return Facts(
        tuple(entry["text"] for entry in noise),
        tuple({k: v for k, v in entry.items() if k in MODEL_FIELDS} for entry in noise),
        tuple(entry.get("estimates", {}).get("used") for entry in noise),
        report["outputs"][0],
        judged[0] if judged else None,
        report["seconds"],
        report.get("training"),
    )


def denoise_coded(
    source: Path, output: Path, sigma: float | None, preset: str, seed: int
) -> dict[str, Any]:
    """Denoise a file into a file as `f2r denoise` does and give the report.

    Args:
        source: the clip.
        output: where to write; replaced if it exists.
        sigma: standard deviation of Gaussian noise, nominal units; None estimates the noise.
        preset: 'draft', 'fast', 'balanced' or 'best'.
        seed: seed of all randomness.
    """
    config = DenoiseConfig(Preset(preset), sigma=sigma, seed=seed)
    return denoise_file(str(source), output, config, FileOptions(overwrite=True)).report
