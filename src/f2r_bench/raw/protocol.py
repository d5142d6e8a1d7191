"""CRVD's protocol: how near a method comes to the references, as published papers measure it.

Test scenes 7 to 11, first noisy shot of each of seven frames, five ISO settings. A result is cut to
the camera's 12 bits before it is compared. Figures are averaged over the frames of a scene, then
over scenes, then over ISO settings. The references are themselves means of many shots, *slightly
denoised* by the dataset's authors: a method that denoises alike has an advantage.

Source: Yue et al. 2020 and the evaluation that later papers on raw video share: raw PSNR over the
packed frame, raw SSIM averaged over its four channels, sRGB figures after the ISP network, cut to
8 bits. SSIM is scikit-image's default: uniform window of 7, unbiased covariance.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from f2r.errors import InputError
from f2r.evaluation.metrics import psnr
from f2r.io.clip import Frame, FrameReader
from f2r.io.raw.crvd import ISOS, TEST_SCENES, CrvdScene, find_scenes, open_crvd
from f2r.isp.network import IspNetwork, load_isp
from f2r.noise.camera import BLACK, WHITE, crvd_noise
from f2r.noise.models import NoiseModel

Method: TypeAlias = Callable[[FrameReader, NoiseModel], Iterable[Frame]]
"""Takes a noisy packed clip and its noise, gives the denoised packed frames in order."""

WINDOW = 7
"""Width of the SSIM window."""


@dataclass(frozen=True)
class CrvdFigures:
    """Averages over some frames."""

    raw_psnr: float
    """dB, of the packed frame."""
    raw_ssim: float
    """Averaged over the four channels."""
    srgb_psnr: float | None
    """dB, after the ISP network; None without it."""
    srgb_ssim: float | None
    """Likewise."""


@dataclass(frozen=True)
class CrvdResult:
    """What a method reaches."""

    scenes: dict[tuple[int, int], CrvdFigures]
    """By (ISO, scene)."""

    def by_iso(self) -> dict[int, CrvdFigures]:
        """Average over the scenes of each ISO."""
        isos = sorted({iso for iso, _ in self.scenes})
        return {iso: _mean([f for (i, _), f in self.scenes.items() if i == iso]) for iso in isos}

    def overall(self) -> CrvdFigures:
        """Average over ISO settings."""
        return _mean(list(self.by_iso().values()))

    def to_dict(self) -> dict[str, Any]:
        """Give all figures as JSON values."""
        return {
            "reference": "mean of many shots, slightly denoised by the dataset's authors",
            "overall": asdict(self.overall()),
            "iso": {str(iso): asdict(figures) for iso, figures in self.by_iso().items()},
            "scenes": {
                f"ISO{iso}/scene{scene}": asdict(figures)
                for (iso, scene), figures in self.scenes.items()
            },
        }


def evaluate_crvd(
    method: Method,
    root: Path,
    isp: Path | None = None,
    scenes: tuple[int, ...] = TEST_SCENES,
    isos: tuple[int, ...] = ISOS,
    on_scene: Callable[[int, int], None] = lambda _, __: None,
) -> CrvdResult:
    """Measure a method on CRVD.

    Args:
        method: denoises one clip.
        root: folder that holds `indoor_raw_noisy` and `indoor_raw_gt`.
        isp: weights of the ISP network; None leaves the sRGB figures out.
        scenes: scenes to measure on; published figures use the default.
        isos: ISO settings, likewise.
        on_scene: called with clips done and all clips.

    Raises:
        InputError: the dataset is not complete, or the weights cannot be read.
    """
    network = load_isp(isp) if isp else None
    found = find_scenes(root, scenes, isos)
    figures = {}
    for count, scene in enumerate(found, 1):
        figures[scene.iso, scene.number] = _measure_scene(method, scene, network)
        on_scene(count, len(found))
    return CrvdResult(figures)


def _measure_scene(method: Method, scene: CrvdScene, network: IspNetwork | None) -> CrvdFigures:
    with open_crvd(scene.noisy) as noisy, open_crvd(scene.clean) as clean:
        if noisy.info.frames != clean.info.frames:
            raise InputError(
                f"{scene.noisy}: has {noisy.info.frames} frames, its reference "
                f"{clean.info.frames}: CRVD is not complete"
            )
        denoised = method(noisy, crvd_noise(scene.iso))
        pairs = zip(denoised, clean, strict=True)
        return _mean([compare(_as_batch(a), _as_batch(b), network) for a, b in pairs])


def compare(denoised: Tensor, clean: Tensor, network: IspNetwork | None = None) -> CrvdFigures:
    """Compare one denoised (1, 4, H, W) packed frame with its reference.

    Args:
        denoised: nominal units, not clipped; cut to 12 bits here.
        clean: the reference.
        network: renders both for the sRGB figures.
    """
    clean, denoised = clean.clamp(0, 1), cut_to_bits(denoised.clamp(0, 1), WHITE - BLACK)
    raw = float(psnr(denoised, clean)), float(uniform_ssim(denoised, clean))
    if network is None:
        return CrvdFigures(*raw, None, None)
    shown, reference = (cut_to_bits(network.show(f), 255) for f in (denoised, clean))
    return CrvdFigures(*raw, float(psnr(shown, reference)), float(uniform_ssim(shown, reference)))


def cut_to_bits(values: Tensor, steps: int) -> Tensor:
    """Cut values in [0, 1] down to whole steps, as a cast to integers does."""
    return (values.double() * steps + 1e-3).floor() / steps  # a whole step stays one


def uniform_ssim(frames: Tensor, clean: Tensor) -> Tensor:
    """Compute SSIM with a uniform window of 7 and unbiased covariance, averaged over channels.

    Args:
        frames: (B, C, H, W) with H and W at least 7, range [0, 1].
        clean: reference, likewise.

    Returns:
        (B,) float64.
    """
    x, y = frames.double(), clean.double()
    mean_x, mean_y = _window(x), _window(y)
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    variances = unbiased * (_window(x * x) - mean_x**2 + _window(y * y) - mean_y**2)
    covariance = unbiased * (_window(x * y) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).mean((1, 2, 3))


def _window(values: Tensor) -> Tensor:
    return functional.avg_pool2d(values, WINDOW, stride=1)


def _as_batch(frame: Frame) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)[None]


def _mean(figures: list[CrvdFigures]) -> CrvdFigures:
    if not figures:
        raise InputError("CRVD: the method gave no frame")

    def average(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return fmean(known) if len(known) == len(figures) else None

    return CrvdFigures(
        fmean(f.raw_psnr for f in figures),
        fmean(f.raw_ssim for f in figures),
        average(f.srgb_psnr for f in figures),
        average(f.srgb_ssim for f in figures),
    )
