"""How long a run will take, and how long it still takes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from f2r.config import TRAINING_SECONDS, DenoiseConfig, Preset
from f2r.io.clip import ClipInfo
from f2r.method.networks import load_draft
from f2r.method.speed import seconds_of_draft
from f2r.run.preview import AROUND, Preview
from f2r.run.sampling import prepared_size
from f2r.run.sentences import describe_seconds
from f2r.system.device import choose_device
from f2r.system.progress import Progress, StageClock

START = 5.0
"""Seconds of a run besides its measured work: loading, files, the copy for the browser."""

PRESETS = {
    Preset.DRAFT: "Draft: one small network, a rougher result",
    Preset.FAST: "Fast: no training",
    Preset.BALANCED: "Balanced: up to 2 minutes of training",
    Preset.BEST: "Best: up to 15 minutes of training",
}
"""The presets in words."""


def presets_of(info: ClipInfo) -> list[Preset]:
    """List the presets that a clip can be denoised with; raw has no draft."""
    return [one for one in Preset if one is not Preset.DRAFT or info.mosaic is None]


@dataclass(frozen=True)
class Forecast:
    """Expected time of a run of each preset."""

    info: ClipInfo
    """The clip."""
    per_pixel: Mapping[Preset, float]
    """Seconds of inference for each pixel of a frame, by preset."""
    is_copied: bool
    """Whether the clip has no noise, so that it is only copied."""
    allows_training: bool
    """Whether the presets can train on the clip."""

    def inference(self, preset: Preset) -> float:
        """Give the seconds of the frames alone."""
        if self.is_copied:
            return 0.0
        pixels = (self.info.frames or 1) * self.info.height * self.info.width
        return pixels * self.per_pixel[preset]

    def seconds(self, preset: Preset) -> float:
        """Give the seconds of a whole run."""
        if self.is_copied:
            return START
        if preset is Preset.DRAFT:
            return START + self.inference(preset)
        trains = preset if self.allows_training else Preset.FAST
        frames, pixels = prepared_size(self.info, DenoiseConfig(preset=trains))
        preparation = frames * pixels * self.per_pixel[trains]
        return START + preparation + TRAINING_SECONDS[trains] + self.inference(trains)


def forecast_of(info: ClipInfo, seen: Preview, clock: StageClock) -> Forecast:
    """Derive the time of a run from that of a preview, and of one frame of a draft.

    Args:
        info: the clip.
        seen: the preview.
        clock: has measured it.
    """
    rows, columns = seen.result.noisy.shape[:2]
    frames = min(info.frames or 1, 2 * AROUND + 1)
    planes, presets = seen.model.report["noise"], presets_of(info)
    per_pixel = dict.fromkeys(presets, clock.seconds["denoise"] / (frames * rows * columns))
    if Preset.DRAFT in presets:
        per_pixel[Preset.DRAFT] = _seconds_of_draft(seen) / (rows * columns)
    return Forecast(
        info,
        per_pixel,
        all(plane["is_noise_free"] for plane in planes),
        any(not plane.get("coding") and not plane["exposure_flickers"] for plane in planes),
    )


def _seconds_of_draft(seen: Preview) -> float:
    """Measure the draft of the frame that a preview shows."""
    network = load_draft(None, choose_device(seen.model.config.device))
    return sum(
        seconds_of_draft(network, one.decision.working_noise, one.estimate.noisy)
        for one in seen.result.planes
    )


def names_of(info: ClipInfo) -> list[tuple[str, Preset]]:
    """Name the presets of a clip whose times are not known yet."""
    return [(PRESETS[preset], preset) for preset in presets_of(info)]


def choices(forecast: Forecast) -> list[tuple[str, Preset]]:
    """Name the presets of a clip, with their times."""
    return [
        (f"{text} · about {describe_seconds(forecast.seconds(preset))}", preset)
        for text, preset in names_of(forecast.info)
    ]


class Countdown:
    """Seconds that a run still takes, from its reports.

    Args:
        forecast: what was expected; None knows nothing.
        preset: of the run.
    """

    def __init__(self, forecast: Forecast | None, preset: Preset) -> None:
        self._forecast = forecast
        self._total = None if forecast is None else forecast.seconds(preset)
        self._preset = preset
        self._start = time.monotonic()
        self._first: tuple[float, float] | None = None
        self._latest: tuple[float, float] | None = None

    def note(self, report: Progress) -> None:
        """Take in a report; only those of the frames are counted on."""
        if report.stage == "denoise" and report.fraction > 0:
            self._latest = (time.monotonic(), report.fraction)
            self._first = self._first or self._latest

    def left(self) -> float | None:
        """Give the seconds left; None where nothing is known yet."""
        now = time.monotonic()
        if self._first and self._latest and self._latest[1] > self._first[1]:
            pace = (self._latest[0] - self._first[0]) / (self._latest[1] - self._first[1])
            return max(pace * (1 - self._latest[1]) - (now - self._latest[0]), 0.0)
        if self._forecast is None or self._total is None:
            return None
        return max(self._total - (now - self._start), self._forecast.inference(self._preset))

    def share(self) -> float | None:
        """Give the finished share of the whole run; None where nothing is known yet."""
        left, spent = self.left(), time.monotonic() - self._start
        return None if left is None else spent / max(spent + left, 1e-6)
