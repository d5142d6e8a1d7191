"""Export of the networks as ONNX files, for other programs."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from f2r import __version__
from f2r.errors import InputError
from f2r.io.output import check_output
from f2r.method.networks import RunNetworks, describe_networks, load_run
from f2r.models.draft import DraftDenoiser
from f2r.models.onnx_graphs import MULTIPLE, OPSET, Graph, draft_graph, graphs_of
from f2r.models.temporal import offsets_within
from f2r.models.weights import WeightSet
from f2r.system.claim import Claim
from f2r.system.placing import cannot_write
from f2r.system.progress import Progress, ProgressCallback

DESCRIPTION = "networks.json"
"""File that describes the graphs."""

PACKAGES = ("onnx", "onnxscript")
"""What the export needs besides torch."""


def export_networks(
    folder: Path,
    weights: str | None,
    of: WeightSet,
    *,
    overwrite: bool,
    progress: ProgressCallback = lambda _: None,
) -> None:
    """Write prior, stage 1 and stage 2, or the network of a draft, as ONNX with a description.

    Args:
        folder: where to write; it appears when all files are complete.
        weights: the user's own weights, as for `own_weights`; None takes shipped ones.
        of: which frames the networks are for.
        overwrite: an earlier export may be replaced.
        progress: called after each graph.

    Raises:
        InputError: a package is missing, the weights cannot be read, or the folder cannot be
            written or holds something else.
    """
    if not all(map(find_spec, PACKAGES)):
        raise InputError("an export needs onnx: pip install 'frames2residual[onnx]'")
    check_output(folder, None, overwrite=overwrite)
    networks = load_run(weights, torch.device("cpu"), of)
    graphs = _graphs(networks)
    names = {DESCRIPTION, *(f"{graph.name}.onnx" for graph in graphs)}
    _check_replaceable(folder, folder, names)
    content = _describe(graphs, networks, describe_networks(weights, of))
    with Claim(folder, overwrite=overwrite) as claim:
        part = claim.part(folder)
        try:
            part.mkdir()
            for k, graph in enumerate(graphs):
                progress(Progress("export", k / len(graphs)))
                graph.write(part / f"{graph.name}.onnx")
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (part / DESCRIPTION).write_text(text, encoding="utf-8")
            claim.place(part, folder, lambda old, _: _check_replaceable(old, folder, names))
        except OSError as error:
            raise cannot_write(folder, error) from error
        progress(Progress("export", 1.0))


def _graphs(networks: RunNetworks) -> list[Graph]:
    if isinstance(networks, DraftDenoiser):
        made: Any = networks.config
        return [draft_graph(networks.requires_grad_(False), made["channels"])]
    options: Any = networks.temporal.config
    for network in (networks.prior, networks.temporal, networks.refiner):
        network.requires_grad_(False)
    return graphs_of(networks.prior, networks.temporal, networks.refiner, options["channels"])


def _check_replaceable(folder: Path, name: Path, new: set[str]) -> None:
    """Refuse to replace a folder that holds anything but an earlier export."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{name}: is a file, a folder is to be written there: name another")
    for entry in folder.iterdir() if folder.exists() else ():
        if entry.name not in new or not entry.is_file():
            raise InputError(
                f"{name}: holds {entry.name}, which no new file replaces, and is not overwritten: "
                "remove it or name another output with -o"
            )


def _describe(
    graphs: list[Graph], networks: RunNetworks, weights: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """Describe the graphs as JSON values."""
    neighbours = {}
    if not isinstance(networks, DraftDenoiser):
        neighbours = {"neighbours": list(offsets_within(networks.temporal.radius))}
    return {
        "made_by": f"F2R {__version__}",
        "opset": OPSET,
        "sides_are_multiples_of": MULTIPLE,
        **neighbours,
        "weights": weights,
        "networks": {graph.name: graph.to_dict() for graph in graphs},
    }
