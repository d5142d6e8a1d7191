"""The Python interface: arrays in, arrays out."""

from dataclasses import dataclass, fields
from inspect import Parameter, Signature
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from f2r.config import DenoiseConfig
from f2r.errors import InputError, reading
from f2r.io.array import ArrayReader, ArrayWriter
from f2r.method.networks import describe_networks, load_networks
from f2r.noise.models import NoiseModel
from f2r.run.given_noise import given_noise
from f2r.run.infer import denoise_frames
from f2r.run.prepare import prepare
from f2r.run.repair import repaired
from f2r.run.report import inference_report
from f2r.run.setup import set_up
from f2r.system.device import describe_device
from f2r.system.progress import ProgressCallback, StageClock


@dataclass(frozen=True)
class Denoised:
    """A denoised clip; arrays have the input's layout, float32, nominal range [0, 1]."""

    frames: NDArray[np.float32]
    """The result; not clipped."""
    anchor: NDArray[np.float32]
    """Stage 1's temporally consistent estimate."""
    prior: NDArray[np.float32]
    """The image prior's estimate, frame by frame."""
    sigma: float
    """Standard deviation of the noise at mid-grey, nominal units (times 255: 8-bit units)."""
    report: dict[str, Any]
    """Every decision, figure and time of the run."""


def denoise(
    frames: NDArray[Any] | torch.Tensor,
    config: DenoiseConfig | None = None,
    *,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Denoised:
    """Denoise a clip.

    Args:
        frames: (T, H, W) grey or (T, H, W, C) array or tensor; C = 3 is colour, any other C is
            denoised channel by channel. uint8 and uint16 are scaled to [0, 1]; floats are taken
            as nominal and may exceed [0, 1].
        config: the options of the run; None takes `options`.
        progress: called with `Progress` reports.
        options: fields of `f2r.DenoiseConfig` by name; `noise` may also be a noise model.

    Returns:
        The denoised clip with its anchor, prior and report.

    Raises:
        InputError: the frames or an option cannot be used; the text says why.

    Example:
        >>> import numpy as np, f2r
        >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (3, 32, 32)).astype(np.float32)
        >>> f2r.denoise(noisy, sigma=0.1, preset="fast").frames.shape
        (3, 32, 32)
    """
    config, model = _chosen(config, options)
    reader = ArrayReader(_as_array(frames))
    clock = StageClock(progress)
    source, repair = repaired(reader, config)
    setup = set_up(reader.info, model or given_noise(config, None), config)
    networks = load_networks(config.weights, setup.device, setup.weight_set)
    prepared = prepare(source, networks, setup, clock)
    arrays, marks = [ArrayWriter(reader.info) for _ in range(3)], []
    with clock.stage("denoise"):
        for result in denoise_frames(source, prepared.decisions, networks, setup):
            for writer, part in zip(
                arrays, (result.denoised, result.anchor, result.prior), strict=True
            ):
                writer.write(part)
            marks.append(result.mark)
            clock.tell("denoise", len(marks) / max(reader.info.frames or 0, len(marks)))
    report = {
        "device": describe_device(setup.device),
        "weights": describe_networks(config.weights, setup.weight_set),
        **({"repaired": vars(repair)} if repair else {}),
        **prepared.report,
        **inference_report(marks, setup),
        "seconds": clock.seconds | {"total": round(clock.elapsed, 2)},
    }
    sigma = float(np.sqrt(np.mean([decision.sigma**2 for decision in prepared.decisions])))
    denoised, anchor, prior = (writer.array for writer in arrays)
    return Denoised(denoised, anchor, prior, sigma, report)


def _as_array(frames: NDArray[Any] | torch.Tensor) -> NDArray[Any]:
    with reading("frames", "give a dense array or tensor of numbers"):
        if not isinstance(frames, torch.Tensor):
            return np.asarray(frames)
        dense = frames.detach().cpu()
        return (dense.float() if dense.dtype == torch.bfloat16 else dense).numpy()


def _chosen(
    config: DenoiseConfig | None, options: dict[str, Any]
) -> tuple[DenoiseConfig, NoiseModel | None]:
    """Build the config from options by name; a noise model goes beside it."""
    known = {field.name for field in fields(DenoiseConfig)}
    unknown = sorted(set(options) - known)
    if unknown:
        raise InputError(f"unknown option {unknown[0]}: use one of {', '.join(sorted(known))}")
    if config is not None and options:
        raise InputError("give either config or options, not both")
    noise = options.get("noise")
    if noise is None or isinstance(noise, str):
        kept = {k: v for k, v in options.items() if k != "noise" or v is not None}
        return config or DenoiseConfig(**kept), None
    if options.get("sigma") is not None:
        raise InputError("give either sigma or noise, not both")
    rest = {key: value for key, value in options.items() if key != "noise"}
    return DenoiseConfig(**rest), noise


def _signature() -> Signature:
    """Show the fields of the config as keywords, so that help and editors know them."""
    shown = Signature.from_callable(denoise).parameters.values()
    ordinary = [p for p in shown if p.kind is not Parameter.VAR_KEYWORD]
    defaults = DenoiseConfig()
    keywords = [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=getattr(defaults, field.name),
            annotation=field.type,
        )
        for field in fields(DenoiseConfig)
    ]
    return Signature([*ordinary, *keywords], return_annotation=Denoised)


denoise.__signature__ = _signature()  # type: ignore[attr-defined]
