"""How much of a frame's own noise reaches its anchor, although stage 1 never sees the frame.

The way is the flow: it is estimated on D(y_t), which carries traces of n_t (METHOD.md,
section 4). The measure needs no clean frame: shake y_t by a little noise n', run the whole
preprocessing and stage 1 again, and see how much of n' is in the anchor.
"""

from dataclasses import replace

import torch

from f2r.infer.stages import encode_frame, predict_anchor
from f2r.infer.stream import Networks
from f2r.preprocess import REACH, PreparedFrame, Preprocessor, neighbourhood
from f2r.train.windows import TrainingClip

SHAKE = 0.3
"""Size of n' relative to the noise; large enough to move the flow of an 8-bit proxy."""


@torch.no_grad()
def copied_noise(
    networks: Networks,
    preprocessor: Preprocessor,
    clip: TrainingClip,
    target: int,
    generator: torch.Generator,
) -> float:
    """Estimate E[(anchor - x) n_t], the covariance of the anchor's error with its own noise.

    Args:
        networks: prior and stage 1.
        preprocessor: prior, noise model and flow of the clip.
        clip: prepared frames.
        target: a frame that has neighbours.
        generator: randomness of n'.

    Returns:
        Covariance in nominal units squared; 0 when nothing leaks.
    """
    around = range(max(target - REACH, 0), min(target + REACH + 1, len(clip.frames)))
    frames = {i: replace(clip.frames[i]) for i in around}
    noisy = frames[target].noisy
    channels = 1 if clip.grey else 3
    level = frames[target].denoised[:channels]
    shake = (clip.noise.sample(level, generator) - level).expand(3, -1, -1)
    moved = preprocessor.prepare(noisy + SHAKE * shake)
    change = _anchor(networks, preprocessor, frames | {target: moved}, target)
    change -= _anchor(networks, preprocessor, frames, target)
    return float((change * shake).mean()) / SHAKE


def _anchor(
    networks: Networks, preprocessor: Preprocessor, frames: dict[int, PreparedFrame], target: int
) -> torch.Tensor:
    linked = {i: replace(frame, to_previous=None, to_next=None) for i, frame in frames.items()}
    for i in list(linked)[:-1]:
        preprocessor.link(linked[i], linked[i + 1])
    features = {
        i: encode_frame(networks.temporal, frame) for i, frame in linked.items() if i != target
    }
    around = neighbourhood(linked, target)
    return predict_anchor(networks.temporal, linked, features, around, target)
