"""What a run has decided before inference, kept so that a resumed run decides nothing anew."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from f2r.run.denoiser import Denoiser
from f2r.run.decide import plane_to_dict
from f2r.system.durable import write_durably


def save_prepared(folder: Path, run: Denoiser) -> None:
    """Keep the adapted weights, exactly, and then everything else that was decided."""
    write_durably(folder / "weights.safetensors", lambda path: save_file(_weights(run), path))
    planes = [plane_to_dict(plane) for plane in run.planes]
    content = {"elapsed": run.elapsed, "report": run.report, "planes": planes}
    text = json.dumps(content)  # NaN and infinity come back as they were
    write_durably(folder / "prepared.json", lambda path: _write(path, text))


def load_prepared(folder: Path, run: Denoiser) -> bool:
    """Bring a run to where `save_prepared` left another; False where nothing was kept."""
    path = folder / "prepared.json"
    if not path.exists():
        return False
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    weights = load_file(folder / "weights.safetensors")
    for name, network in _trained(run).items():
        prefix = f"{name}."
        network.load_state_dict(
            {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        )
    run.planes = [run.restore_plane(plane) for plane in content["planes"]]
    run.report = content["report"]
    run.elapsed_before = content["elapsed"]
    return True


def _trained(run: Denoiser) -> dict[str, Any]:
    return {"temporal": run.networks.temporal, "refiner": run.networks.refiner}


def _weights(run: Denoiser) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in _trained(run).items()
        for key, value in network.state_dict().items()
    }


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
