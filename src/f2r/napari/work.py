"""What the widget does beside the window: measure a layer, and denoise it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2r.config import DenoiseConfig
from f2r.napari.layer import LayerReader, guarded
from f2r.run.fit import fit_reader
from f2r.run.inspect import inspect_reader
from f2r.system.progress import Progress, StageClock


class StoppedError(Exception):
    """The user has cancelled the run."""


def describe_noise(reader: LayerReader) -> str:
    """Measure the noise of a layer; one line per plane, and what to do."""
    lines = []
    for plane in inspect_reader(guarded(reader)):
        lines.append(f"{plane.name}: {plane.estimate.model.describe()}")
        lines.append(plane.advice())
    return "\n".join(dict.fromkeys(lines))


def denoise_layer(
    reader: LayerReader, config: DenoiseConfig, tell: Callable[[Progress], None]
) -> tuple[NDArray[Any], list[str]]:
    """Denoise a layer.

    Args:
        reader: the layer.
        config: the options of the run.
        tell: told how far the run is; may raise `StoppedError`.

    Returns:
        An array of the layer's shape and type, and what was found, one sentence each.
    """
    said: list[str] = []
    clip, clock = guarded(reader), StageClock(tell)
    model = fit_reader(clip, config, clock, announce=said.append)
    target = np.empty(reader.shape, clip.info.dtype)
    with clock.stage("denoise"):
        for number, result in enumerate(model.denoise_reader(clip)[1]):
            reader.put(result.denoised, number, clip.info, target)
            tell(Progress("denoise", (number + 1) / (clip.info.frames or 1)))
    return target, said
