"""Leak: the part of a frame's own noise that reaches its anchor.

Stage 1 does not receive frame t, but the flow is estimated on D(y_t), which contains traces of n_t
(docs/method.md, "Leak"). To measure it, a little noise n' is added to y_t, preprocessing and stage
1 run again, and the share of n' in the anchor is computed.
"""

from dataclasses import replace
from typing import NamedTuple

import torch

from f2r.method.alignment import neighbourhood
from f2r.method.networks import Networks
from f2r.method.prepared_clip import PreparedClip
from f2r.method.preprocess import PreparedFrame, Preprocessor
from f2r.method.stage_1 import anchor_of_frame, encode_frame
from f2r.method.stage_2 import refine_frame
from f2r.method.two_pass_flow import Linker
from f2r.quality.stein import copied_noise, draw_probe

LEAK_PROBE = 0.3
"""Size of n' relative to the noise; large enough to move the flow of an 8-bit proxy."""


class Leaked(NamedTuple):
    """Covariances of estimates with n_t by way of the anchor, nominal units squared."""

    anchor: float
    """E[(anchor - x) n_t]; 0 when nothing leaks."""
    refined: float
    """Part of it that the refined frame contains."""


@torch.no_grad()
def leaked_noise(
    networks: Networks,
    preprocessor: Preprocessor,
    clip: PreparedClip,
    target: int,
    place: tuple[slice, slice],
    generator: torch.Generator,
) -> Leaked:
    """Estimate the covariances of anchor and refined frame with n_t by way of the flow.

    Args:
        networks: the three networks.
        preprocessor: prior, noise model and flow of the clip.
        clip: prepared frames.
        target: a frame that has neighbours.
        place: rows and columns that are measured, sides multiples of 8.
        generator: randomness of n'.
    """
    reach = networks.lookahead
    around = range(max(target - reach, 0), min(target + reach + 1, len(clip.frames)))
    frames = {i: clip.frames[i].part(*place) for i in around}
    frame = frames[target]
    level = frame.denoised[: clip.channels]
    shake = draw_probe(clip.noise, level, generator).expand_as(frame.denoised)
    moved = preprocessor.prepare(frame.noisy + LEAK_PROBE * shake)
    anchors = [
        _anchor(networks, preprocessor, frames | {target: seen}, target) for seen in (frame, moved)
    ]
    refined = [refine_frame(networks.refiner, frame, anchor) for anchor in anchors]
    pairs = (anchors, refined)
    return Leaked(*(float(copied_noise(shake, LEAK_PROBE, *pair).mean()) for pair in pairs))


def _anchor(
    networks: Networks, preprocessor: Preprocessor, frames: dict[int, PreparedFrame], target: int
) -> torch.Tensor:
    linked = {i: replace(frame, to_previous=None, to_next=None) for i, frame in frames.items()}
    linker = Linker(preprocessor.flow)
    for frame in linked.values():
        linker.push(frame)
    linker.finish()
    features = {
        i: encode_frame(networks.temporal, frame)
        for i, frame in linked.items()
        if 0 < abs(i - target) <= networks.temporal.radius
    }
    if not linked[target].has_neighbours:  # shaken pure noise may look like a scene cut
        return linked[target].denoised
    around = neighbourhood(linked, target, networks.temporal.radius)
    return anchor_of_frame(networks.temporal, linked, features, around, target)
