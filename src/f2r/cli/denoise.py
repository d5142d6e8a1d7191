"""`f2r denoise`: a noisy clip in, a clean one out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from f2r.cli.quantities import seconds_of
from f2r.cli.raw import NOT_RAW, MosaicOptions, mosaic_of
from f2r.config import DenoiseConfig, Preset
from f2r.errors import InputError


@dataclass(frozen=True)
class DenoiseArgs:
    """Denoise a clip. The noise is estimated unless --sigma or --noise says what it is."""

    input: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """Video file, folder of frames, TIFF stack or .npy (T,H,W[,C])."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Where to write, the kind by its extension; default NAME.f2r.EXT beside the input."""
    sigma: float | None = None
    """Sd of Gaussian noise in 8-bit units, 0 to 255; short for --noise gaussian:S."""
    noise: str = "auto"
    """auto, gaussian:S, poisson:GAIN, poisson-gaussian:GAIN,READ, gamma:LOOKS or FILE.json; for
    raw clips crvd:ISO, or profile for what the file says."""
    preset: Literal["fast", "balanced", "best"] = "balanced"
    """fast: no training on the clip; balanced: 2 minutes of it; best: 15 minutes."""
    time_budget: str | None = None
    """Time for the whole run, such as 90s, 10m or 1h; overrides the preset's training time."""
    strength: float = 1.0
    """How much of the noise to remove: 0 nothing, 1 the estimate; at most 1.5."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    seed: int = 0
    """Seed of all randomness."""
    resume: bool = False
    """Go on from the training state of an interrupted run."""
    overwrite: bool = False
    """Replace an existing output."""
    mosaic: MosaicOptions = NOT_RAW


def denoise_command(args: DenoiseArgs) -> None:
    """Run `f2r denoise`."""
    from f2r.cli.display import Display
    from f2r.noise.models import Gaussian, NoiseModel
    from f2r.noise.parse import parse_noise
    from f2r.raw.profile import file_noise
    from f2r.run import denoise_file

    mosaic = mosaic_of(args.mosaic)
    noise: NoiseModel | None = None
    if args.noise == "profile":
        noise = file_noise(args.input, mosaic)
    elif args.noise != "auto":
        noise = parse_noise(args.noise)
    if args.sigma is not None:
        if noise is not None:
            raise InputError("give either --sigma or --noise, not both")
        if not 0 <= args.sigma <= 255:
            raise InputError(f"--sigma {args.sigma:g}: must lie in [0, 255], in 8-bit units")
        noise = Gaussian(args.sigma / 255)
    budget = None if args.time_budget is None else seconds_of(args.time_budget)
    config = DenoiseConfig(Preset(args.preset), budget, args.device, args.seed, args.strength)
    with Display() as display:
        outcome = denoise_file(
            args.input,
            args.output,
            noise,
            config,
            overwrite=args.overwrite,
            resume=args.resume,
            mosaic=mosaic,
            announce=display.say,
            progress=display.update,
        )
    spent = outcome.report["seconds"]["total"]
    display.say(f"output: {outcome.output} ({outcome.report['frames']} frames in {spent:.0f} s)")
    display.say(f"report: {outcome.report_path}, picture: {outcome.picture}")
