"""`f2r info`: what this installation has to work with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InfoArgs:
    """Show version, device, libraries and shipped weights."""


def info_command(_: InfoArgs) -> None:
    """Run `f2r info`."""
    from f2r.device import choose_device, describe_device
    from f2r.models.weights import describe_shipped
    from f2r.report import environment

    print(f"device: {describe_device(choose_device('auto'))}")
    for name, value in environment().items():
        print(f"{name}: {value}")
    for line in describe_shipped():
        print(f"weights: {line}")
