"""`f2r simulate`: a clean clip in, a noisy one with known noise out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from f2r.errors import InputError


@dataclass(frozen=True)
class SimulateArgs:
    """Add noise to a clean clip, once. The same seed gives the same noise."""

    clean: Annotated[str, tyro.conf.Positional]
    """Clean video file, folder of frames, TIFF stack or .npy."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """Where to write; .npy, TIFF and folders keep the noise unclipped, a video clips it."""
    sigma: float | None = None
    """Standard deviation of Gaussian noise in 8-bit units, 0 to 255: as --noise gaussian:S."""
    noise: str | None = None
    """gaussian:S, poisson:GAIN, poisson-gaussian:GAIN,READ, gamma:LOOKS or FILE.json."""
    seed: int = 0
    """Seed of the noise."""
    overwrite: bool = False
    """Replace an existing output."""


def simulate_command(args: SimulateArgs) -> None:
    """Run `f2r simulate`."""
    from f2r.cli.display import Display
    from f2r.noise.models import Gaussian, NoiseModel
    from f2r.noise.parse import parse_noise
    from f2r.simulate import simulate_file

    if (args.sigma is None) == (args.noise is None):
        raise InputError("say how much noise to add: give either --sigma or --noise")
    if args.noise is not None:
        noise: NoiseModel = parse_noise(args.noise)
    else:
        sigma = args.sigma or 0.0
        if not 0 <= sigma <= 255:
            raise InputError(f"--sigma {sigma:g}: must lie in [0, 255], in 8-bit units")
        noise = Gaussian(sigma / 255)
    with Display() as display:
        done = simulate_file(
            args.clean,
            args.output,
            noise,
            args.seed,
            overwrite=args.overwrite,
            progress=display.update,
        )
    for note in done.notes:
        display.say(f"note: {note}")
    display.say(f"noise: {noise.describe()}, seed {args.seed}")
    display.say(f"output: {done.output} ({done.report['frames']} frames), {done.report_path}")
