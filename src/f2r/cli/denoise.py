"""`f2r denoise`: denoise clips."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from f2r.cli.parts import NO_PARTS, PartsOptions, step_of
from f2r.cli.piece import WHOLE, PieceOptions, piece_of
from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.config import DenoiseConfig
from f2r.errors import F2RError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from f2r.cli.display import Display
    from f2r.run.job import FileOptions, Outcome
    from f2r.system.claim import Claim


@dataclass(frozen=True)
class DenoiseArgs:
    """Denoise a clip. The noise is estimated unless --sigma or --noise gives it."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")]
    """Video file, folder of frames, TIFF stack, .npy (T,H,W[,C]) or - for YUV4MPEG2 on standard
    input; several of them, or a folder of video files, are denoised in turn."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Output; its extension chooses the format; - for standard output; a folder for several inputs.
    Default: NAME.f2r.EXT beside the input."""
    config: Annotated[DenoiseConfig, tyro.conf.arg(name="")] = field(default_factory=DenoiseConfig)
    codec: str | None = None
    """Encoder (libx264, libx265, libsvtav1, libvpx-vp9, prores_ks, ffv1, mjpeg; for a folder png,
    tiff, bmp); default: the least lossy one of the container."""
    quality: float | None = None
    """Constant rate factor or quantiser of the encoder, lower is better."""
    skip_corrupt: bool = False
    """Skip damaged video packets and pictures instead of stopping there."""
    axes: str | None = None
    """Names of the axes of a TIFF or .npy in the order of the file, if they are missing or wrong
    there: T time, Y rows, X columns, Z, C or S for channels, such as YXT."""
    grain_table: Path | None = None
    """Also write what was removed as a film grain table for AV1 encoders, such as night.tbl."""
    piece: PieceOptions = WHOLE
    resume: bool = False
    """Resume an interrupted run."""
    overwrite: bool = False
    """Replace an existing output and the state of an interrupted run."""
    mosaic: MosaicOptions = NOT_RAW
    parts: PartsOptions = NO_PARTS


def denoise_command(args: DenoiseArgs) -> None:
    """Run `f2r denoise`."""
    from f2r.cli.display import Display
    from f2r.cli.grain import write_table
    from f2r.io import default_output
    from f2r.run.batch import is_batch
    from f2r.run.job import Order
    from f2r.system.allocator import keep_freed_memory

    if not args.inputs or not all(args.inputs):
        raise InputError("nothing to denoise: name a video, a folder of frames, a stack or .npy")
    if is_batch(args.inputs):
        _denoise_batch(args)
        return
    keep_freed_memory()
    source, files = args.inputs[0], _file_options(args)
    target = args.output or default_output(source, files.label)
    order = Order(source, target, args.config, files)
    step = step_of(args.parts)
    with _claimed_table(args) as table, Display() as display:
        done = step(order, display.say, display.update)
        if done is not None and table is not None:
            write_table(source, str(done.output), files.piece, table, display)
    if done is not None:
        _say_outcome(display, done)


def _say_outcome(display: "Display", done: "Outcome") -> None:
    name = "standard output" if str(done.output) == "-" else str(done.output)
    spent = done.report["seconds"]["total"]
    display.say(f"output: {name} ({done.report['frames']} frames in {spent:.0f} s)")
    beside = {"report": done.report_path, "picture": done.picture}
    said = ", ".join(f"{what}: {path}" for what, path in beside.items() if path)
    if said:
        display.say(said)


@contextmanager
def _claimed_table(args: DenoiseArgs) -> "Iterator[Claim | None]":
    """Take the right to write the film grain table before the run, if there is to be one."""
    from f2r.io.output import claim_file

    if args.grain_table is None:
        yield None
        return
    if args.parts.prepare_only or args.parts.part is not None:
        raise InputError("--grain-table needs the output: pass it with --join")
    if "-" in {args.inputs[0], str(args.output)}:
        raise InputError("--grain-table compares files: read from a file and write to a file")
    with claim_file(args.grain_table, args.inputs[0], overwrite=args.overwrite) as claim:
        yield claim


def _denoise_batch(args: DenoiseArgs) -> None:
    """Run the command on each clip of several."""
    from f2r.cli.display import Display
    from f2r.run.batch import Task, plan_batch, run_batch

    if args.grain_table is not None:
        raise InputError("--grain-table goes with one clip: denoise the others apart")

    def denoise(task: Task, resume: bool) -> None:
        inputs = (task.source,)
        denoise_command(replace(args, inputs=inputs, output=task.output, resume=resume))

    say = Display().say
    tasks = plan_batch(args.inputs, args.output, _file_options(args).label)
    summary = run_batch(tasks, denoise, say, resume=args.resume)
    if summary.failed:
        raise F2RError(summary.describe())
    say(summary.describe())


def _file_options(args: DenoiseArgs) -> "FileOptions":
    from f2r.io.clip import EncodeOptions
    from f2r.run.job import FileOptions

    return FileOptions(
        args.overwrite,
        args.resume,
        args.skip_corrupt,
        EncodeOptions(args.codec, args.quality),
        mosaic_of(args.mosaic),
        args.axes,
        piece_of(args.piece),
    )
