"""Train the architectures of other methods on the clips of our shipped weights, on one device.

CLIPS holds one folder of frames per clip, PHOTOS photographs at two thirds of their size. Noise is
white and new in every window; the clean frames are the targets. The files serve `f2r-bench compare
--weights`.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from train_pictures import make_clips, read

from f2r.method.precision import mixed_precision
from f2r.models.layers import channels_last
from f2r.train.clean_loss import root_error
from f2r.train.corpus.footage import AddedNoise
from f2r.train.corpus.photos import find_photos
from f2r.train.loop import FitConfig, Trainer
from f2r_bench.methods.fastdvdnet import FastDvdNetwork
from f2r_bench.methods.nafnet import NafNetwork, NafShape

LEVELS = AddedNoise()
SIDE = 128
"""Rows and columns of a window."""
STATISTICS_BATCHES = 100
"""Batches from which the statistics of batch normalisation are taken in the end."""

Windows = tuple[Tensor, Tensor, Tensor]
"""Clean (B, T, 3, S, S), noisy, and the noise level (B, 1, S, S)."""


@dataclass(frozen=True)
class Peer:
    """What is trained, and on what."""

    make: Callable[[], nn.Module]
    """Makes the network with random weights."""
    frames: int
    """Frames of a window; the middle one is the target."""
    batch: int
    """Windows of a step."""
    denoise: Callable[[nn.Module, Tensor, Tensor], Tensor]
    """Runs the network over noisy windows and their level."""


PEERS = {
    "fastdvdnet": Peer(FastDvdNetwork, 5, 32, lambda network, noisy, level: network(noisy, level)),
    "nafnet": Peer(
        lambda: NafNetwork(NafShape()), 1, 32, lambda network, noisy, _: network(noisy[:, 0])
    ),
}


def draw(clips: Sequence[Tensor], peer: Peer, generator: torch.Generator) -> Windows:
    """Cut windows at random places of (T, 3, H, W) clips of bytes, and add noise."""
    clean = torch.stack([_window(clips, peer.frames, generator) for _ in range(peer.batch)])
    clean = clean.float() / 255
    for axis in (-1, -2):
        if torch.rand((), generator=generator) < 0.5:
            clean = clean.flip(axis)
    share = torch.rand(peer.batch, 1, 1, 1, generator=generator) ** LEVELS.sigma_power
    sigma = LEVELS.sigma_low + (LEVELS.sigma_high - LEVELS.sigma_low) * share
    level = sigma.to(clean.device).expand(-1, 1, SIDE, SIDE)
    return clean, clean + level[:, None] * torch.randn_like(clean), level


def _window(clips: Sequence[Tensor], frames: int, generator: torch.Generator) -> Tensor:
    clip = clips[_below(len(clips), generator)]
    start = _below(len(clip) - frames + 1, generator)
    top, left = (_below(side - SIDE + 1, generator) for side in clip.shape[-2:])
    return clip[start : start + frames, :, top : top + SIDE, left : left + SIDE]


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))


def loss(
    network: nn.Module, clips: Sequence[Tensor], peer: Peer, generator: torch.Generator
) -> Tensor:
    """Give the root mean square error of the middle frame of fresh windows, averaged."""
    clean, noisy, level = draw(clips, peer, generator)
    with mixed_precision(clean.device):
        denoised = peer.denoise(network, noisy, level).float()
    target = clean[:, peer.frames // 2]
    return root_error(denoised, target, torch.ones_like(level, dtype=torch.bool))


@torch.no_grad()
def take_statistics(network: nn.Module, loss_of: Callable[[torch.Generator], Tensor]) -> None:
    """Measure the statistics of batch normalisation anew: the averaged weights have none."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # plain averages
    network.train()
    for seed in range(STATISTICS_BATCHES if layers else 0):
        loss_of(torch.Generator().manual_seed(seed))


def main() -> None:
    """Train and write one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("clips", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(args.seed)
    device, peer = torch.device(args.device), PEERS[args.peer]
    films = [[read(p) for p in sorted(d.iterdir())] for d in sorted(args.clips.iterdir())]
    made = make_clips(films, find_photos([args.photos]), np.random.default_rng(args.seed))
    made = [clip for clip in made if len(clip) >= peer.frames]
    clips = [torch.from_numpy(clip).permute(0, 3, 1, 2).to(device) for clip in made]
    network = channels_last(peer.make()).to(device).train()
    loss_of = partial(loss, network, clips, peer)
    config = FitConfig(args.seconds, learning_rate=1e-3, ema_decay=0.999, warmup=0.03)
    trainer = Trainer(args.peer, network, loss_of, config, torch.Generator().manual_seed(args.seed))
    trainer.run()
    take_statistics(network, loss_of)
    sys.stderr.write(f"{args.peer}: {trainer.step} steps, loss {trainer.loss:.5f}\n")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.cpu().state_dict(), args.output)


if __name__ == "__main__":
    main()
