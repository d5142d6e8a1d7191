import pytest
import torch

from f2r.noise.models import Gaussian
from f2r_bench.methods.frames import stack_windows
from f2r_bench.methods.udvd import (
    BlindVideoNet,
    Udvd,
    negative_log_likelihood,
    posterior_mean,
)

WIDTH = 12


def small_net():
    torch.manual_seed(0)
    return BlindVideoNet(WIDTH).eval()


@pytest.mark.parametrize(("row", "column"), [(11, 6), (0, 0), (23, 19), (0, 19)])
def test_the_prediction_does_not_depend_on_its_own_pixel(row, column):
    windows = torch.rand(1, 5, 3, 24, 20, requires_grad=True)
    mean, covariance = small_net()(windows)
    predicted = mean[..., row, column].sum() + covariance[..., row, column].sum()
    (gradient,) = torch.autograd.grad(predicted, windows)
    assert torch.count_nonzero(gradient[..., row, column]) == 0
    assert torch.count_nonzero(gradient[0, 2]) > 100


def test_the_posterior_step_uses_the_pixel():
    mean, noisy = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
    covariance = 3 * torch.eye(3).view(1, 3, 3, 1, 1)
    estimate = posterior_mean(mean, covariance, noisy, torch.ones(1, 3, 1, 1))
    assert torch.allclose(estimate, torch.tensor(0.75), atol=1e-4)


def test_the_likelihood_is_best_at_the_true_mean_and_variance():
    generator = torch.Generator().manual_seed(0)
    noisy = 0.5 + 0.2 * torch.randn(1, 3, 64, 64, generator=generator)
    variance = torch.full_like(noisy, 0.01)

    def loss(mean, extra):
        covariance = extra * torch.eye(3).view(1, 3, 3, 1, 1).expand(1, 3, 3, 64, 64)
        return float(
            negative_log_likelihood(torch.full_like(noisy, mean), covariance, noisy, variance)
        )

    best = loss(0.5, 0.03)  # 0.2 ** 2 - 0.01
    assert best < min(loss(0.4, 0.03), loss(0.6, 0.03), loss(0.5, 0.01), loss(0.5, 0.09))


def test_inference_that_shares_stacks_equals_the_network(clean):
    method = Udvd(torch.device("cpu"), WIDTH)
    method.network = small_net()
    noise = Gaussian(0.1)
    noisy = noise.sample(clean, torch.Generator().manual_seed(1))
    shared = method.infer(noisy, noise)
    assert shared.shape == clean.shape
    window = stack_windows(noisy, 2)[0][None]
    with torch.no_grad():
        mean, covariance = method.network(window)
    alone = posterior_mean(mean, covariance, noisy[:1], torch.full_like(noisy[:1], 0.01))[0]
    assert torch.allclose(shared[0], alone, atol=0.01)
