"""DeepFlow, the flow of the DVDnet paper, where the user has OpenCV's contributed modules.

Source: Weinzaepfel, Revaud, Harchaoui, Schmid 2013, "DeepFlow: Large displacement optical flow with
deep matching"; OpenCV's version is without the matching of descriptors.
"""

from typing import Any

import cv2
import torch
from torch import Tensor

from f2r.errors import InputError
from f2r.flow.estimator import FlowEstimator, luma_bytes


class DeepFlow(FlowEstimator):
    """DeepFlow as OpenCV implements it; seconds per pair of frames.

    Raises:
        InputError: OpenCV lacks it.
    """

    def __init__(self) -> None:
        modules: Any = cv2
        if not hasattr(modules, "optflow"):
            raise InputError(
                "DeepFlow is not in this OpenCV: pip install opencv-contrib-python-headless "
                "in its place"
            )
        self._search: Any = modules.optflow.createOptFlow_DeepFlow()

    def estimate(self, target: Tensor, neighbour: Tensor) -> Tensor:
        """Estimate V_{neighbour->target}; see `FlowEstimator`."""
        found = self._search.calc(*luma_bytes(target, neighbour), None)
        return torch.from_numpy(found).permute(2, 0, 1).contiguous()
