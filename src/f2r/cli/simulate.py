"""`f2r simulate`: add known noise to a clean clip."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.errors import InputError

if TYPE_CHECKING:
    from f2r.noise.models import NoiseModel


@dataclass(frozen=True)
class SimulateArgs:
    """Add noise to a clean clip, once. The same seed gives the same noise."""

    clean: Annotated[str, tyro.conf.Positional]
    """Clean video file, folder of frames, TIFF stack or .npy."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Output; .npy, TIFF and folders keep the noise unclipped, a video clips it."""
    sigma: float | None = None
    """Standard deviation of Gaussian noise in 8-bit units, 0 to 255: as --noise gaussian:S."""
    noise: str | None = None
    """gaussian:S, poisson:GAIN, poisson-gaussian:GAIN,READ, gamma:LOOKS, crvd:ISO or FILE.json."""
    seed: int = 0
    """Seed of the noise."""
    raw: bool = False
    """Make noisy raw frames of the CRVD camera from a colour clip, by an inverse ISP."""
    iso: int | None = None
    """With --raw: 1600, 3200, 6400, 12800 or 25600."""
    clean_raw: Path | None = None
    """With --raw: where to write the clean raw frames."""
    overwrite: bool = False
    """Replace an existing output."""
    mosaic: MosaicOptions = NOT_RAW


def simulate_command(args: SimulateArgs) -> None:
    """Run `f2r simulate`."""
    from f2r.cli.display import Display
    from f2r.evaluation.add_noise import simulate_file
    from f2r.evaluation.make_raw import simulate_raw

    mosaic = mosaic_of(args.mosaic)
    with Display() as display:
        if args.raw:
            done = simulate_raw(
                args.clean,
                args.output,
                _check_raw(args),
                args.seed,
                clean_output=args.clean_raw,
                mosaic=mosaic,
                overwrite=args.overwrite,
                progress=display.update,
            )
        else:
            done = simulate_file(
                args.clean,
                args.output,
                _noise_of(args),
                args.seed,
                overwrite=args.overwrite,
                mosaic=mosaic,
                progress=display.update,
            )
    for note in done.notes:
        display.say(f"note: {note}")
    display.say(f"noise: {done.report['noise_text']}, seed {args.seed}")
    display.say(f"output: {done.output} ({done.report['frames']} frames), {done.report_path}")


def _check_raw(args: SimulateArgs) -> int:
    """Return the ISO, which gives the noise by the camera's calibration."""
    if args.iso is None:
        raise InputError("--raw needs --iso: 1600, 3200, 6400, 12800 or 25600")
    if args.sigma is not None or args.noise is not None:
        raise InputError("--raw takes its noise from --iso: leave --sigma and --noise away")
    return args.iso


def _noise_of(args: SimulateArgs) -> "NoiseModel":
    """Build the noise model of a clip that is not raw."""
    from f2r.noise.models import Gaussian
    from f2r.noise.parse import parse_noise

    if args.iso is not None or args.clean_raw is not None:
        raise InputError("--iso and --clean-raw go with --raw only")
    if (args.sigma is None) == (args.noise is None):
        raise InputError("say how much noise to add: give either --sigma or --noise")
    if args.noise is not None:
        return parse_noise(args.noise)
    sigma = args.sigma or 0.0
    if not 0 <= sigma <= 255:
        raise InputError(f"--sigma {sigma:g}: must lie in [0, 255], in 8-bit units")
    return Gaussian(sigma / 255)
