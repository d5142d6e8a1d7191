"""Setup of a run: layout of the clip, given noise model, device, memory, flow."""

from dataclasses import dataclass

import torch

from f2r.config import DenoiseConfig, Preset
from f2r.errors import InputError
from f2r.flow.choice import choose_flow
from f2r.flow.estimator import FlowEstimator
from f2r.io.clip import ClipInfo
from f2r.method.memory_plan import MemoryPlan, plan_draft_memory, plan_memory
from f2r.method.planes import PlaneLayout, layout_of
from f2r.method.preprocess import Preprocessor
from f2r.method.strength import Strength
from f2r.method.tiles import Tiling
from f2r.models.prior import Prior
from f2r.models.weights import WeightSet
from f2r.noise.models import NoiseModel
from f2r.system.device import choose_device


@dataclass(frozen=True)
class Setup:
    """All that a run needs before the first frame is read."""

    info: ClipInfo
    """The clip."""
    config: DenoiseConfig
    """The user's options."""
    noise: NoiseModel | None
    """Given noise model, in the units of the input; None: it is estimated."""
    device: torch.device
    """Where the networks compute."""
    layout: PlaneLayout
    """How frames are cut into planes."""
    memory: MemoryPlan
    """Expected memory of inference."""
    tiling: Tiling
    """Size of tiles; it shrinks where memory runs out."""
    flow: FlowEstimator
    """Estimates optical flow."""

    @property
    def weight_set(self) -> WeightSet:
        """Which of the shipped weights suit the clip."""
        if self.config.preset is Preset.DRAFT:
            return WeightSet.DRAFT
        if self.is_raw:
            return WeightSet.RAW
        return WeightSet.PICTURES if self.info.coding is None else WeightSet.CODED

    @property
    def strength(self) -> Strength:
        """Share of the estimated noise that is removed."""
        luma, chroma = self.config.strength, self.config.chroma_strength
        return Strength(luma, luma if chroma is None else chroma)

    @property
    def is_raw(self) -> bool:
        """Whether the frames are packed raw."""
        return self.info.mosaic is not None

    def preprocessor(self, prior: Prior, noise: NoiseModel) -> Preprocessor:
        """Prepare frames with a prior under a noise model, with the flow and tiles of the run."""
        return Preprocessor(prior, noise, self.flow, self.tiling)


def set_up(info: ClipInfo, noise: NoiseModel | None, config: DenoiseConfig) -> Setup:
    """Choose device, tiles and flow estimator for a clip.

    Raises:
        InputError: the device or the flow estimator is not available, or a draft of raw is wanted.
    """
    is_draft = config.preset is Preset.DRAFT
    if is_draft and info.mosaic is not None:
        raise InputError("raw has no draft: use --preset fast")
    device, layout = choose_device(config.device), layout_of(info)
    memory = (
        plan_draft_memory(layout) if is_draft else plan_memory(layout, device, config.memory_gib)
    )
    flow = choose_flow(config.flow)
    return Setup(info, config, noise, device, layout, memory, Tiling(memory.side), flow)
