"""Compare a clip with its clean reference, two frames of each in memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.evaluation.metrics import (
    SSIM_WINDOW,
    clean_motion,
    flicker,
    mean_of_frames,
    psnr,
    ssim,
    warping_error,
)
from f2r.flow.estimator import CLEAN_SEARCH, DisFlow, FlowEstimator
from f2r.io import ClipInfo, Frame, open_reader
from f2r.io.raw.mosaic import Mosaic
from f2r.system.progress import Progress, ProgressCallback

MIN_FLOW_SIZE = 32
"""Smallest height and width for which the warping error is computed, pixels."""


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a clip per frame or pair of successive frames; data range 1."""

    psnr: list[float] = field(default_factory=list)
    """PSNR of each frame in dB."""
    ssim: list[float] = field(default_factory=list)
    """SSIM of each frame; empty for frames smaller than the window."""
    warping_error: list[float] = field(default_factory=list)
    """Mean squared difference along the motion, per pair."""
    warping_error_of_clean: list[float] = field(default_factory=list)
    """Warping error of the clean clip, per pair."""
    flicker: list[float] = field(default_factory=list)
    """Root mean square change of the error where the scene is static, per pair; NaN where nothing
    is static."""

    def means(self) -> dict[str, float | None]:
        """Average every metric over frames or pairs; None where there are no values."""
        return {name: _mean(values) for name, values in vars(self).items()}

    def to_dict(self) -> dict[str, Any]:
        """Convert all metrics to JSON values."""
        return {"frames": len(self.psnr), "mean": self.means(), "each": dict(vars(self))}


def evaluate_files(
    clean: str | Path,
    other: str | Path,
    progress: ProgressCallback | None = None,
    mosaic: Mosaic | None = None,
) -> Evaluation:
    """Compare a clip on disk with its clean reference.

    Args:
        clean: the reference.
        other: the clip to judge; same size, channels and number of frames.
        progress: called with `Progress` reports.
        mosaic: pattern and levels of bare mosaics; raw clips are compared as packed frames.

    Raises:
        InputError: a clip cannot be read, or they do not match.
    """
    with (
        open_reader(clean, mosaic=mosaic) as reference,
        open_reader(other, mosaic=mosaic) as judged,
    ):
        _check_same_kind(reference.info, judged.info, clean, other)
        frames = reference.info.frames
        return evaluate_frames(_counted(reference, frames, progress), judged)


def evaluate_frames(
    clean: Iterable[Frame], other: Iterable[Frame], estimator: FlowEstimator | None = None
) -> Evaluation:
    """Compare frames with their clean references.

    Args:
        clean: (H, W, C) reference frames, nominal units.
        other: frames to judge, likewise.
        estimator: flow of the clean clip; None takes DIS at full resolution.

    Raises:
        InputError: one clip ends before the other, or both are empty.
    """
    estimator = estimator or DisFlow(search=CLEAN_SEARCH)
    result = Evaluation()
    before: tuple[Tensor, Tensor] | None = None
    for reference, judged in zip_longest(clean, other):
        if reference is None or judged is None:
            shorter = "clean" if reference is None else "other"
            raise InputError(f"the {shorter} clip ends after {len(result.psnr)} frames")
        now = _as_clip(reference), _as_clip(judged)
        _add_frame(result, *now)
        if before is not None:
            pairs = torch.cat((before[0], now[0])), torch.cat((before[1], now[1]))
            _add_pair(result, *pairs, estimator)
        before = now
    if before is None:
        raise InputError("the clips have no frames")
    return result


def _add_frame(result: Evaluation, clean: Tensor, other: Tensor) -> None:
    result.psnr.extend(psnr(other, clean).tolist())
    if min(clean.shape[-2:]) >= SSIM_WINDOW:
        result.ssim.extend(ssim(other, clean).tolist())


def _add_pair(result: Evaluation, clean: Tensor, other: Tensor, estimator: FlowEstimator) -> None:
    result.flicker.extend(flicker(other, clean).tolist())
    if min(clean.shape[-2:]) < MIN_FLOW_SIZE:
        return
    motion = clean_motion(_for_flow(clean), estimator)
    result.warping_error.extend(warping_error(other, motion).tolist())
    result.warping_error_of_clean.extend(warping_error(clean, motion).tolist())


def _for_flow(clean: Tensor) -> Tensor:
    """Stretch a clean clip to [0, 1] in three channels, for flow on 8 bits."""
    black, white = (float(v) for v in np.percentile(clean.numpy(), (0.2, 99.8)))
    seen = (clean - black) / max(white - black, 1e-3)
    if seen.shape[1] == 3:
        return seen
    return seen.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)


def _as_clip(frame: Frame) -> Tensor:
    """Convert (H, W, C) to a clip of one frame, (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].contiguous()


def _counted(
    frames: Iterable[Frame], total: int | None, progress: ProgressCallback | None
) -> Iterator[Frame]:
    for i, frame in enumerate(frames):
        yield frame
        if progress:
            progress(Progress("evaluate", (i + 1) / max(total or 0, i + 1)))


def _check_same_kind(clean: ClipInfo, other: ClipInfo, *names: str | Path) -> None:
    for what in ("width", "height", "channels", "frames"):
        expected, found = getattr(clean, what), getattr(other, what)
        if None not in {expected, found} and expected != found:
            raise InputError(
                f"{names[1]}: has {what} {found}, {names[0]} has {expected}: "
                "compare clips of the same size and length"
            )


def _mean(values: list[float]) -> float | None:
    mean = mean_of_frames(torch.tensor(values, dtype=torch.float64))
    return None if mean != mean else mean  # noqa: PLR0124 - only NaN differs from itself
