"""Fit a model to a clip: estimate its noise, adapt the networks, decide the output."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from f2r.config import DenoiseConfig
from f2r.errors import InputError
from f2r.io.array import ArrayReader
from f2r.io.clip import COUNTED, FrameReader
from f2r.method.networks import describe_networks, load_run
from f2r.models.given_prior import DenoiseImages
from f2r.noise.models import NoiseModel
from f2r.run.given_noise import given_noise
from f2r.run.model import Model, Subject, as_array
from f2r.run.prepare import prepare
from f2r.run.repair import RepairedReader, find_defects
from f2r.run.setup import set_up
from f2r.system.device import describe_device
from f2r.system.progress import ProgressCallback, StageClock


def fit(
    clip: NDArray[Any] | torch.Tensor | str | Path,
    config: DenoiseConfig | None = None,
    *,
    prior: DenoiseImages | None = None,
    progress: ProgressCallback | None = None,
    **options: Any,
) -> Model:
    """Fit a model to a clip; `f2r.denoise(frames)` is `fit(frames).denoise(frames)`.

    Args:
        clip: frames as for `f2r.denoise`, or the name of a file or folder that `f2r denoise` reads.
        config: the options of the run; None takes `options`.
        prior: an image denoiser of your own as the prior D: a function or torch module that takes
            frames and their noise level as standard deviations, (B, C, H, W) float32 each, nominal
            range, and returns the denoised frames. The shipped stages were trained with another
            prior, so choose a preset that trains.
        progress: called with `Progress` reports.
        options: fields of `f2r.DenoiseConfig` by name; `noise` may also be a noise model.

    Returns:
        The model.

    Raises:
        InputError: the clip or an option cannot be used; the message gives the reason.

    Example:
        >>> import numpy as np, f2r
        >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (6, 32, 32)).astype(np.float32)
        >>> model = f2r.fit(noisy, sigma=0.1, preset="fast")
        >>> model.denoise(noisy).shape
        (6, 32, 32)
        >>> sum(1 for frame in model.denoise(iter(noisy)))
        6
    """
    config, noise = choose_config(config, options)
    clock = StageClock(progress)
    if not isinstance(clip, str | Path):
        return fit_reader(ArrayReader(as_array(clip)), config, clock, noise=noise, prior=prior)
    from f2r.io import open_reader

    with open_reader(clip, counts_to_nominal=True) as reader:
        return fit_reader(reader, config, clock, noise=noise, prior=prior)


def fit_reader(
    reader: FrameReader,
    config: DenoiseConfig,
    clock: StageClock,
    *,
    noise: NoiseModel | None = None,
    prior: DenoiseImages | None = None,
    announce: Callable[[str], None] = lambda _: None,
) -> Model:
    """Fit a model to an open clip.

    Args:
        reader: the clip.
        config: the options of the run.
        clock: measures the stages.
        noise: noise model instead of that of the options.
        prior: the user's own image denoiser.
        announce: receives sentences on what was found and decided.

    Raises:
        InputError: the clip or an option cannot be used.
    """
    info, defects = reader.info, find_defects(reader, config)
    source = reader if defects is None else RepairedReader(reader, defects)
    setup = set_up(info, noise or given_noise(config, info), config)
    networks = load_run(config.weights, setup.device, setup.weight_set, prior)
    prepared = prepare(source, networks, setup, clock, announce=announce)
    units = info.scale if info.dtype in COUNTED and not setup.is_raw else 1.0
    report = {
        "device": describe_device(setup.device),
        "weights": describe_networks(config.weights, setup.weight_set, prior),
        **({"repaired": vars(defects.repair)} if defects else {}),
        **prepared.report,
        "seconds": clock.seconds | {"total": round(clock.elapsed, 2)},
    }
    subject = Subject(setup.layout.groups, info.mosaic, units, defects)
    plain = json.loads(json.dumps(report))
    return Model(config, subject, prepared.decisions, prepared.networks, plain)


def choose_config(
    config: DenoiseConfig | None, options: dict[str, Any]
) -> tuple[DenoiseConfig, NoiseModel | None]:
    """Build the config from options by name; a noise model goes beside it.

    Raises:
        InputError: an option is unknown or cannot be used.
    """
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
