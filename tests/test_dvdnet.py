from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def dvdnet(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from peers import dvdnet

    return dvdnet


def norm_names(stem, index):
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{stem}.{index}.{part}" for part in parts]


def test_spatial_names_are_those_of_the_published_checkpoint(dvdnet):
    expected = ["conv_relu_bn.0.weight"]
    for i in range(2, 30, 3):
        expected += [f"conv_relu_bn.{i}.weight", *norm_names("conv_relu_bn", i + 1)]
    expected.append("conv_relu_bn.32.weight")
    state = dvdnet.DvdSpatial().state_dict()
    assert list(state) == expected
    assert state["conv_relu_bn.0.weight"].shape == (96, 15, 3, 3)
    assert state["conv_relu_bn.32.weight"].shape == (12, 96, 3, 3)


def test_temporal_names_are_those_of_the_published_checkpoint(dvdnet):
    expected = ["down_conv.0.weight", *norm_names("down_conv", 1), "conv1x1.weight"]
    for i in range(0, 12, 3):
        expected += [f"block_conv.{i}.weight", *norm_names("block_conv", i + 1)]
    expected += ["out_conv.0.weight", *norm_names("out_conv", 1), "out_conv.3.weight"]
    state = dvdnet.DvdTemporal().state_dict()
    assert list(state) == expected
    assert state["down_conv.0.weight"].shape == (96, 18, 5, 5)
    assert state["conv1x1.weight"].shape == (96, 96, 1, 1)
    assert state["out_conv.3.weight"].shape == (12, 96, 3, 3)


def test_odd_sizes_come_back(dvdnet):
    frame = torch.rand(1, 3, 13, 18)
    with torch.inference_mode():
        assert dvdnet.DvdSpatial().eval()(frame, 0.1).shape == frame.shape
        assert dvdnet.DvdTemporal().eval()([frame] * 5, 0.1).shape == frame.shape


def test_loads_a_checkpoint_saved_from_a_parallel_wrapper(dvdnet, tmp_path):
    saved, loaded = dvdnet.DvdSpatial(), dvdnet.DvdSpatial()
    state = {f"module.{name}": value for name, value in saved.state_dict().items()}
    torch.save(state, tmp_path / "weights.pth")
    dvdnet.load_authors_weights(loaded, tmp_path / "weights.pth")
    assert torch.equal(loaded.conv_relu_bn[0].weight, saved.conv_relu_bn[0].weight)
    assert not loaded.training
