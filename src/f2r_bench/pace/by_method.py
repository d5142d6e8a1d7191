"""One run of a method of the comparison: NAME SIGMA WEIGHTS SOURCE OUTPUT."""

import sys
from pathlib import Path

import torch

from f2r.errors import InputError
from f2r.noise.models import Gaussian
from f2r_bench.clips.datasets import Clip, read_clip
from f2r_bench.clips.noise import to_bytes
from f2r_bench.methods.registry import Resources, build_methods, read_weights
from f2r_bench.pace.files import write_clip

MOST = 10**6
"""More frames than any clip has."""


def run(name: str, sigma: float, weights: str, source: Path, output: Path) -> None:
    """Denoise a file by a method without training on it."""
    given = read_weights(weights.split(",") if weights else ())
    method = build_methods([name], Resources(torch.device("cpu"), given))[0]
    noisy = read_clip(Clip("clip", source), MOST)
    done = method.denoise(noisy, Gaussian(sigma / 255), 0.0, 0)
    write_clip(output, to_bytes(done.frames))


if __name__ == "__main__":
    chosen, level, files, *paths = sys.argv[1:]
    try:
        run(chosen, float(level), files, *map(Path, paths))
    except InputError as error:
        sys.exit(str(error))
