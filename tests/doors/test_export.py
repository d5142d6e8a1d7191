"""Networks as ONNX files: ONNX Runtime gives what torch gives."""

import json
import shutil

import numpy as np
import pytest
import torch

from f2r.cli.main import main
from f2r.method.networks import load_draft, load_networks
from f2r.models.draft import DraftState
from f2r.models.temporal import Aligned
from outputs import assert_one_line, content, put

onnxruntime = pytest.importorskip("onnxruntime")
NAMES = {"networks.json", "prior.onnx", "encoder.onnx", "temporal.onnx", "refiner.onnx"}
SIZES = [(1, 40, 56), (3, 24, 8)]
"""Batch, rows and columns; none is what the networks were traced with."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "networks"
    assert main(["export", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def described(folder):
    return json.loads((folder / "networks.json").read_text())


def length(axis, sizes):
    if isinstance(axis, int):
        return axis
    name, _, divisor = axis.partition(" / ")
    return sizes[name] // int(divisor or 1)


def drawn(described, name, batch, height, width):
    """Draw inputs of the shapes that the description gives."""
    sizes = {"batch": batch, "height": height, "width": width}
    generator = torch.Generator().manual_seed(height)
    inputs = {}
    for port in described["networks"][name]["inputs"]:
        values = torch.rand([length(a, sizes) for a in port["axes"]], generator=generator)
        inputs[port["name"]] = values > 0.3 if port["type"] == "bool" else values
    return inputs


def by_torch(name, given):
    networks = load_networks(None, torch.device("cpu"))
    inputs = list(given.values())
    if name == "prior":
        return [networks.prior(*inputs)]
    if name == "encoder":
        return networks.temporal.encode(*inputs)
    if name == "refiner":
        return [networks.refiner(*inputs)]
    joint, *features, visible, present = inputs
    scales = tuple(scale.permute(0, 3, 4, 1, 2) for scale in features)
    return [networks.temporal(Aligned(joint, scales, visible, present))]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prior", "encoder", "temporal", "refiner"])
def test_every_network_gives_what_torch_gives_at_sizes_it_was_not_traced_with(
    folder, described, name
):
    session = onnxruntime.InferenceSession(
        folder / f"{name}.onnx", providers=["CPUExecutionProvider"]
    )
    assert [x.name for x in session.get_inputs()] == [
        port["name"] for port in described["networks"][name]["inputs"]
    ]
    for sizes in SIZES:
        inputs = drawn(described, name, *sizes)
        found = session.run(None, {key: value.numpy() for key, value in inputs.items()})
        with torch.no_grad():
            expected = by_torch(name, inputs)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert np.abs(one - other.numpy()).max() < 1e-3


@pytest.mark.slow
def test_the_description_names_operators_axes_and_weights(folder, described):
    onnx = pytest.importorskip("onnx")
    assert {path.name for path in folder.iterdir()} == NAMES
    versions = {x.version for x in onnx.load(folder / "prior.onnx").opset_import if not x.domain}
    assert versions == {described["opset"]}
    assert described["neighbours"] == [-2, -1, 1, 2]
    assert all(len(one["sha256"]) == 64 for one in described["weights"].values())


def test_an_output_is_checked_before_anything_is_exported(work, capsys):
    put(work / "networks", is_folder=True)
    before = content(work)
    assert main(["export", "-o", str(work / "networks")]) == 2
    assert_one_line(capsys, "exists already")
    assert main(["export", "-o", str(work / "networks"), "--overwrite"]) == 2
    assert_one_line(capsys, "holds letter.txt")
    assert content(work) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--weights", "nowhere"], "nowhere: no such weights file"),
        (["--kind", "raw", "--weights", "self-supervised"], "holds weights for pictures"),
    ],
)
def test_weights_that_do_not_fit_are_one_line_and_leave_nothing(work, capsys, arguments, said):
    assert main(["export", "-o", str(work / "networks"), *arguments]) == 2
    assert_one_line(capsys, said)
    assert list(work.iterdir()) == []


@pytest.mark.slow
def test_the_network_of_drafts_gives_what_torch_gives(work):
    assert main(["export", "-o", str(work / "draft"), "--kind", "draft"]) == 0
    described = json.loads((work / "draft" / "networks.json").read_text())
    session = onnxruntime.InferenceSession(
        work / "draft" / "draft.onnx", providers=["CPUExecutionProvider"]
    )
    network = load_draft(None, torch.device("cpu"))
    for sizes in SIZES:
        noisy, level, *state = drawn(described, "draft", *sizes).values()
        names = [port.name for port in session.get_inputs()]
        values = dict(zip(names, (x.numpy() for x in (noisy, level, *state)), strict=True))
        with torch.no_grad():
            expected = network(noisy, level, DraftState(*state))
        for one, other in zip(session.run(None, values), expected, strict=True):
            assert np.abs(one - other.numpy()).max() < 1e-3


@pytest.mark.slow
def test_an_export_for_raw_takes_the_place_of_an_earlier_one(folder, work):
    shutil.copytree(folder, work / "networks")
    options = ["--kind", "raw", "--overwrite"]
    assert main(["export", "-o", str(work / "networks"), *options]) == 0
    found = json.loads((work / "networks" / "networks.json").read_text())
    assert found["networks"]["prior"]["inputs"][0]["axes"] == ["batch", 4, "height", "width"]
    assert {path.name for path in (work / "networks").iterdir()} == NAMES
