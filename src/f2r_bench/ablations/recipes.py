"""What each part of F2R contributes: variants of the method, made from outside.

The core knows nothing of them. Inputs are changed where they enter a network (hooks), the flow
estimator and the prior's noise level are replaced, the clip is shown twice, or a named constant is
set for the run. Each variant is a method of the comparison, so tables and pictures are the same.

Ablations of what stage 1 sees start from new random weights, because the shipped ones were trained
for the full input; the others start from the shipped weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from f2r.errors import InputError
from f2r.flow.estimator import FlowEstimator
from f2r.models.temporal import Aligned
from f2r_bench.ablations.variant import Recipe, Trainings, Variant
from f2r_bench.core import Networks
from f2r_bench.methods.method import Method
from f2r_bench.methods.udvd import SLIM_WIDTH, Udvd


def noisy_only(joint: Tensor) -> Tensor:
    """Turn z = cat(D(y), y - D(y)), channels third from last, into cat(y, 0)."""
    denoised, removed = joint.chunk(2, dim=-3)
    return torch.cat((denoised + removed, torch.zeros_like(removed)), dim=-3)


def denoised_only(joint: Tensor) -> Tensor:
    """Turn z into cat(D(y), 0)."""
    denoised, removed = joint.chunk(2, dim=-3)
    return torch.cat((denoised, torch.zeros_like(removed)), dim=-3)


def see_instead(change: Callable[[Tensor], Tensor]) -> Callable[[Networks], None]:
    """Change z wherever a network takes it in."""

    def first_of(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (change(inputs[0]), *inputs[1:])

    def aligned(_: nn.Module, inputs: tuple[Aligned]) -> tuple[Aligned]:
        return (inputs[0]._replace(joint=change(inputs[0].joint)),)

    def centre(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0], change(inputs[1]), *inputs[2:])

    def apply(networks: Networks) -> None:
        networks.temporal.encoder.register_forward_pre_hook(first_of)
        networks.temporal.register_forward_pre_hook(aligned)
        networks.refiner.register_forward_pre_hook(centre)

    return apply


def drop_warped_features(networks: Networks) -> None:
    """Leave stage 1 the warped pixels alone."""

    def aligned(_: nn.Module, inputs: tuple[Aligned]) -> tuple[Aligned]:
        nothing = tuple(torch.zeros_like(scale) for scale in inputs[0].features)
        return (inputs[0]._replace(features=nothing),)

    networks.temporal.register_forward_pre_hook(aligned)


def prior_for_anchor(networks: Networks) -> None:
    """Give stage 2 the denoised centre frame where it expects the anchor."""

    def centre(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[1].chunk(2, 1)[0], *inputs[1:])

    networks.refiner.register_forward_pre_hook(centre)


class NoFlow(FlowEstimator):
    """A flow estimator that sees no motion."""

    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:  # noqa: ARG002
        """Give zero displacement, (2, H, W)."""
        return torch.zeros(2, *target.shape[-2:])


@dataclass(frozen=True)
class Ablation:
    """Variants that differ in one thing."""

    question: str
    """What they tell apart."""
    recipes: Sequence[Recipe]
    """The variants; those with the same training share it."""
    with_blind_spot: bool = False
    """Whether UDVD stands for the blind spot among them."""


ABLATIONS: dict[str, Ablation] = {
    "z": Ablation(
        "what the networks see of a frame",
        (
            Recipe("noisy-only", fresh=True, change=see_instead(noisy_only)),
            Recipe("denoised-only", fresh=True, change=see_instead(denoised_only)),
            Recipe("joint", fresh=True),
        ),
    ),
    "flow": Ablation(
        "how neighbours are aligned",
        (
            Recipe("no-flow", fresh=True, flow=NoFlow),
            Recipe("pixel-warp", fresh=True, change=drop_warped_features),
            Recipe("flow-pyramid", fresh=True),
        ),
    ),
    "stages": Ablation(
        "what each stage contributes",
        (
            Recipe("stage-1-only", training="full", part="anchor"),
            Recipe("no-anchor", change=prior_for_anchor),
            Recipe("full", training="full"),
        ),
    ),
    "alpha": Ablation(
        "how strongly the centre frame is recorrupted",
        tuple(Recipe(f"alpha-{alpha:g}", alpha=alpha) for alpha in (0.25, 0.5, 1.0, 2.0)),
    ),
    "draws": Ablation(
        "the direct pass, or an average over recorrupted ones",
        tuple(
            Recipe("direct" if draws == 0 else f"draws-{draws}", training="full", draws=draws)
            for draws in (0, 1, 4, 8)
        ),
    ),
    "window": Ablation(
        "how many frames stage 1 sees",
        tuple(Recipe(f"window-{2 * k + 1}", fresh=True, radius=k) for k in (1, 2, 3)),
    ),
    "prior": Ablation(
        "how strongly the prior denoises: the noise level it is told, relative to the true one",
        tuple(Recipe(f"prior-{told:g}", told=told) for told in (0.0, 0.5, 1.0, 1.5)),
    ),
    "blind": Ablation(
        "what stage 1 may see of the frame that it is compared with",
        (
            Recipe("blind-frame", fresh=True, part="anchor"),
            Recipe("not-blind", fresh=True, part="anchor", shows_target=True),
        ),
        with_blind_spot=True,
    ),
}
"""The ablations by name."""


def build_ablation(name: str, device: torch.device) -> list[Method]:
    """Make the variants of an ablation.

    Raises:
        InputError: there is no such ablation.
    """
    if name not in ABLATIONS:
        raise InputError(f"ablation '{name}' is unknown: choose among {', '.join(ABLATIONS)}")
    ablation, trainings = ABLATIONS[name], Trainings()
    methods: list[Method] = [Variant(recipe, device, trainings) for recipe in ablation.recipes]
    if ablation.with_blind_spot:
        methods.insert(1, Udvd(device, SLIM_WIDTH))
    return methods
