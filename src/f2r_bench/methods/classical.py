"""Classical filters through packages that the user has installed; never a dependency.

Both packages come from Tampere University under a licence for non-commercial use only.

Source: Dabov, Foi, Katkovnik, Egiazarian 2007 (BM3D); Maggioni, Katkovnik, Egiazarian, Foi 2013
(BM4D); packages by Mäkinen, Azzari, Foi 2020.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from f2r.errors import InputError
from f2r.noise.models import NoiseModel
from f2r_bench.methods.frames import mean_sigma
from f2r_bench.methods.method import Learning, Untrained


class Classical(Untrained):
    """BM3D on every frame, or BM4D on the clip as a volume, channel by channel.

    BM4D takes time for a third axis of space; it does not follow motion.

    Args:
        name: 'bm3d' or 'bm4d', the package to use.
    """

    learning = Learning.NONE

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self.package: Any = importlib.import_module(name)
        except ImportError:
            raise InputError(
                f"method {name} needs the package {name} (free for non-commercial use only): "
                f"pip install {name}"
            ) from None

    def networks(self) -> Sequence[nn.Module]:
        """Give no network."""
        return ()

    def infer(self, noisy: Tensor, noise: NoiseModel) -> Tensor:
        """Filter the clip as noise of one level."""
        sigma = mean_sigma(noise, noisy)
        array = noisy.permute(0, 2, 3, 1).double().numpy()  # (T, H, W, C)
        if self.name == "bm3d":
            filtered = np.stack([self.package.bm3d_rgb(frame, sigma) for frame in array])
        else:
            volumes = [
                self.package.bm4d(np.moveaxis(array[..., c], 0, -1), sigma) for c in range(3)
            ]
            filtered = np.moveaxis(np.stack(volumes), (0, 3), (3, 0))
        return torch.from_numpy(np.ascontiguousarray(filtered)).float().permute(0, 3, 1, 2)
