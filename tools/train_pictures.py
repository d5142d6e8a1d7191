"""Train the shipped weights for pictures or raw: prior, stage 1 and stage 2, on one device.

The clips are clean; the noise is added once per clip, and the clean frames are the targets.
CLIPS holds one folder of frames per clip, PHOTOS photographs at two thirds of their size.
Times and devices of the shipped weights are in docs/weights.md.
"""

import argparse
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from f2r.io.array import ArrayReader
from f2r.method.networks import load_networks
from f2r.method.prepared_clip import PreparedClip, anchors_of_clip
from f2r.models.prior import ImagePrior
from f2r.models.weights import WeightSet, save_network
from f2r.train.clean_loss import clean_refiner_loss, clean_temporal_loss
from f2r.train.corpus.footage import AddedNoise, ClipSource, Footage
from f2r.train.corpus.motion import MotionConfig, photo_clips
from f2r.train.corpus.photos import PhotoPatches, find_photos
from f2r.train.corpus.prior_training import draw_noisy, prior_error
from f2r.train.corpus.shards import prepare_source
from f2r.train.loop import FitConfig, Trainer
from f2r.train.options import PriorData
from f2r.train.windows import CropConfig, CropSampler

SPREAD = AddedNoise(photon_every=5, correlated_every=6, grey_every=8)
MOTIONS = (
    MotionConfig(reduction=2.0),
    MotionConfig(reduction=2.0, pan=20.0, fast_pan=40.0, still_every=2),
    MotionConfig(reduction=2.6, pan=14.0, zoom=0.03, turn=0.02),
)
AHEAD = 8
"""Batches for the prior that are drawn in advance."""


@dataclass(frozen=True)
class Recipe:
    """What differs between weights for pictures and for raw, whose frames have half the size."""

    factors: tuple[float, float]
    """Reductions of the films."""
    prior: PriorData
    crops: CropConfig
    motions: tuple[MotionConfig, ...]


PICTURES = Recipe(
    (2.0, 1.5),
    PriorData(patch=96, batch=96, grey_share=0.1),
    CropConfig(batch=48, clips=12),
    MOTIONS,
)
RAW = Recipe(
    (1.5, 1.0),
    PriorData(patch=80, batch=64, raw=True),
    CropConfig(batch=48, clips=12, mirrored=False),
    tuple(replace(motion, height=448, width=592) for motion in MOTIONS),
)


def shrink(picture: np.ndarray, factor: float) -> np.ndarray:
    """Reduce an RGB picture by area averaging, to sides that are multiples of 8."""
    width, height = (int(side / factor) // 8 * 8 for side in picture.shape[1::-1])
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)


def read(path: Path) -> np.ndarray:
    """Read a picture as RGB uint8."""
    picture = cv2.imread(str(path))
    if picture is None:
        sys.exit(f"{path}: not a readable picture")
    return np.ascontiguousarray(picture[..., ::-1])


def make_clips(
    films: Sequence[list[np.ndarray]],
    photos: Sequence[Path],
    rng: np.random.Generator,
    recipe: Recipe = PICTURES,
) -> list[np.ndarray]:
    """Give every film at two sizes, some at half the frame rate, and photographs that move."""
    clips = []
    small, large = recipe.factors
    for i, film in enumerate(films):
        clips += [np.stack([shrink(frame, f) for frame in film]) for f in recipe.factors]
        if i % 2:
            clips.append(np.stack([shrink(frame, small) for frame in film[::2]]))
        if i % 4 == 0:
            clips.append(np.stack([shrink(frame, large) for frame in film[1::2]]))
    for motion in recipe.motions:
        order = [photos[k] for k in rng.permutation(len(photos))]
        clips += photo_clips(order, motion, rng)
    return [clips[k] for k in rng.permutation(len(clips))]


def pictures(
    films: Sequence[list[np.ndarray]], photos: Sequence[Path], recipe: Recipe
) -> list[np.ndarray]:
    """Give the pictures for the prior: every fifth frame of the films, and the photographs."""
    some = [shrink(frame, f) for film in films for frame in film[::5] for f in recipe.factors]
    for photo in map(read, photos):
        some += [shrink(photo, f) for f in (2.0, 3.0, 4.4) if min(photo.shape[:2]) / f > 200]
    least = recipe.prior.patch * (2 if recipe.prior.raw else 1)
    return [picture for picture in some if min(picture.shape[:2]) > least]


