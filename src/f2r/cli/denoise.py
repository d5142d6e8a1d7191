"""`f2r denoise`: a noisy clip in, a clean one out."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from f2r.cli.quantities import seconds_of
from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.config import DenoiseConfig, Preset
from f2r.errors import F2RError, InputError

if TYPE_CHECKING:
    from f2r.noise.models import NoiseModel
    from f2r.run.files import FileOptions


@dataclass(frozen=True)
class DenoiseArgs:
    """Denoise a clip. The noise is estimated unless --sigma or --noise says what it is."""

    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT...")]
    """Video file, folder of frames, TIFF stack, .npy (T,H,W[,C]) or - for YUV4MPEG2 on standard
    input; several of them, or a folder of video files, are done one after the other."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Where to write, the kind by its extension; - for standard output; a folder for several
    inputs. Default: NAME.f2r.EXT beside the input."""
    sigma: float | None = None
    """Sd of Gaussian noise in 8-bit units, 0 to 255; short for --noise gaussian:S."""
    noise: str = "auto"
    """auto, gaussian:S, poisson:GAIN, poisson-gaussian:GAIN,READ, gamma:LOOKS or FILE.json; for
    raw clips crvd:ISO, or profile for what the file says."""
    preset: Literal["fast", "balanced", "best"] = "balanced"
    """fast: no training on the clip; balanced: up to 2 minutes of it; best: up to 15."""
    time_budget: str | None = None
    """Time for the whole run, such as 90s, 10m or 1h; overrides the preset's training time."""
    strength: float = 1.0
    """How much of the noise to remove: 0 nothing, 1 the estimate; at most 1.5."""
    hot_pixels: Literal["keep", "remove"] = "keep"
    """remove: replace hot and dead pixels first; keep: a star is not taken for a defect."""
    fixed_pattern: Literal["keep", "remove"] = "keep"
    """remove: subtract offsets of rows, columns and pixels that stay while the scene moves."""
    steps: int | None = None
    """Optimiser steps of each stage instead of a training time: the run can be repeated exactly."""
    sample_memory: float = 2.0
    """GiB for the part of the clip that is trained on."""
    memory: float | None = None
    """GiB that inference may take; larger frames are computed in tiles. Default: 2.5 on a
    processor, most of what is free on a GPU."""
    codec: str | None = None
    """Encoder (libx264, libx265, libsvtav1, libvpx-vp9, prores_ks, ffv1, mjpeg; for a folder png,
    tiff, bmp); default: what suits the container and loses least."""
    quality: float | None = None
    """Constant rate factor or quantiser of the encoder, lower is better."""
    skip_corrupt: bool = False
    """Leave damaged video packets and pictures out instead of stopping at them."""
    axes: str | None = None
    """Names of the axes of a TIFF or .npy in the order of the file, where it does not say them
    or says them wrongly: T time, Y rows, X columns, Z, C or S for channels, such as YXT."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    flow: Literal["auto", "dis", "variational"] = "auto"
    """Optical flow: dis on the CPU, variational on the device; auto: dis, except on CUDA."""
    seed: int = 0
    """Seed of all randomness."""
    weights: str | None = None
    """Own weights to start from: a folder that f2r train clips made, or one file."""
    resume: bool = False
    """Go on from where an interrupted run was stopped or killed."""
    overwrite: bool = False
    """Replace an existing output; throw away what an interrupted run left."""
    mosaic: MosaicOptions = NOT_RAW


def denoise_command(args: DenoiseArgs) -> None:
    """Run `f2r denoise`."""
    from f2r.cli.display import Display
    from f2r.run.batch import Task, is_batch, plan_batch, run_batch

    if not args.inputs or not all(args.inputs):
        raise InputError("nothing to denoise: name a video, a folder of frames, a stack or .npy")
    noise, config = _noise_of(args), _config_of(args)
    if not is_batch(args.inputs):
        _denoise_one(args.inputs[0], args.output, noise, config, _files_of(args, args.resume))
        return

    def denoise(task: Task, resume: bool) -> None:
        _denoise_one(task.source, task.output, noise, config, _files_of(args, resume))

    say = Display().say
    summary = run_batch(plan_batch(args.inputs, args.output), denoise, say, resume=args.resume)
    if summary.failed:
        raise F2RError(summary.describe())
    say(summary.describe())


def _noise_of(args: DenoiseArgs) -> "NoiseModel | None":
    from f2r.noise.models import Gaussian
    from f2r.noise.parse import parse_noise
    from f2r.run.file_noise import file_noise

    if args.noise == "profile" and args.sigma is None:
        return file_noise(args.inputs[0], mosaic_of(args.mosaic))
    if args.sigma is None:
        return None if args.noise == "auto" else parse_noise(args.noise)
    if args.noise != "auto":
        raise InputError("give either --sigma or --noise, not both")
    if not 0 <= args.sigma <= 255:
        raise InputError(f"--sigma {args.sigma:g}: must lie in [0, 255], in 8-bit units")
    return Gaussian(args.sigma / 255)


def _config_of(args: DenoiseArgs) -> DenoiseConfig:
    return DenoiseConfig(
        Preset(args.preset),
        None if args.time_budget is None else seconds_of(args.time_budget),
        args.steps,
        args.device,
        args.seed,
        args.strength,
        args.sample_memory,
        args.memory,
        args.weights,
        args.flow,
        args.hot_pixels,
        args.fixed_pattern,
    )


def _files_of(args: DenoiseArgs, resume: bool) -> "FileOptions":
    from f2r.io.clip import EncodeOptions
    from f2r.run.files import FileOptions

    encode = EncodeOptions(args.codec, args.quality)
    return FileOptions(
        args.overwrite, resume, args.skip_corrupt, encode, mosaic_of(args.mosaic), args.axes
    )


def _denoise_one(
    source: str,
    output: Path | None,
    noise: "NoiseModel | None",
    config: DenoiseConfig,
    files: "FileOptions",
) -> None:
    from f2r.cli.display import Display
    from f2r.run.files import denoise_file

    with Display() as display:
        done = denoise_file(source, output, noise, config, files, display.say, display.update)
    name = "standard output" if str(done.output) == "-" else str(done.output)
    spent = done.report["seconds"]["total"]
    display.say(f"output: {name} ({done.report['frames']} frames in {spent:.0f} s)")
    beside = {"report": done.report_path, "picture": done.picture}
    said = ", ".join(f"{what}: {path}" for what, path in beside.items() if path)
    if said:
        display.say(said)
