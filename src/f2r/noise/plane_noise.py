"""Noise of one plane of a clip: estimate, diagnosis, table and advice."""

from dataclasses import dataclass

from f2r.noise.coded import CodedEstimate
from f2r.noise.diagnose import Diagnosis
from f2r.noise.evidence import NoiseEstimate


@dataclass(frozen=True)
class PlaneNoise:
    """Noise of one plane of a clip."""

    name: str
    """'colour', 'grey', 'channel N' or 'raw'."""
    estimate: NoiseEstimate
    """Fitted model and its evidence."""
    diagnosis: Diagnosis
    """Result of `diagnose` with the anchor of the shipped stage 1, for levels times `scale`."""
    scale: float
    """Factor of the levels in the diagnosis."""
    coding: str | None = None
    """Name of the lossy codec; None if there was none."""
    coded: CodedEstimate | None = None
    """Noise before coding; None without a lossy codec."""

    def measures(self) -> list[tuple[str, str]]:
        """List the measures with their values as text, 8-bit units."""
        found, judged = self.estimate.evidence, self.diagnosis
        fixed, near = judged.fixed_pattern, judged.autocorrelation
        y, x = near.shape[0] // 2, near.shape[1] // 2
        beside = (near[y, x + 1] + near[y + 1, x]) / 2
        return [
            *self._coded_measures(),
            ("noise, root mean square", f"{255 * self.estimate.sigma:.2f} of 255"),
            ("measured over model", f"{judged.level:.2f}"),
            ("fit of variance, misfit", f"{100 * found.misfit:.0f} %"),
            ("correlation of adjacent pixels", f"{float(beside):.2f}"),
            ("correlation of channels", f"{found.channels:.2f}"),
            ("correlation of successive frames", _number(judged.frames)),
            ("fixed pattern", "?" if fixed is None else f"{255 * fixed / self.scale:.2f} of 255"),
            ("hot or dead pixels", str(int(judged.hot.any(0).sum()))),
            (
                "at black, at white",
                f"{_share(found.limits.low_share)}, {_share(found.limits.high_share)}",
            ),
        ]

    def _coded_measures(self) -> list[tuple[str, str]]:
        if self.coded is None:
            return []
        return [
            (f"noise before {self.coding}", f"{255 * self.coded.sigma:.0f} of 255"),
            ("at most, in 9 of 10 cases", f"{255 * self.coded.high:.0f} of 255"),
            ("repeated blocks", _share(self.coded.copied_share)),
            ("no noise, probability", f"{100 * self.coded.free_probability:.0f} %"),
        ]

    def advice(self) -> str:
        """Give advice in one line."""
        if self.coded is not None:
            return self._coded_advice(self.coded)
        if self.estimate.is_noise_free:
            return "the noise is too weak to remove"
        if self.diagnosis.holds:
            return "all assumptions hold: run f2r denoise without noise options"
        if self.diagnosis.frames is None:
            return "a single frame is denoised by the image prior only; give a clip"
        return (
            "f2r denoise works, with less quality where an assumption fails; see the advice above"
        )

    def _coded_advice(self, coded: CodedEstimate) -> str:
        if coded.is_noise_free:
            return (
                f"{self.coding}: the noise is too weak to remove, f2r denoise copies the file; if "
                f"you see noise, try --sigma {max(round(255 * coded.high), 5)}"
            )
        return f"{self.coding}: {coded.describe()}: run f2r denoise without noise options"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
