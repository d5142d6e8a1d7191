"""`f2r export`: write the networks as ONNX files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class ExportArgs:
    """Write the networks as ONNX files, for TensorRT, OpenVINO or ONNX Runtime."""

    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Folder for the files; networks.json in it describes them."""
    weights: str | None = None
    """Folder or file of weights, or 'self-supervised' for shipped weights whose stages never saw a
    clean frame. Default: shipped ones."""
    kind: Literal["pictures", "coded", "raw", "draft"] = "pictures"
    """What the networks are for: pictures with unprocessed noise, compressed video, raw; or the
    network of the preset draft."""
    overwrite: bool = False
    """Replace an earlier export."""


def export_command(args: ExportArgs) -> None:
    """Run `f2r export`."""
    from f2r.cli.display import Display
    from f2r.models.weights import WeightSet
    from f2r.run.export import export_networks

    of = WeightSet.PICTURES if args.kind == "pictures" else WeightSet(args.kind)
    with Display() as display:
        export_networks(
            args.output, args.weights, of, overwrite=args.overwrite, progress=display.update
        )
    display.say(f"networks: {args.output}")
