"""How much of a frame's own noise reaches its anchor, although stage 1 never sees the frame.

The way is the flow: it is estimated on D(y_t), which carries traces of n_t (docs/method.md,
"Leak"). The measure needs no clean frame: shake y_t by a little noise n', run the whole
preprocessing and stage 1 again, and see how much of n' is in the anchor.
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

SHAKE = 0.3
"""Size of n' relative to the noise; large enough to move the flow of an 8-bit proxy."""


class Leaked(NamedTuple):
    """Covariances with n_t of what the anchor carries, nominal units squared."""

    anchor: float
    """E[(anchor - x) n_t]; 0 when nothing leaks."""
    refined: float
    """What of it the refined frame takes over."""


@torch.no_grad()
def leaked_noise(
    networks: Networks,
    preprocessor: Preprocessor,
    clip: PreparedClip,
    target: int,
    generator: torch.Generator,
) -> Leaked:
    """Estimate how anchor and refined frame covary with n_t by way of the flow.

    Args:
        networks: the three networks.
        preprocessor: prior, noise model and flow of the clip.
        clip: prepared frames.
        target: a frame that has neighbours.
        generator: randomness of n'.
    """
    reach = networks.lookahead
    around = range(max(target - reach, 0), min(target + reach + 1, len(clip.frames)))
    frames = {i: replace(clip.frames[i]) for i in around}
    frame = frames[target]
    level = frame.denoised[: clip.channels]
    shake = draw_probe(clip.noise, level, generator).expand_as(frame.denoised)
    moved = preprocessor.prepare(frame.noisy + SHAKE * shake)
    anchors = [
        _anchor(networks, preprocessor, frames | {target: seen}, target) for seen in (frame, moved)
    ]
    refined = [refine_frame(networks.refiner, frame, anchor) for anchor in anchors]
    pairs = (anchors, refined)
    return Leaked(*(float(copied_noise(shake, SHAKE, *pair).mean()) for pair in pairs))


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
