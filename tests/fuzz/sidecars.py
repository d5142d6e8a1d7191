"""Small sidecars of every kind that F2R reads, and what reads them."""

import json

import numpy as np
import torch

from f2r.config import DenoiseConfig
from f2r.method.networks import Networks
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator
from f2r.models.weights import load_network, save_network
from f2r.noise.parse import load_noise
from f2r.run.model import Model, Subject
from f2r.run.model_file import load_model, save_model
from f2r.run.resume.spool import FrameSpool, Mark
from f2r.system.claim import Claim
from f2r.system.marked import check_stamp, make_marked, read_stamp
from f2r.system.owner import Owner
from f2r.system.placing import read_ledger
from f2r.system.sealed import read_json, read_sealed, read_weights, write_json, write_sealed
from f2r.system.sealed import write_weights as seal_weights

NOISE = (
    {"model": "poisson-gaussian", "gain": 0.01, "read": 0.02, "offset": 0.0},
    {
        "model": "correlated",
        "base": {"model": "gaussian", "sigma": 0.1},
        "correlation": [[[[0.0, 0.2, 0.0], [0.2, 1.0, 0.2], [0.0, 0.2, 0.0]]]],
    },
)


def make_sidecars(folder):
    """Write one of each kind; give name, path and kind."""
    for i, model in enumerate(NOISE):
        (folder / f"noise{i}.json").write_text(json.dumps({"noise": model}))
        yield f"noise {i}", folder / f"noise{i}.json", "noise"
    small = {"widths": (4, 4), "depths": (1, 1)}
    prior, refiner = ImagePrior(**small), SpatialRefiner(**small)
    temporal = TemporalEstimator(encoded=(4, 4), widths=(4, 4, 4), depths=(1, 1, 1))
    save_network(folder / "weights.safetensors", refiner, {})
    yield "weights", folder / "weights.safetensors", "weights"
    networks = Networks(prior, temporal, refiner)
    model = Model(DenoiseConfig(sigma=0.1), Subject(()), [], networks, {})
    save_model(model, folder / "a.f2r", overwrite=False)
    yield "model", folder / "a.f2r", "model"
    yield "run folder", _run_folder(folder), "run"


def _run_folder(folder):
    """Write what a run leaves behind that was killed."""
    with Claim(folder / "out.npy") as claim:
        path = folder / "out.npy.run"
        make_marked(claim, path, {"config": {"seed": 0}, "input": "a"})
        (path / "owner.json").write_bytes((claim.folder / "owner.json").read_bytes())
    (path / "placed.json").write_text(json.dumps({"out.npy": [[1, 2, 3]]}))
    write_json(path / "prepared.json", {"decisions": [], "report": {}})
    seal_weights(path / "weights.safetensors", {"a": torch.zeros(3)})
    write_sealed(path / "picture.sealed", b"picture")
    with FrameSpool(path / "frames.spool") as spool:
        for value in range(3):
            spool.append([np.full((4, 4, 1), value, np.uint8)], Mark(False, False))
    return path


def _read_run_folder(path):
    stamp = read_stamp(path)
    if stamp is not None:
        check_stamp(path, stamp)
    Owner.read(path / "owner.json")
    read_ledger(path / "placed.json")
    read_json(path / "prepared.json")
    read_weights(path / "weights.safetensors")
    read_sealed(path / "picture.sealed")
    with FrameSpool(path / "frames.spool") as spool:
        for number in range(len(spool)):
            spool.read(number)


SIDECARS = {
    "noise": load_noise,
    "weights": lambda path: load_network(path, SpatialRefiner),
    "model": lambda path: load_model(path, device="cpu"),
    "run": _read_run_folder,
}
