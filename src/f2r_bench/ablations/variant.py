"""One variant of F2R: the parts of the core, put together with one thing changed."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from f2r.flow.estimator import DisFlow, FlowEstimator
from f2r.models.layers import channels_last
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import RADIUS, TemporalEstimator
from f2r.models.weights import load_prior, load_shipped
from f2r.noise.models import NoiseModel
from f2r_bench.core import (
    ALPHA,
    Estimate,
    Networks,
    Preprocessor,
    StagesPlan,
    estimate_clip,
    refine_by_draws,
    train_stages,
)
from f2r_bench.methods.frames import pad_sides
from f2r_bench.methods.method import Learning, TrainsOnClip

MULTIPLE = 8
"""Sides of what the networks see are multiples of this."""


@dataclass(frozen=True)
class Recipe:
    """How a variant differs from F2R."""

    name: str
    """Name in the tables."""
    training: str = ""
    """Variants of one ablation with the same entry are trained once; empty: with nobody."""
    fresh: bool = False
    """Both stages start from new random weights instead of the shipped ones."""
    radius: int = RADIUS
    """Neighbours on either side that stage 1 sees; other than usual only with `fresh`."""
    change: Callable[[Networks], None] = lambda _: None
    """Hangs hooks on the networks."""
    flow: Callable[[], FlowEstimator] = DisFlow
    """Makes the flow estimator."""
    told: float = 1.0
    """Noise level that the prior is told, relative to the true one; 0 turns it off."""
    alpha: float = ALPHA
    """Strength of the recorruption; > 0."""
    draws: int = 0
    """Recorrupted passes that stage 2 averages; 0 is one direct pass."""
    part: str = "refined"
    """Which estimate is measured: 'anchor' or 'refined'."""
    shows_target: bool = False
    """Every frame comes twice, so that the target is its own neighbour."""


class ToldPrior(nn.Module):
    """A prior that receives a multiple of the noise level.

    Args:
        prior: frozen image denoiser.
        told: the factor; 0 leaves frames as they are.
    """

    def __init__(self, prior: ImagePrior, told: float) -> None:
        super().__init__()
        self.prior, self.told, self.reach = prior, told, prior.reach

    def forward(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Denoise (B, 3, H, W) frames."""
        denoised: Tensor = noisy if self.told == 0 else self.prior(noisy, self.told * sigma)
        return denoised


@dataclass
class Trainings:
    """The last training of each kind, for variants that share it."""

    done: dict[str, tuple[str, Networks, int]] = field(default_factory=dict)
    """Per kind: what was trained on, the networks, the steps."""


class Variant(TrainsOnClip):
    """A variant as a method of the comparison.

    Args:
        recipe: how it differs.
        device: where to compute.
        trainings: shared with the other variants of the ablation.
    """

    learning = Learning.SELF_SUPERVISED

    def __init__(self, recipe: Recipe, device: torch.device, trainings: Trainings) -> None:
        self.recipe, self.device, self.trainings = recipe, device, trainings
        self.name = recipe.name
        self.current = self._start(0)

    def networks(self) -> Sequence[nn.Module]:
        """Give prior, temporal estimator and refiner."""
        return (self.current.prior, self.current.temporal, self.current.refiner)

    def fit(self, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int) -> int:
        """Train both stages on the clip, unless another variant has done so."""
        kind = self.recipe.training or self.name
        key = _key(noisy, noise, seed)
        known = self.trainings.done.get(kind)
        if known is None or known[0] != key:
            networks = self._start(seed)
            steps = self._train(networks, noisy, noise, seconds, seed)
            known = self.trainings.done[kind] = (key, networks, steps)
        self.current = known[1]
        return known[2]

    @torch.no_grad()
    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Denoise with the networks as they are."""
        height, width = noisy.shape[-2:]
        preprocessor = self._preprocessor(self.current, noise)
        generator = torch.Generator().manual_seed(0)
        estimates = estimate_clip(self.current, preprocessor, self._shown(noisy))
        results = [self._part(estimate, preprocessor, generator) for estimate in estimates]
        every = 2 if self.recipe.shows_target else 1
        return torch.stack(results)[::every, :, :height, :width]

    def _part(
        self, estimate: Estimate, preprocessor: Preprocessor, generator: torch.Generator
    ) -> Tensor:
        if not self.recipe.draws or not estimate.has_neighbours:
            part: Tensor = getattr(estimate, self.recipe.part)
            return part.cpu()
        return refine_by_draws(
            self.current.refiner,
            preprocessor.prior,
            preprocessor.noise,
            estimate.noisy,
            estimate.anchor,
            self.recipe.alpha,
            self.recipe.draws,
            generator,
        ).cpu()

    def _start(self, seed: int) -> Networks:
        """Make networks to train, with the recipe's hooks."""
        torch.manual_seed(seed)
        prior = load_prior(self.device)
        told: Any = prior if self.recipe.told == 1 else ToldPrior(prior, self.recipe.told)
        networks = Networks(
            told,
            channels_last(TemporalEstimator(radius=self.recipe.radius)).to(self.device)
            if self.recipe.fresh
            else load_shipped(TemporalEstimator, self.device),
            channels_last(SpatialRefiner()).to(self.device)
            if self.recipe.fresh
            else load_shipped(SpatialRefiner, self.device),
        )
        self.recipe.change(networks)
        return networks

    def _preprocessor(self, networks: Networks, noise: NoiseModel) -> Preprocessor:
        return Preprocessor(networks.prior, noise, self.recipe.flow())

    def _shown(self, noisy: Tensor) -> Tensor:
        padded = pad_sides(noisy, MULTIPLE)
        return padded.repeat_interleave(2, dim=0) if self.recipe.shows_target else padded

    def _train(
        self, networks: Networks, noisy: Tensor, noise: NoiseModel, seconds: float, seed: int
    ) -> int:
        plan = StagesPlan(seconds, seed, self.recipe.alpha, self.recipe.radius)
        preprocessor = self._preprocessor(networks, noise)
        done = train_stages(networks, preprocessor, list(self._shown(noisy)), plan)
        return done.temporal_steps + done.refiner_steps if done else 0


def _key(noisy: Tensor, noise: NoiseModel, seed: int) -> str:
    content = hashlib.sha256(f"{tuple(noisy.shape)} {noise.to_dict()} {seed}".encode())
    content.update(noisy.contiguous().numpy().tobytes())
    return content.hexdigest()
