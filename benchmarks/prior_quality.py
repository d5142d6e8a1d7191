"""Our prior beside DVDnet's spatial network: PSNR and seconds per frame, one frame at a time.

    python benchmarks/prior_quality.py --clips CLIPS --peer dvdnet_spatial.pth

`--peer` is the authors' checkpoint (GPL-3.0, not part of this repository). Three frames of every
clip are taken, in colour and as grey; noise is Gaussian, unclipped, drawn once for each clip and
sigma from a stored seed, so that both networks see the same samples. Grey frames go into both
networks as three equal channels that carry the same noise, and the outputs are averaged. DVDnet was
not trained for that; told sqrt(3) sigma, which is what equal noise in three channels looks like to
it, it does best (told sigma itself, it is 2 to 10 dB worse).
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from record import provenance
from torch import Tensor
from torch.nn import functional

from f2r.evaluation.metrics import mean_of_frames, psnr
from f2r.flow.estimator import LUMA
from f2r.models.prior import ImagePrior
from f2r.models.weights import load_network, load_prior
from f2r_bench.methods.checkpoints import fit_checkpoint, read_checkpoint
from f2r_bench.methods.dvdnet import DvdSpatial

SEED = 2026
FRAMES = 3
SIGMAS = (10, 30, 50)
ROUNDS = 3
Denoise = Callable[[Tensor, float], Tensor]
"""Maps (1, 3, H, W) noisy frames and sigma in nominal units to denoised frames."""


@dataclass(frozen=True)
class Method:
    """One network of the comparison."""

    denoise: Denoise
    parameters: int
    grey_factor: float = 1.0
    """What sigma is multiplied by before the network is told, for grey frames."""


def read_clip(folder: Path) -> Tensor:
    """(FRAMES, 3, H, W) RGB in [0, 1], from the middle of the clip."""
    files = sorted(p for p in folder.iterdir() if p.suffix in {".png", ".jpg"})
    start = (len(files) - FRAMES) // 2
    frames = [cv2.imread(str(p))[..., ::-1].copy() for p in files[start : start + FRAMES]]
    return torch.stack([torch.from_numpy(f) for f in frames]).permute(0, 3, 1, 2).float() / 255


def to_grey(clip: Tensor) -> Tensor:
    """(T, 3, H, W) to (T, 1, H, W)."""
    return (clip * torch.tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)


def draw_noise(shape: torch.Size, sigma: float) -> Tensor:
    return sigma * torch.randn(shape, generator=torch.Generator().manual_seed(SEED))


def ours(weights: Path | None) -> Method:
    """Our prior as shipped, or with the weights of a file or of a running training."""
    if weights is None:
        prior = load_prior()
    elif weights.suffix == ".safetensors":
        prior = load_network(weights, ImagePrior).eval()
    else:
        prior = ImagePrior().eval()
        state = torch.load(weights, map_location="cpu", weights_only=True)
        prior.load_state_dict(state.get("averaged", state))
    prior.to(memory_format=torch.channels_last)

    def denoise(frames: Tensor, sigma: float) -> Tensor:
        height, width = frames.shape[-2:]
        multiple = prior.size_multiple
        padded = functional.pad(frames, (0, -width % multiple, 0, -height % multiple), "replicate")
        with torch.autocast("cpu", torch.bfloat16):  # as F2R runs it
            denoised = prior(padded, torch.full_like(padded, sigma))
        return denoised[..., :height, :width]

    return Method(denoise, sum(p.numel() for p in prior.parameters()))


def dvdnet(weights: Path) -> Method:
    network = DvdSpatial()
    fit_checkpoint(network, read_checkpoint(weights), weights, "dvdnet")
    return Method(network, sum(p.numel() for p in network.parameters()), math.sqrt(3))


def score(method: Method, clean: Tensor, noisy: Tensor, sigma: float) -> float:
    """PSNR of a colour or grey clip, averaged over frames."""
    is_grey = clean.shape[1] == 1
    told = sigma * method.grey_factor if is_grey else sigma
    denoised = [method.denoise(frame[None].expand(-1, 3, -1, -1), told) for frame in noisy]
    if is_grey:
        denoised = [frame.mean(1, keepdim=True) for frame in denoised]
    return mean_of_frames(psnr(torch.cat(denoised), clean))


def seconds_per_frame(methods: dict[str, Method], frame: Tensor) -> dict[str, float]:
    """Median over rounds that alternate between the methods, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for i in range(ROUNDS + 1):
        for name, method in methods.items():
            start = time.perf_counter()
            method.denoise(frame, 30 / 255)
            if i > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: round(statistics.median(values), 3) for name, values in seconds.items()}


def rows_of(name: str, colour: Tensor, methods: dict[str, Method]) -> list[dict[str, Any]]:
    rows = []
    for kind, clean in (("colour", colour), ("grey", to_grey(colour))):
        for sigma in SIGMAS:
            noisy = clean + draw_noise(clean.shape, sigma / 255)
            figures = {
                method: round(score(network, clean, noisy, sigma / 255), 3)
                for method, network in methods.items()
            }
            noisy_psnr = round(mean_of_frames(psnr(noisy, clean)), 3)
            rows.append(
                {"clip": name, "kind": kind, "sigma": sigma, "noisy": noisy_psnr, **figures}
            )
            print(rows[-1], flush=True)
    return rows


def summarise(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Average over clips, and the worst clip's difference."""
    summary = []
    for kind, sigma in dict.fromkeys((row["kind"], row["sigma"]) for row in rows):
        chosen = [row for row in rows if (row["kind"], row["sigma"]) == (kind, sigma)]
        means = {m: round(statistics.mean(r[m] for r in chosen), 3) for m in ("f2r", "dvdnet")}
        worst = round(min(row["f2r"] - row["dvdnet"] for row in chosen), 3)
        summary.append({"kind": kind, "sigma": sigma, **means, "worst_difference": worst})
    return summary


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder of clip folders")
    parser.add_argument("--peer", type=Path, required=True, help="dvdnet_spatial.pth")
    parser.add_argument("--weights", type=Path, help="other weights of our prior")
    default = Path(__file__).parent / "results" / "prior_quality.json"
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    methods = {"f2r": ours(options.weights), "dvdnet": dvdnet(options.peer)}
    folders = sorted(path for path in options.clips.iterdir() if path.is_dir())
    clips = {folder.name: read_clip(folder) for folder in folders}
    rows = [row for name, clip in clips.items() for row in rows_of(name, clip, methods)]
    largest = max(clips.values(), key=lambda clip: clip.shape[-1] * clip.shape[-2])[:1]
    report = {
        **provenance(),
        "seed": SEED,
        "frames_per_clip": FRAMES,
        "parameters": {name: method.parameters for name, method in methods.items()},
        "seconds_per_frame": seconds_per_frame(methods, largest),
        "timed_at": f"{largest.shape[-1]}x{largest.shape[-2]}",
        "mean": summarise(rows),
        "clips": rows,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps({key: report[key] for key in ("seconds_per_frame", "mean")}, indent=1))


if __name__ == "__main__":
    main()
