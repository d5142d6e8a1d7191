"""Residual blocks of 8 bits: close to bfloat16, only for shipped weights, chosen by an option."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import f2r
from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.method.networks import for_inference, load_networks
from f2r.method.precision import mixed_precision
from f2r.models.eight_bit import (
    FINEST_DECODER,
    EightBitBlock,
    Peaks,
    fingerprint,
    has_eight_bits,
    in_eight_bits,
    measuring_peaks,
    shipped_peaks,
)
from f2r.models.layers import ResidualBlock
from f2r.models.weights import WeightSet

CPU = torch.device("cpu")
needs_eight_bits = pytest.mark.skipif(not has_eight_bits(), reason="the CPU has no 8-bit products")
SETS = [WeightSet.PICTURES, WeightSet.CODED, WeightSet.SELF_SUPERVISED]


def networks_of(which):
    if which is WeightSet.SELF_SUPERVISED:
        return load_networks(which, CPU)
    return load_networks(None, CPU, which)


def blocks_of(network):
    return [m for m in network.modules() if isinstance(m, EightBitBlock)]


def features(channels, peak=1.0):
    values = peak * (2 * torch.rand(1, channels, 24, 40) - 1)
    return values.bfloat16().contiguous(memory_format=torch.channels_last)


def block_with_peaks(channels, seen):
    torch.manual_seed(0)
    return with_peaks(ResidualBlock(channels).requires_grad_(False), seen)


def with_peaks(block, seen):
    holder = torch.nn.Sequential(block)
    with measuring_peaks(holder) as found:
        holder(seen.float())
    return block, Peaks(*found["0"])


def test_peaks_are_those_of_each_channel():
    seen = features(8)
    seen[:, 3] = 0
    seen[0, 2, 4, 5] = -9
    block, peaks = block_with_peaks(8, seen)
    assert peaks.input.tolist() == pytest.approx(seen.abs().amax((0, 2, 3)).tolist())
    hidden = torch.relu(block.expand(seen.float())).amax((0, 2, 3))
    assert peaks.hidden.tolist() == pytest.approx(hidden.tolist())


@needs_eight_bits
@pytest.mark.parametrize("channels", [64, 96])
def test_a_block_of_8_bits_is_close_to_the_block(channels):
    seen = features(channels)
    block, peaks = block_with_peaks(channels, seen)
    exact = block(seen.float().clone())
    fast = EightBitBlock(block, peaks)(seen.clone(memory_format=torch.preserve_format))
    branch = exact - seen.float()
    assert (fast.float() - exact).square().mean() < 1e-3 * branch.square().mean()


@needs_eight_bits
def test_channels_are_rounded_by_their_own_peaks():
    seen = features(64)
    seen[:, ::2] *= 1 / 256
    block, _ = block_with_peaks(64, seen)
    block.expand.weight[:, 1::2] = 0  # only the small channels count
    block.expand.weight[:, ::2] *= 256
    block, peaks = with_peaks(block, seen)
    branch = block(seen.float()) - seen.float()
    fast = EightBitBlock(block, peaks)(seen.clone()).float() - seen.float()
    assert (fast - branch)[:, ::2].square().mean() < 1e-2 * branch[:, ::2].square().mean()


@needs_eight_bits
def test_larger_values_are_clipped():
    seen = features(64)
    block, peaks = block_with_peaks(64, seen)
    wild = 4 * seen
    fast = EightBitBlock(block, peaks)(wild.clone()).float() - wild.float()
    limited = torch.minimum(
        torch.maximum(wild.float(), -peaks.input.view(1, -1, 1, 1)), peaks.input.view(1, -1, 1, 1)
    )
    expected = block.project(
        torch.minimum(torch.relu(block.expand(limited)), peaks.hidden.view(1, -1, 1, 1))
    )
    assert (fast - expected).square().mean() < 1e-2 * expected.square().mean()


@pytest.mark.parametrize("which", SETS)
def test_all_weights_for_pictures_have_peaks(which):
    networks = networks_of(which)
    for network in (networks.prior, networks.temporal, networks.refiner):
        expected = {
            name
            for name, block in network.named_modules()
            if isinstance(block, ResidualBlock) and FINEST_DECODER not in name
        }
        assert set(shipped_peaks()[fingerprint(network)]) == expected


def test_raw_stays_in_bfloat16():
    networks = load_networks(None, CPU, WeightSet.RAW)
    assert not blocks_of(in_eight_bits(networks.prior))


@needs_eight_bits
def test_trained_weights_stay_in_bfloat16():
    networks = load_networks(None, CPU)
    before = fingerprint(networks.refiner)
    with torch.no_grad():
        networks.refiner.net.tail.bias[0] += 1e-3
    assert fingerprint(networks.refiner) != before
    fast = for_inference(networks)
    assert fast.refiner is networks.refiner
    assert blocks_of(fast.prior)


@needs_eight_bits
@pytest.mark.parametrize("sigma", [10, 40])
def test_the_prior_loses_little(sigma):
    prior = load_networks(None, CPU).prior
    rows, columns = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    clean = (0.5 + 0.3 * torch.sin(rows / 7) * torch.cos(columns / 9)).expand(1, 3, -1, -1)
    level = torch.full_like(clean, sigma / 255)
    noisy = clean + level * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), mixed_precision(CPU):
        exact, fast = (net(noisy, level) for net in (prior, in_eight_bits(prior)))
    assert not torch.equal(exact, fast)
    errors = [(one - clean).square().mean() for one in (exact, fast)]
    assert errors[1] < 1.02 * errors[0]


@needs_eight_bits
def test_the_option_decides():
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (4, 64, 64, 3)).astype(np.float32)
    config = DenoiseConfig(preset="fast", sigma=0.1)
    fast, exact, again = (
        f2r.denoise(noisy, replace(config, arithmetic=name)).frames
        for name in ("auto", "bfloat16", "auto")
    )
    assert np.array_equal(fast, again)
    assert not np.array_equal(fast, exact)
    errors = [float(np.square(frames - 0.5).mean()) for frames in (exact, fast)]
    assert errors[1] < 1.05 * errors[0]


def test_an_unknown_arithmetic_is_refused():
    with pytest.raises(InputError, match="arithmetic must be auto or bfloat16"):
        DenoiseConfig(arithmetic="int4")
