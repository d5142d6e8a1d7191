"""F2R taken apart by a stopwatch: seconds of each stage, and steps of training a second."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from f2r.flow.estimator import DisFlow, FlowEstimator
from f2r.noise.models import NoiseModel
from f2r_bench.core import Preprocessor, StagesPlan, estimate_clip, load_networks, train_stages
from f2r_bench.methods.frames import pad_sides

ERROR_SHARE = 0.05
"""What `fast` finds on most clips at sigma 30; any other takes as long."""
MULTIPLE = 8
"""Sides of what the networks see are multiples of this."""


class Stopwatch:
    """Adds up the time inside networks and flow estimation."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._began: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        start = perf_counter()
        yield
        self.seconds[name] += perf_counter() - start

    def watch(self, name: str, network: nn.Module) -> None:
        """Time every call of a network."""

        def begin(*_: Any) -> None:
            self._began[name] = perf_counter()

        def end(*_: Any) -> None:
            self.seconds[name] += perf_counter() - self._began[name]

        network.register_forward_pre_hook(begin)
        network.register_forward_hook(end)


class TimedFlow(FlowEstimator):
    """Optical flow whose time is added up.

    Args:
        watch: takes the time.
        flow: estimates the flow.
    """

    def __init__(self, watch: Stopwatch, flow: FlowEstimator) -> None:
        self.watch, self.flow = watch, flow

    @property
    def rough(self) -> FlowEstimator:
        """The quicker estimator of the first pass, timed as well."""
        return TimedFlow(self.watch, self.flow.rough)

    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}."""
        with self.watch.timed("flow"):
            return self.flow.estimate(target, neighbour)

    def estimate_both(self, earlier: Tensor, later: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate V_{later->earlier} and V_{earlier->later}."""
        with self.watch.timed("flow"):
            return self.flow.estimate_both(earlier, later)


class TimedStages:
    """F2R with its shipped weights on the CPU, timed by stage.

    Args:
        noise: the noise of the clip.
    """

    def __init__(self, noise: NoiseModel) -> None:
        self.networks = load_networks(torch.device("cpu"))
        self.watch = Stopwatch()
        self.watch.watch("prior", self.networks.prior)
        self.watch.watch("stage 1, encoder", self.networks.temporal.encoder)
        self.watch.watch("stage 1, fusion and decoder", self.networks.temporal)
        self.watch.watch("stage 2", self.networks.refiner)
        flow = TimedFlow(self.watch, DisFlow())
        self.preprocessor = Preprocessor(self.networks.prior, noise, flow)

    def infer(self, noisy: Tensor) -> Tensor:
        """Denoise (T, 3, H, W) frames without training."""
        padded = pad_sides(noisy, MULTIPLE)
        estimates = estimate_clip(self.networks, self.preprocessor, padded, ERROR_SHARE)
        return torch.stack([estimate.refined for estimate in estimates])

    def seconds_per_frame(self, noisy: Tensor, rounds: int) -> dict[str, float]:
        """Give seconds per frame of each stage; what is left is warping and fusion."""
        self.watch.seconds.clear()
        for _ in range(rounds):
            self.infer(noisy)
        calls = rounds * len(noisy)
        return {name: round(spent / calls, 4) for name, spent in self.watch.seconds.items()}

    def training(self, noisy: Tensor, seconds: float, seed: int) -> dict[str, float]:
        """Count optimiser steps a second of both stages; judging what was learned is included."""
        for network in (self.networks.temporal, self.networks.refiner):
            network.train()
        frames, plan = list(pad_sides(noisy, MULTIPLE)), StagesPlan(seconds, seed)
        done = train_stages(self.networks, self.preprocessor, frames, plan)
        if done is None:
            return {}
        return {
            "seconds": round(done.seconds, 1),
            "stage 1 steps a second": round(done.temporal_steps / done.temporal_seconds, 2),
            "stage 2 steps a second": round(done.refiner_steps / done.refiner_seconds, 2),
        }
