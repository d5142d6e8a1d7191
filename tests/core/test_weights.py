"""Weights on disk: small, close to what was trained, and refused when damaged."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from f2r.errors import InputError
from f2r.method.networks import describe_networks
from f2r.models.compact import compact, expand
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import (
    KINDS,
    WeightSet,
    load_network,
    save_network,
    sha256_of,
    shipped,
    shipped_set,
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_is_close_to_what_was_trained(kind):
    state = kind().state_dict()
    restored = expand(compact(state))
    assert restored.keys() == state.keys()
    for name, tensor in state.items():
        step = tensor.abs().max() / 127
        assert restored[name].shape == tensor.shape
        assert (restored[name] - tensor).abs().max() <= 0.51 * step, name


def test_storing_again_changes_nothing():
    once = expand(compact(SpatialRefiner().state_dict()))
    twice = expand(compact(once))
    assert all(torch.allclose(twice[name], once[name], rtol=1e-6, atol=0) for name in once)


def test_a_silent_channel_stays_silent():
    state = {"block.weight": torch.zeros(4, 4, 3, 3), "block.bias": torch.zeros(4)}
    assert not any(tensor.any() for tensor in expand(compact(state)).values())


@pytest.mark.parametrize("of", WeightSet)
def test_a_set_is_shipped_for_every_kind_of_frames(of):
    kinds = {name: kind for kind, name in KINDS.items()}
    for name, file in shipped_set(of).items():
        load_network(file, kinds[name])


def test_the_self_supervised_set_is_taken_when_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "self-supervised").mkdir()
    asked, default = describe_networks("self-supervised"), describe_networks(None)
    for name, file in shipped_set(WeightSet.SELF_SUPERVISED).items():
        assert asked[name]["sha256"] == sha256_of(file)
        assert asked[name]["sha256"] != default[name]["sha256"]


@pytest.mark.parametrize("scale", [None, torch.ones(3)])
def test_missing_and_odd_scales_are_refused(tmp_path, scale):
    path = tmp_path / "refiner.safetensors"
    save_network(path, SpatialRefiner(), {})
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
    stored = load_file(path)
    name = next(name for name in stored if name.endswith(".scale"))
    del stored[name]
    if scale is not None:
        stored[name] = scale
    save_file(stored, path, metadata=metadata)
    with pytest.raises(InputError, match="does not fit"):
        load_network(path, SpatialRefiner)


def test_nan_in_a_residual_block_is_refused(tmp_path):
    prior = ImagePrior()
    with torch.no_grad():
        prior.net.bottom[0].expand.weight[0, 0, 0, 0] = float("nan")
    save_network(tmp_path / "nan.safetensors", prior, {})
    with pytest.raises(InputError, match="NaN"):
        load_network(tmp_path / "nan.safetensors", ImagePrior)


def test_a_network_of_another_kind_is_refused():
    with pytest.raises(InputError, match="needed"):
        load_network(shipped(ImagePrior), TemporalEstimator)


def test_a_small_file_cannot_take_much_memory(tmp_path):
    path = tmp_path / "refiner.safetensors"
    save_network(path, SpatialRefiner(), {})
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
    odd = {"x": torch.zeros(40_000, dtype=torch.int8), "x.scale": torch.ones(40_000)}
    for more in (odd, {"junk.scale": torch.ones(3)}, {"net.head.bias": torch.zeros(64)}):
        save_file(load_file(path) | more, tmp_path / "bad.safetensors", metadata=metadata)
        with pytest.raises(InputError, match="does not fit"):
            load_network(tmp_path / "bad.safetensors", SpatialRefiner)


@pytest.mark.parametrize("channels", [0, 1, 2, 5, 1024])
def test_networks_are_for_three_or_four_channels(tmp_path, channels):
    path = tmp_path / "prior.safetensors"
    save_network(path, ImagePrior(max(channels, 1), (8, 8, 8), (1, 1, 1)), {})
    with pytest.raises(InputError, match="does not fit"):
        load_network(path, ImagePrior)


@pytest.mark.parametrize("kind", [ImagePrior, TemporalEstimator, SpatialRefiner])
def test_the_weights_for_raw_tell_the_greens_apart(kind):
    tail = load_network(shipped(kind, WeightSet.RAW), kind).net.tail.weight.unflatten(0, (-1, 4))
    assert not torch.equal(tail[-3], tail[-2])
