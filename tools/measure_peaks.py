"""Measure the peaks of shipped weights for 8-bit inference, on clean training footage.

Raw weights lose up to 0.09 dB by 8 bits and are left out.

CLIPS holds one folder of frames per clip. To be repeated when shipped weights change.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from f2r.flow.estimator import DisFlow
from f2r.method.networks import Networks, load_networks
from f2r.method.prepared_clip import anchors_of_clip, prepare_clip
from f2r.method.preprocess import Preprocessor
from f2r.method.stage_2 import refine_frame
from f2r.models.eight_bit import PEAKS_FILE, fingerprint, measuring_peaks
from f2r.models.weights import WeightSet
from f2r.noise.models import Gaussian
from f2r.train.corpus.coded_noise import CodedNoise, code_noisy

FRAMES = 4
LEVELS = (2, 5, 10, 15, 20, 30, 40, 50, 75)
"""Standard deviations of the noise, 8-bit units."""
SETS = (WeightSet.PICTURES, WeightSet.CODED, WeightSet.SELF_SUPERVISED)


def read_clip(folder: Path) -> Tensor:
    """Read the first frames of a folder at two thirds of their size, (T, 3, H, W)."""
    frames = []
    for path in sorted(folder.iterdir())[:FRAMES]:
        frame = cv2.imread(str(path))
        if frame is None:
            raise SystemExit(f"{path}: is no picture")
        height, width = (int(side / 1.5) // 16 * 16 for side in frame.shape[:2])
        frames.append(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)[..., ::-1])
    return torch.from_numpy(np.stack(frames).astype(np.float32) / 255).permute(0, 3, 1, 2)


def add_noise(clean: Tensor, of: WeightSet, index: int) -> tuple[list[Tensor], Gaussian]:
    """Give a clip the noise that the weights are for."""
    generator = torch.Generator().manual_seed(index)
    if of is WeightSet.CODED:
        parts, noise = code_noisy([clean], CodedNoise(share=1.0), generator)
        return list(parts[0]), noise
    noise = Gaussian(LEVELS[index % len(LEVELS)] / 255)
    return list(noise.sample(clean, generator)), noise


@torch.no_grad()
def apply(networks: Networks, noisy: list[Tensor], noise: Gaussian) -> None:
    """Run the three networks on a clip."""
    clip = prepare_clip(noisy, Preprocessor(networks.prior, noise, DisFlow()))
    for frame, anchor in zip(clip.frames, anchors_of_clip(clip, networks.temporal), strict=True):
        refine_frame(networks.refiner, frame, anchor)


def main(arguments: Sequence[str]) -> int:
    """Measure all sets and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(PEAKS_FILE))
    options = parser.parse_args(arguments)
    stored: dict[str, Tensor] = {}
    for of in SETS:
        networks = (
            load_networks(of or None, torch.device("cpu"))
            if (of is WeightSet.SELF_SUPERVISED)
            else load_networks(None, torch.device("cpu"), of)
        )
        with ExitStack() as stack:
            parts = networks.prior, networks.temporal, networks.refiner
            found = [stack.enter_context(measuring_peaks(part)) for part in parts]
            for index, folder in enumerate(sorted(options.clips.iterdir())):
                apply(networks, *add_noise(read_clip(folder), of, index))
        for part, peaks in zip(parts, found, strict=True):
            stored |= {f"{fingerprint(part)}/{name}": p.half() for name, p in peaks.items()}
        print(f"{of or 'pictures'}: {len(stored)} blocks so far", flush=True)
    save_file(stored, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
