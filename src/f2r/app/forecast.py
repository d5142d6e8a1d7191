"""How long a run will take, and how long it still takes."""

import time
from dataclasses import dataclass

from f2r.config import TRAINING_SECONDS, DenoiseConfig, Preset
from f2r.io.clip import ClipInfo
from f2r.run.preview import AROUND, Preview
from f2r.run.sampling import prepared_size
from f2r.system.progress import Progress, StageClock

START = 5.0
"""Seconds of a run besides its measured work: loading, files, the copy for the browser."""


@dataclass(frozen=True)
class Forecast:
    """Expected time of a run of each preset."""

    info: ClipInfo
    """The clip."""
    per_pixel: float
    """Seconds of prior, flow and both stages, for each pixel of a frame."""
    is_copied: bool
    """Whether the clip has no noise, so that it is only copied."""
    allows_training: bool
    """Whether the presets can train on the clip."""

    def inference(self) -> float:
        """Give the seconds of the frames alone."""
        if self.is_copied:
            return 0.0
        return (self.info.frames or 1) * self.info.height * self.info.width * self.per_pixel

    def seconds(self, preset: Preset) -> float:
        """Give the seconds of a whole run."""
        if self.is_copied:
            return START
        trains = preset if self.allows_training else Preset.FAST
        frames, pixels = prepared_size(self.info, DenoiseConfig(preset=trains))
        preparation = frames * pixels * self.per_pixel
        return START + preparation + TRAINING_SECONDS[trains] + self.inference()


def forecast_of(info: ClipInfo, seen: Preview, clock: StageClock) -> Forecast:
    """Derive the time of a run from that of a preview.

    Args:
        info: the clip.
        seen: the preview.
        clock: has measured it.
    """
    rows, columns = seen.result.noisy.shape[:2]
    frames = min(info.frames or 1, 2 * AROUND + 1)
    planes = seen.model.report["noise"]
    return Forecast(
        info,
        clock.seconds["denoise"] / (frames * rows * columns),
        all(plane["is_noise_free"] for plane in planes),
        any(not plane.get("coding") and not plane["exposure_flickers"] for plane in planes),
    )


class Countdown:
    """Seconds that a run still takes, from its reports.

    Args:
        forecast: what was expected; None knows nothing.
        preset: of the run.
    """

    def __init__(self, forecast: Forecast | None, preset: Preset) -> None:
        self._forecast = forecast
        self._total = None if forecast is None else forecast.seconds(preset)
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
        return max(self._total - (now - self._start), self._forecast.inference())

    def share(self) -> float | None:
        """Give the finished share of the whole run; None where nothing is known yet."""
        left, spent = self.left(), time.monotonic() - self._start
        return None if left is None else spent / max(spent + left, 1e-6)
