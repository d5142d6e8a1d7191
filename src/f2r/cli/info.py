"""`f2r info`: what this installation has to work with."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InfoArgs:
    """Show version, device, libraries and weights."""

    weights: Path | None = None
    """Own weights to show instead of the shipped ones: a folder or a file."""


def info_command(args: InfoArgs) -> None:
    """Run `f2r info`."""
    from f2r.device import choose_device, describe_device
    from f2r.infer.networks import own_weights
    from f2r.models.weights import KINDS, describe_file, shipped
    from f2r.report import environment

    print(f"device: {describe_device(choose_device('auto'))}")
    for name, value in environment().items():
        print(f"{name}: {value}")
    files = own_weights(args.weights) or {name: shipped(kind) for kind, name in KINDS.items()}
    for path in files.values():
        print(f"weights: {describe_file(path)}")
