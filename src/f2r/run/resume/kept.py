"""Saved decisions and adapted weights of a run."""

from pathlib import Path

from torch import Tensor, nn

from f2r.method.networks import RunNetworks
from f2r.models.draft import DraftDenoiser
from f2r.run.decide import PlaneDecision
from f2r.run.prepare import Prepared
from f2r.system.progress import StageClock
from f2r.system.sealed import read_json, read_weights, write_json, write_weights

DECISIONS = "prepared.json"
WEIGHTS = "weights.safetensors"


def save_prepared(folder: Path, prepared: Prepared, clock: StageClock) -> None:
    """Save the adapted weights in full precision, then the decisions."""
    write_weights(folder / WEIGHTS, _weights(prepared.networks))
    content = {
        "decisions": [decision.to_dict() for decision in prepared.decisions],
        "report": prepared.report,
        "seconds": clock.seconds,
        "elapsed": clock.elapsed,
        "coming": clock.coming,
    }
    write_json(folder / DECISIONS, content)


def load_prepared(folder: Path, networks: RunNetworks, clock: StageClock) -> Prepared | None:
    """Read what `save_prepared` kept; None where nothing was.

    Args:
        folder: the folder of the run.
        networks: receive the adapted weights.
        clock: continues from the time of earlier sessions, with the plan of the rest.

    Raises:
        InputError: a file was changed since.
    """
    if not (folder / DECISIONS).exists():
        return None
    content, weights = read_json(folder / DECISIONS), read_weights(folder / WEIGHTS)
    for name, network in _trained(networks).items():
        prefix = f"{name}."
        network.load_state_dict(
            {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        )
    clock.go_on(content["seconds"], content["elapsed"])
    clock.expect(content["coming"])
    decisions = [PlaneDecision.from_dict(one) for one in content["decisions"]]
    return Prepared(decisions, networks, content["report"])


def _trained(networks: RunNetworks) -> dict[str, nn.Module]:
    """Give the networks that a run may train; a draft trains none."""
    if isinstance(networks, DraftDenoiser):
        return {}
    return {"temporal": networks.temporal, "refiner": networks.refiner}


def _weights(networks: RunNetworks) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().cpu().contiguous()
        for name, network in _trained(networks).items()
        for key, value in network.state_dict().items()
    }
