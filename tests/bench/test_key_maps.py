"""Our architectures carry the key names and shapes of the authors' published checkpoints."""

import argparse
import re

import pytest
import torch

from f2r.errors import InputError
from f2r_bench.methods.checkpoints import read_checkpoint
from f2r_bench.methods.fastdvdnet import FastDvdNetwork
from f2r_bench.methods.flornn import FloRnn, FloRnnNetwork
from f2r_bench.methods.nafnet import NafNet, NafNetwork, NafShape
from f2r_bench.methods.registry import Resources, build_methods
from f2r_bench.methods.udvd import BlindVideoNet, Udvd

CPU = torch.device("cpu")


def conv_norm(stem, first, channels_out, channels_in):
    """Keys of a convolution without bias, its normalisation and a rectifier."""
    keys = {f"{stem}.{first}.weight": (channels_out, channels_in, 3, 3)}
    keys |= {
        f"{stem}.{first + 1}.{part}": (channels_out,)
        for part in ("weight", "bias", "running_mean", "running_var")
    }
    return keys | {f"{stem}.{first + 1}.num_batches_tracked": ()}


def pair(stem, channels):
    return conv_norm(stem, 0, channels, channels) | conv_norm(stem, 3, channels, channels)


def fastdvdnet_keys():
    """As m-tassano/fastdvdnet's models.py names them."""
    keys = {}
    for temp in ("temp1", "temp2"):
        inc = f"{temp}.inc.convblock"
        keys |= conv_norm(inc, 0, 90, 4) | conv_norm(inc, 3, 32, 90)
        for down, channels in (("downc0", 64), ("downc1", 128)):
            stem = f"{temp}.{down}.convblock"
            keys |= conv_norm(stem, 0, channels, channels // 2)
            keys |= pair(f"{stem}.3.convblock", channels)
        for up, channels in (("upc2", 128), ("upc1", 64)):
            stem = f"{temp}.{up}.convblock"
            keys |= pair(f"{stem}.0.convblock", channels)
            keys |= {f"{stem}.1.weight": (2 * channels, channels, 3, 3)}
        outc = f"{temp}.outc.convblock"
        keys |= conv_norm(outc, 0, 32, 32) | {f"{outc}.3.weight": (3, 32, 3, 3)}
    return keys


def flornn_keys():
    """As nagejacob/FloRNN names them, the flow network left out."""
    keys = {}
    for rnn in ("forward_rnn", "backward_rnn"):
        keys[f"{rnn}.first_conv.weight"] = (64, 70, 3, 3)
        for block in range(15):
            for conv in ("conv1", "conv2"):
                keys[f"{rnn}.resblocks.{block}.{conv}.weight"] = (64, 64, 3, 3)
    return keys | {"d.convs.0.weight": (128, 128, 3, 3), "d.convs.2.weight": (3, 128, 3, 3)}


def naf_block_keys(stem, c):
    shapes = {
        "beta": (1, c, 1, 1),
        "gamma": (1, c, 1, 1),
        "conv1": (2 * c, c, 1, 1),
        "conv2": (2 * c, 1, 3, 3),
        "conv3": (c, c, 1, 1),
        "sca.1": (c, c, 1, 1),
        "conv4": (2 * c, c, 1, 1),
        "conv5": (c, c, 1, 1),
        "norm1": (c,),
        "norm2": (c,),
    }
    keys = {}
    for name, shape in shapes.items():
        if len(shape) == 4 and shape[0] == 1:
            keys[f"{stem}.{name}"] = shape
        else:
            keys |= {f"{stem}.{name}.weight": shape, f"{stem}.{name}.bias": shape[:1]}
    return keys


def nafnet_keys():
    """As megvii-research/NAFNet names them, SIDD configuration of width 32."""
    keys = {"intro.weight": (32, 3, 3, 3), "intro.bias": (32,)}
    keys |= {"ending.weight": (3, 32, 3, 3), "ending.bias": (3,)}
    for level, count in enumerate((2, 2, 4, 8)):
        c = 32 * 2**level
        keys |= {f"downs.{level}.weight": (2 * c, c, 2, 2), f"downs.{level}.bias": (2 * c,)}
        for block in range(count):
            keys |= naf_block_keys(f"encoders.{level}.{block}", c)
    for block in range(12):
        keys |= naf_block_keys(f"middle_blks.{block}", 512)
    for level in range(4):
        c = 512 // 2**level
        keys[f"ups.{level}.0.weight"] = (2 * c, c, 1, 1)
        for block in range(2):
            keys |= naf_block_keys(f"decoders.{level}.{block}", c // 2)
    return keys


def udvd_keys():
    """As sreyas-mohan/udvd names them, model blind-video-net-4."""
    keys = {}
    for name, first, last in (("denoiser_1", 9, 32), ("denoiser_2", 96, 96)):
        stacks = {
            "enc1": (first, 48, 48, 48),
            "enc2": (48, 48, 48, 48),
            "enc3": (48, 96, 96, 48),
            "dec2": (96, 96, 96, 96, 96),
            "dec1": (96 + first, 96, 96, 96, last),
        }
        for stack, widths in stacks.items():
            for i in range(1, len(widths)):
                shape = (widths[i], widths[i - 1], 3, 3)
                keys[f"{name}.{stack}.conv{i}.conv.weight"] = shape
    for nin, shape in (("A", (384, 384)), ("B", (96, 384)), ("C", (9, 96))):
        keys[f"nin_{nin}.weight"] = (*shape, 1, 1)
    return keys


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (FastDvdNetwork, fastdvdnet_keys),
        (FloRnnNetwork, flornn_keys),
        (lambda: NafNetwork(NafShape()), nafnet_keys),
        (BlindVideoNet, udvd_keys),
    ],
    ids=["fastdvdnet", "flornn", "nafnet", "udvd"],
)
def test_keys_and_shapes_are_the_published_ones(network, expected):
    with torch.device("meta"):
        found = {name: tuple(value.shape) for name, value in network().state_dict().items()}
    assert found == expected()


