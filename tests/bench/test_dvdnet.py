import os
from pathlib import Path

import cv2
import pytest
import torch

from f2r.errors import InputError
from f2r.evaluation.metrics import psnr
from f2r.flow.warp import warp_backward
from f2r.noise.models import Gaussian
from f2r_bench.clips.datasets import Clip, read_clip
from f2r_bench.clips.noise import draw_noisy
from f2r_bench.methods.deepflow import DeepFlow
from f2r_bench.methods.dvdnet import DvdNet, DvdSpatial, DvdTemporal
from synthetic import moving_clip

SHARED = Path(os.environ.get("F2R_SHARED", Path(__file__).parents[3] / "shared"))
"""Folder with `data/clips/tractor` and the authors' weights, which are not part of the project."""


def norm_names(stem, index):
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [f"{stem}.{index}.{part}" for part in parts]


def test_spatial_names_are_those_of_the_published_checkpoint():
    expected = ["conv_relu_bn.0.weight"]
    for i in range(2, 30, 3):
        expected += [f"conv_relu_bn.{i}.weight", *norm_names("conv_relu_bn", i + 1)]
    expected.append("conv_relu_bn.32.weight")
    state = DvdSpatial().state_dict()
    assert list(state) == expected
    assert state["conv_relu_bn.0.weight"].shape == (96, 15, 3, 3)
    assert state["conv_relu_bn.32.weight"].shape == (12, 96, 3, 3)


def test_temporal_names_are_those_of_the_published_checkpoint():
    expected = ["down_conv.0.weight", *norm_names("down_conv", 1), "conv1x1.weight"]
    for i in range(0, 12, 3):
        expected += [f"block_conv.{i}.weight", *norm_names("block_conv", i + 1)]
    expected += ["out_conv.0.weight", *norm_names("out_conv", 1), "out_conv.3.weight"]
    state = DvdTemporal().state_dict()
    assert list(state) == expected
    assert state["down_conv.0.weight"].shape == (96, 18, 5, 5)
    assert state["conv1x1.weight"].shape == (96, 96, 1, 1)
    assert state["out_conv.3.weight"].shape == (12, 96, 3, 3)


def test_odd_sizes_come_back():
    frame = torch.rand(1, 3, 13, 18)
    with torch.inference_mode():
        assert DvdSpatial().eval()(frame, 0.1).shape == frame.shape
        assert DvdTemporal().eval()([frame] * 5, 0.1).shape == frame.shape


def test_the_flow_of_the_paper_aligns_or_says_what_is_missing():
    if not hasattr(cv2, "optflow"):
        with pytest.raises(InputError, match="opencv-contrib"):
            DeepFlow()
        return
    first, second = moving_clip(2, 64, 64)
    flow = DeepFlow().estimate(first, second)
    moved = warp_backward(second[None], flow[None])[0]
    assert (moved - first)[:, 8:-8, 8:-8].abs().mean() < 0.5 * (second - first).abs().mean()


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data/weights/dvdnet_spatial.pth").exists(), reason="no weights")
def test_the_authors_weights_give_their_quality():
    weights = SHARED / "data" / "weights"
    clean = read_clip(Clip("tractor", SHARED / "data" / "clips" / "tractor"), 10)
    noise = Gaussian(30 / 255)
    noisy = draw_noisy(clean, noise, 2026)
    method = DvdNet(
        torch.device("cpu"), weights / "dvdnet_spatial.pth", weights / "dvdnet_temporal.pth"
    )
    figures = psnr(method.infer(noisy, noise), clean)[2:8]
    assert float(figures.mean()) == pytest.approx(34.1, abs=0.15)
