"""`f2r info`: show version, device, libraries and weights."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InfoArgs:
    """Show version, device, libraries and weights."""

    weights: Path | None = None
    """Own weights to show instead of the shipped ones: a folder or a file."""


def info_command(args: InfoArgs) -> None:
    """Run `f2r info`."""
    from f2r.method.networks import own_weights
    from f2r.models.weights import WeightSet, describe_file, shipped_set
    from f2r.system.device import choose_device, describe_device
    from f2r.system.environment import environment

    print(f"device: {describe_device(choose_device('auto'))}")
    for name, value in environment().items():
        print(f"{name}: {value}")
    own = own_weights(args.weights)
    sets = (
        {"own weights": own.values()}
        if own
        else {
            "weights": shipped_set(WeightSet.PICTURES).values(),
            "weights for coded video": shipped_set(WeightSet.CODED).values(),
            "weights for raw": shipped_set(WeightSet.RAW).values(),
            "self-supervised weights": shipped_set(WeightSet.SELF_SUPERVISED).values(),
            "weights of drafts": shipped_set(WeightSet.DRAFT).values(),
        }
    )
    for name, files in sets.items():
        for path in files:
            print(f"{name}: {describe_file(path)}")