def save(path, weights, wrap=lambda state: {"state_dict": state}, prefix="module."):
    torch.save(wrap({prefix + name: value for name, value in weights.items()}), path)
    return path


def test_a_parallel_checkpoint_with_a_flow_network_loads(tmp_path):
    network = FloRnnNetwork(blocks=2)
    weights = network.state_dict() | {"pwcnet.netExtractor.weight": torch.zeros(3)}
    method = FloRnn(CPU, save(tmp_path / "flornn.pth", weights))
    assert len(method.network.forward_rnn.resblocks) == 2
    assert torch.equal(method.network.d.convs[0].weight, network.d.convs[0].weight)
    assert not method.network.training


def test_nafnet_reads_its_size_from_the_checkpoint(tmp_path):
    shape = NafShape(width=8, encoders=(1, 2), middle=3, decoders=(2, 1))
    weights = NafNetwork(shape).state_dict()
    path = save(tmp_path / "nafnet.pth", weights, lambda state: {"params": state}, prefix="")
    network = NafNet(CPU, path).network
    assert [len(level) for level in network.encoders] == [1, 2]
    assert torch.equal(network.middle_blks[2].conv1.weight, weights["middle_blks.2.conv1.weight"])


def test_udvd_reads_a_checkpoint_that_keeps_its_options(tmp_path):
    weights = BlindVideoNet().state_dict()
    path = save(
        tmp_path / "udvd.pt",
        weights,
        lambda state: {"model": [state], "args": argparse.Namespace(lr=1e-3), "step": 5},
        prefix="",
    )
    method = Udvd(CPU, weights=path)
    assert torch.equal(method.network.nin_C.weight, weights["nin_C.weight"])


def spoil(weights, how):
    weights = dict(weights)
    if how == "missing":
        del weights["temp2.outc.convblock.3.weight"]
    elif how == "unknown":
        weights["temp3.inc.weight"] = torch.zeros(1)
    else:
        weights["temp1.inc.convblock.0.weight"] = torch.zeros(90, 8, 3, 3)
    return weights


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "1 keys missing (first: temp2.outc.convblock.3.weight)"),
        ("unknown", "1 keys unknown (first: temp3.inc.weight)"),
        ("misshapen", "temp1.inc.convblock.0.weight (90, 8, 3, 3) instead of (90, 4, 3, 3)"),
    ],
)
def test_a_checkpoint_that_does_not_fit_says_which_key(tmp_path, how, said):
    path = save(tmp_path / "fast.pth", spoil(FastDvdNetwork().state_dict(), how))
    with pytest.raises(InputError, match=re.escape(said)) as error:
        build_methods(["fastdvdnet"], Resources(CPU, {"fastdvdnet": path}))
    assert "\n" not in str(error.value)


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    (tmp_path / "text.pth").write_text("no weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"state_dict": {"a": 1}}, tmp_path / "numbers.pth")
    for name in ("text", "list", "numbers", "absent"):
        with pytest.raises(InputError, match=name) as error:
            read_checkpoint(tmp_path / f"{name}.pth")
        assert "\n" not in str(error.value)


class Surprise:
    """Something that a pickle would run."""

    def __reduce__(self):
        return (print, ("run",))


def test_a_checkpoint_runs_no_code(tmp_path, capsys):
    torch.save({"state_dict": Surprise()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="no readable checkpoint"):
        read_checkpoint(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""
