"""Measured time of inference on a frame."""

import time

import torch
from torch import Tensor

from f2r.flow.warp import visibility, warp_backward
from f2r.method.draft import AHEAD, DraftStream
from f2r.method.fusion import fuse
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip
from f2r.method.stage_1 import anchor_of_frame, encode_frame
from f2r.method.stage_2 import refine_frame
from f2r.models.draft import DraftDenoiser
from f2r.noise.models import NoiseModel


def seconds_of_stages(networks: Networks, clip: PreparedClip) -> float:
    """Measure both stages and the fusion of one frame of a clip, in seconds.

    Gives 0 where no frame has a neighbour.
    """
    if not clip.targets:
        return 0.0
    target = clip.targets[0]
    frames = dict(enumerate(clip.frames[: target + 3]))
    features = {t: encode_frame(networks.temporal, frame) for t, frame in frames.items()}
    seconds = 0.0
    for _ in range(2):  # the first round warms up
        start = time.monotonic()
        encode_frame(networks.temporal, frames[target])
        around = clip.neighbours[target]
        anchor = anchor_of_frame(networks.temporal, frames, features, around, target)
        refined = refine_frame(networks.refiner, frames[target], anchor)
        flows = around.flow.float()
        aligned = warp_backward(refined.expand(len(flows), -1, -1, -1), flows, "bicubic")
        neighbours = zip(aligned, visibility(flows, flows), strict=True)
        fuse(refined, neighbours, torch.ones_like(refined[:1]))
        seconds = time.monotonic() - start
    return seconds


def seconds_of_draft(network: DraftDenoiser, noise: NoiseModel, frame: Tensor) -> float:
    """Measure the draft of one (C, H, W) frame, in seconds."""
    stream, seconds = DraftStream(network, noise), 0.0
    for _ in range(AHEAD + 3):  # the first estimate comes after AHEAD frames and is made from them
        start = time.monotonic()
        stream.push(stream.prepare(frame))
        seconds = time.monotonic() - start
    return seconds