def prior_losses(
    prior: ImagePrior, patches: PhotoPatches, data: PriorData, pool: ThreadPoolExecutor
) -> Callable[[torch.Generator], Tensor]:
    """Give the loss of the prior on batches that other threads draw in advance."""
    waiting: deque[Future[tuple[Tensor, ...]]] = deque()

    def loss(generator: torch.Generator) -> Tensor:
        while len(waiting) < AHEAD:
            seed = int(torch.randint(2**62, (), generator=generator))
            own = torch.Generator().manual_seed(seed)
            waiting.append(pool.submit(draw_noisy, patches, data, own))
        return prior_error(prior, *waiting.popleft().result())

    return loss


def prepare(
    clips: Sequence[np.ndarray], prior: ImagePrior, raw: bool, seed: int, threads: int
) -> list[PreparedClip]:
    """Add the noise, apply the prior and estimate the flow (DIS, as in inference on a CPU)."""
    footage = Footage((), add_noise=True, clean_targets=True, raw=raw, spread=SPREAD)

    def one(index: int) -> list[PreparedClip]:
        clip = clips[index]
        source = ClipSource(f"clip {index}", partial(ArrayReader, clip), index)
        return prepare_source(source, len(clip), footage, prior, seed)

    cv2.setNumThreads(1)
    with ThreadPoolExecutor(threads) as pool:
        return [part for parts in pool.map(one, range(len(clips))) for part in parts]


def fit(
    network: nn.Module, loss: Callable[[torch.Generator], Tensor], seconds: float, seed: int
) -> dict[str, str]:
    """Train a network in place; give the facts for its file."""
    network.train().requires_grad_(True)
    config = FitConfig(seconds, learning_rate=6e-4, ema_decay=0.999, warmup=0.03)
    trainer = Trainer("fit", network, loss, config, torch.Generator().manual_seed(seed))
    trainer.run()
    network.eval().requires_grad_(False)
    sys.stderr.write(f"{type(network).__name__}: {trainer.step} steps, loss {trainer.loss:.5f}\n")
    return {"targets": "clean", "seed": str(seed), "steps": str(trainer.step)}


def main() -> None:
    """Train and write the three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--raw", action="store_true", help="weights for raw")
    parser.add_argument("--init", help="weights to start from; default: the shipped ones")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, nargs=3, default=(175, 270, 125))
    parser.add_argument("--threads", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    recipe = RAW if args.raw else PICTURES
    films = [[read(p) for p in sorted(d.iterdir())] for d in sorted(args.clips.iterdir())]
    photos = find_photos([args.photos])
    kind = WeightSet.RAW if args.raw else WeightSet.PICTURES
    networks = load_networks(args.init, torch.device(args.device), kind)
    prior = networks.prior
    assert isinstance(prior, ImagePrior)
    args.output.mkdir(parents=True, exist_ok=True)

    patches = PhotoPatches(pictures(films, photos, recipe))
    with ThreadPoolExecutor(args.threads) as pool:
        loss = prior_losses(prior, patches, recipe.prior, pool)
        facts = fit(prior, loss, args.seconds[0], args.seed)
    save_network(args.output / "prior.safetensors", prior, facts)

    rng = np.random.default_rng(args.seed)
    made = make_clips(films, photos, rng, recipe)
    clips = prepare(made, prior, args.raw, args.seed, args.threads)
    loss = partial(clean_temporal_loss, networks.temporal, CropSampler(clips, recipe.crops))
    facts = fit(networks.temporal, loss, args.seconds[1], args.seed)
    save_network(args.output / "temporal.safetensors", networks.temporal, facts)

    clips = [clip.with_anchors(anchors_of_clip(clip, networks.temporal)) for clip in clips]
    crops = replace(recipe.crops, batch=2 * recipe.crops.batch, clips=2 * recipe.crops.clips)
    loss = partial(clean_refiner_loss, networks.refiner, CropSampler(clips, crops))
    facts = fit(networks.refiner, loss, args.seconds[2], args.seed)
    save_network(args.output / "refiner.safetensors", networks.refiner, facts)


if __name__ == "__main__":
    main()
