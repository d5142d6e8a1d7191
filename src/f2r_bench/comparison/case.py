"""One cell of the comparison: one method on one clip at one noise level."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from f2r.evaluation.metrics import SSIM_WINDOW, psnr, ssim
from f2r.evaluation.score import evaluate_frames
from f2r.io.images.picture import write_picture
from f2r.noise.models import NoiseModel
from f2r.pictures.before_after import Detail
from f2r.system.environment import write_report
from f2r_bench.comparison.memory import peak_mib, reset_peak
from f2r_bench.methods.method import Method

FORMAT = 1
"""Version of the result files; raised when their figures come to mean something else."""


@dataclass(frozen=True)
class Conditions:
    """What a result depends on besides clip, noise and method."""

    seed: int
    """Seed of noise and training."""
    budget: float
    """Seconds for each method that trains, and each clip."""
    frames: int
    """Frames of each clip, at most."""
    device: str
    """Where it was computed."""
    threads: int
    """Threads of the CPU."""


@dataclass(frozen=True)
class Scene:
    """A clip with its noise, as every method gets it."""

    name: str
    """Name of the clip."""
    clean: Tensor
    """(T, C, H, W), for measuring only; C is 3, or 1 of a grey clip."""
    noisy: Tensor
    """(T, C, H, W), not clipped."""
    noise: NoiseModel
    """Its noise model."""
    sigma: float
    """Noise level in 8-bit units."""
    region: Detail
    """Part of the middle frame that is shown."""

    @property
    def digest(self) -> str:
        """Hash of the noisy samples and their shape."""
        content = hashlib.sha256(repr(tuple(self.noisy.shape)).encode())
        content.update(self.noisy.contiguous().numpy().tobytes())
        return content.hexdigest()


def run_case(
    folder: Path,
    scene: Scene,
    method: Method,
    conditions: Conditions,
    weights: Mapping[str, str],
) -> dict[str, Any]:
    """Measure one case, or take the result that lies there already.

    Args:
        folder: where results lie.
        scene: the clip.
        method: the denoiser.
        conditions: what else the result depends on.
        weights: hashes of the method's checkpoints.

    Returns:
        Content of the JSON, which is written whole or not at all.
    """
    path = folder / scene.name / f"s{scene.sigma:g}" / f"{method.name}.json"
    identity = {
        "format": FORMAT,
        "clip": scene.name,
        "sigma": scene.sigma,
        "method": method.name,
        "noisy_sha256": scene.digest,
        "weights_sha256": dict(weights),
        **asdict(conditions),
    }
    known = _read(path)
    if known is not None and known.get("identity") == identity:
        return known
    path.parent.mkdir(parents=True, exist_ok=True)
    result = {"identity": identity, **_measure(scene, method, conditions, path)}
    write_report(path, result)
    return result


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _measure(scene: Scene, method: Method, conditions: Conditions, path: Path) -> dict[str, Any]:
    reset_peak()
    start = time.monotonic()
    outcome = method.denoise(scene.noisy, scene.noise, conditions.budget, conditions.seed)
    total = time.monotonic() - start
    memory = peak_mib()
    shown = outcome.frames.float().clamp(0, 1)
    evaluation = evaluate_frames(_frames(scene.clean), _frames(shown))
    middle = len(shown) // 2
    patch, clean = (scene.region.cut(_frames(clip)[middle]) for clip in (shown, scene.clean))
    shades = np.rint(255 * np.broadcast_to(patch, (*patch.shape[:2], 3))).astype(np.uint8)
    write_picture(path.with_suffix(".png"), shades)
    count = len(shown)
    return {
        "learning": str(method.learning),
        "figures": evaluation.to_dict(),
        "seconds": {
            "total": total,
            "training": outcome.training_seconds,
            "per_frame": (total - outcome.training_seconds) / count,
        },
        "steps": outcome.steps,
        "peak_memory_mib": memory,
        "patch": _patch_figures(patch, clean) | {"frame": middle + 1, **asdict(scene.region)},
    }


def _frames(clip: Tensor) -> Any:
    """Turn (T, C, H, W) into an array of (H, W, C) frames."""
    return clip.permute(0, 2, 3, 1).numpy()


def _patch_figures(patch: Any, clean: Any) -> dict[str, float | None]:
    pair = [
        torch.from_numpy(np.ascontiguousarray(p)).permute(2, 0, 1)[None] for p in (patch, clean)
    ]
    wide = min(pair[0].shape[-2:]) >= SSIM_WINDOW
    return {
        "psnr": float(psnr(*pair)),
        "ssim": float(ssim(*pair)) if wide else None,
    }
