"""The Python interface: arrays in, arrays out."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from inspect import Parameter, Signature
from typing import Any

import torch
from numpy import float32
from numpy.typing import NDArray

from f2r.config import DenoiseConfig
from f2r.io.array import ArrayReader, ArrayWriter
from f2r.models.given_prior import DenoiseImages
from f2r.run.fit import choose_config, fit, fit_reader
from f2r.run.model import Model, as_array
from f2r.run.report import inference_report
from f2r.system.progress import ProgressCallback, StageClock


@dataclass(frozen=True)
class Denoised:
    """A denoised clip; arrays have the input's layout, float32, nominal range [0, 1]."""

    frames: NDArray[float32]
    """The result; not clipped."""
    anchor: NDArray[float32]
    """Stage 1's temporally consistent estimate."""
    prior: NDArray[float32]
    """The image prior's estimate, frame by frame."""
    sigma: float
    """Standard deviation of the noise at mid-grey, nominal units (times 255: 8-bit units)."""
    report: dict[str, Any]
    """Every decision, figure and time of the run."""


def denoise(
    frames: NDArray[Any] | torch.Tensor,
    config: DenoiseConfig | None = None,
    *,
    prior: DenoiseImages | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Denoised:
    """Denoise a clip: fit a model to it and use it once.

    Args:
        frames: (T, H, W) grey or (T, H, W, C) array or tensor; C = 3 is colour, any other C is
            denoised channel by channel. uint8 and uint16 are scaled to [0, 1]; floats are taken
            as nominal and may exceed [0, 1].
        config: the options of the run; None takes `options`.
        prior: an image denoiser of your own, as for `f2r.fit`.
        progress: called with `Progress` reports.
        options: fields of `f2r.DenoiseConfig` by name; `noise` may also be a noise model.

    Returns:
        The denoised clip with its anchor, prior and report.

    Raises:
        InputError: the frames or an option cannot be used; the message gives the reason.

    Example:
        >>> import numpy as np, f2r
        >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (3, 32, 32)).astype(np.float32)
        >>> f2r.denoise(noisy, sigma=0.1, preset="fast").frames.shape
        (3, 32, 32)
    """
    config, noise = choose_config(config, options)
    reader, clock = ArrayReader(as_array(frames)), StageClock(progress)
    return _denoised(fit_reader(reader, config, clock, noise=noise, prior=prior), reader, clock)


def _denoised(model: Model, reader: ArrayReader, clock: StageClock) -> Denoised:
    """Denoise the clip that a model was fitted to, with all that the result was made from."""
    arrays, marks = [ArrayWriter(reader.info) for _ in range(3)], []
    with clock.stage("denoise"):
        setup, results = model.denoise_reader(reader)
        for result in results:
            for writer, part in zip(
                arrays, (result.denoised, result.anchor, result.prior), strict=True
            ):
                writer.write(part)
            marks.append(result.mark)
            clock.tell("denoise", len(marks) / max(reader.info.frames or 0, len(marks)))
    report = {
        **model.report,
        **inference_report(marks, setup),
        "seconds": clock.seconds | {"total": round(clock.elapsed, 2)},
    }
    denoised, anchor, prior = (writer.array for writer in arrays)
    return Denoised(denoised, anchor, prior, model.sigma, report)


def _signature(function: Callable[..., Any], result: type) -> Signature:
    """Show the fields of the config as keywords, for help and editors."""
    shown = Signature.from_callable(function).parameters.values()
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
    return Signature([*ordinary, *keywords], return_annotation=result)


denoise.__signature__ = _signature(denoise, Denoised)  # type: ignore[attr-defined]
fit.__signature__ = _signature(fit, Model)  # type: ignore[attr-defined]
