"""Train the shipped weights of the draft preset on clean clips, on one device.

CLIPS holds one folder of frames per clip, PHOTOS photographs at two thirds of their size. Noise is
added once per clip; a share of the clips goes through a video codec then. Times and devices of the
shipped weights are in docs/weights.md.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np
import torch
from train_pictures import PICTURES, SPREAD, make_clips, read

from f2r.models.draft import DraftDenoiser
from f2r.models.layers import channels_last
from f2r.models.weights import load_network, save_network
from f2r.system.progress import Progress
from f2r.train.corpus.coded_noise import CodedNoise
from f2r.train.corpus.footage import Footage
from f2r.train.corpus.photos import find_photos
from f2r.train.corpus.shards import add_noise
from f2r.train.draft_loss import DraftClip, DraftWindows, draft_loss, prepare_draft_clip
from f2r.train.loop import FitConfig, Trainer

FOOTAGE = Footage(
    (), add_noise=True, clean_targets=True, spread=SPREAD, coded=CodedNoise(share=0.35)
)

STILL_EVERY = 4
"""Every so many clips are also shown as a still scene."""


def prepare(clip: np.ndarray, index: int, seed: int) -> DraftClip:
    """Add the noise of a (T, H, W, 3) clip of bytes, and estimate its flow."""
    generator = torch.Generator().manual_seed(seed * 100_003 + index)
    clean = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255
    if FOOTAGE.spread.is_grey(index):
        clean = clean.mean(1, keepdim=True)
    [noisy], noise = add_noise([clean], index, FOOTAGE, generator)
    noisy, clean = (frames.expand(-1, 3, -1, -1) for frames in (noisy, clean))
    return prepare_draft_clip(noisy, clean, noise)


def still(clip: np.ndarray) -> np.ndarray:
    """Give a clip of the same length whose camera and scene stand still."""
    return np.repeat(clip[:1], len(clip), axis=0)


def report(progress: Progress) -> None:
    """Write the progress to standard error."""
    sys.stderr.write(f"\r{progress.fraction:.1%}, {progress.step} steps, loss {progress.loss:.5f}")


def load_clips(
    args: argparse.Namespace, windows: DraftWindows, device: torch.device
) -> list[DraftClip]:
    """Read the footage, add the noise, and estimate the flow; some clips come as still scenes."""
    films = [[read(p) for p in sorted(d.iterdir())] for d in sorted(args.clips.iterdir())]
    motions = tuple(replace(motion, frames=12) for motion in PICTURES.motions)
    recipe, rng = replace(PICTURES, motions=motions), np.random.default_rng(args.seed)
    made = make_clips(films, find_photos([args.photos]), rng, recipe)
    long = [clip for clip in made if len(clip) >= windows.frames]
    made = args.draws * long + [still(clip) for clip in long[::STILL_EVERY]]
    with ThreadPoolExecutor(args.threads) as pool:
        prepared = pool.map(prepare, made, range(len(made)), repeat(args.seed))
        return [DraftClip(*(part.to(device) for part in clip)) for clip in prepared]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="weights to start from; default: random ones")
    parser.add_argument("--checkpoint", type=Path, help="file from which a stopped run goes on")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--frames", type=int, default=7, help="frames of a window")
    parser.add_argument("--draws", type=int, default=2, help="times that each clip gets noise")
    parser.add_argument("--threads", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Train and write the file."""
    args = parse_arguments()
    cv2.setNumThreads(1)
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(args.seed)
    device, windows = torch.device(args.device), DraftWindows(args.frames, args.batch)
    clips = load_clips(args, windows, device)
    network = DraftDenoiser() if args.init is None else load_network(args.init, DraftDenoiser)
    network = channels_last(network).to(device)
    trainer = Trainer(
        "draft",
        network,
        partial(draft_loss, network, clips, windows),
        FitConfig(args.seconds, learning_rate=1e-3, ema_decay=0.999),
        torch.Generator().manual_seed(args.seed),
        args.checkpoint,
    )
    trainer.run(report)
    facts = {"targets": "clean", "seed": str(args.seed), "steps": str(trainer.step)}
    args.output.parent.mkdir(parents=True, exist_ok=True)
    save_network(args.output, network, facts)


if __name__ == "__main__":
    main()
