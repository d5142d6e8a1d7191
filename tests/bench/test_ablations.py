import pytest
import torch

from f2r.method.recorrupt import recorrupt
from f2r.models.prior import ImagePrior, joint_input
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.noise.models import Gaussian
from f2r_bench.ablations.recipes import (
    ABLATIONS,
    NoFlow,
    build_ablation,
    denoised_only,
    noisy_only,
    prior_for_anchor,
)
from f2r_bench.ablations.variant import Recipe, Trainings, Variant
from f2r_bench.core import ALPHA, Networks

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
NOISE = Gaussian(0.1)


def small_networks():
    torch.manual_seed(0)
    temporal = TemporalEstimator(3, (8, 8), (8, 8, 8), (1, 1, 1))
    torch.nn.init.normal_(temporal.net.tail.weight, std=0.1)
    return Networks(
        ImagePrior(3, (8, 8, 8), (1, 1, 1)), temporal, SpatialRefiner(3, (8, 8, 8), (1, 1, 1))
    )


def test_parts_of_z():
    noisy, denoised = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    joint = joint_input(noisy, denoised)
    nothing = torch.zeros_like(noisy)
    assert torch.allclose(noisy_only(joint), torch.cat((noisy, nothing), 1), atol=1e-6)
    assert torch.equal(denoised_only(joint), torch.cat((denoised, nothing), 1))


def test_without_the_anchor_stage_2_ignores_it():
    networks = small_networks()
    prior_for_anchor(networks)
    joint, sigma = torch.rand(1, 6, 16, 16), torch.full((1, 3, 16, 16), 0.1)
    first, second = (networks.refiner(torch.rand(1, 3, 16, 16), joint, sigma) for _ in range(2))
    assert torch.equal(first, second)


def test_the_recorruption_of_a_recipe_is_what_stage_2_trains_with(clean, monkeypatch):
    seen = []

    def record(*args, **kwargs):
        seen.append(args[2])
        return recorrupt(*args, **kwargs)

    monkeypatch.setattr("f2r.train.refiner_loss.recorrupt", record)
    noisy = NOISE.sample(clean[:3, :, :32, :32], torch.Generator().manual_seed(0))
    for alpha in (2.0, ALPHA):
        Variant(Recipe("shaken", alpha=alpha), CPU, Trainings()).denoise(noisy, NOISE, 0.5, 0)
        assert set(seen) == {alpha}
        seen.clear()


def test_no_flow_sees_no_motion():
    assert torch.count_nonzero(NoFlow().estimate(torch.rand(3, 8, 9), torch.rand(3, 8, 9))) == 0


def test_every_ablation_can_be_built_and_has_names_of_its_own():
    for name, ablation in ABLATIONS.items():
        names = [recipe.name for recipe in ablation.recipes]
        assert len(set(names)) == len(names), name
    methods = build_ablation("blind", CPU)
    assert [m.name for m in methods] == ["blind-frame", "udvd-slim", "not-blind"]


def test_a_shared_training_is_done_once(clean):
    noisy = NOISE.sample(clean[:3, :, :32, :32], torch.Generator().manual_seed(0))
    trainings = Trainings()
    anchor = Variant(Recipe("anchor", training="full", part="anchor"), CPU, trainings)
    full = Variant(Recipe("full", training="full"), CPU, trainings)
    first, second = (variant.denoise(noisy, NOISE, 0.2, 0) for variant in (anchor, full))
    assert first.steps == second.steps > 0
    assert full.current is anchor.current
    assert not torch.equal(first.frames, second.frames)


def test_showing_the_target_keeps_the_number_of_frames(clean):
    variant = Variant(Recipe("seen", part="anchor", shows_target=True), CPU, Trainings())
    noisy = clean[:3, :, :32, :40]
    assert variant.infer(noisy, NOISE).shape == noisy.shape
