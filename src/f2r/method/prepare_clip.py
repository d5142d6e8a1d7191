"""Prepare a shot for training: frames through the prior, flows between them."""

from collections.abc import Callable, Sequence

from torch import Tensor

from f2r.method.preprocess import Neighbourhood, PreparedFrame, Preprocessor, neighbourhood
from f2r.method.stages import Features, encode_frame, predict_anchor
from f2r.method.storage import Keep, in_memory
from f2r.method.two_pass_flow import Linker
from f2r.models.temporal import RADIUS, TemporalEstimator
from f2r.train.windows import TrainingClip


def prepare_clip(
    frames: Sequence[Tensor],
    preprocessor: Preprocessor,
    grey: bool = False,
    on_frame: Callable[[int], None] | None = None,
    compact: bool = True,
    keep: Keep = in_memory,
    radius: int = RADIUS,
) -> TrainingClip:
    """Apply the preprocessing to consecutive frames of one shot.

    Args:
        frames: T noisy frames (C, H, W), sides multiples of 8.
        preprocessor: prior, noise model and flow of the clip.
        grey: whether the three channels are one.
        on_frame: called with the number of frames done.
        compact: store flows in float16, half the memory; 1/64 px off at a displacement of 16.
        keep: where everything prepared is kept; see `TrainingClip`.
        radius: neighbours on either side that each frame is aligned with.
    """
    prepared: list[PreparedFrame] = []
    linker = Linker(preprocessor.flow)
    for noisy in frames:
        prepared.append(_kept_frame(preprocessor.prepare(noisy), keep))
        linker.push(prepared[-1])
        if on_frame:
            on_frame(len(prepared))
    linker.finish()
    indexed = dict(enumerate(prepared))
    neighbours = [neighbourhood(indexed, t, radius) for t in indexed]
    if compact:
        neighbours = [around.in_half_precision() for around in neighbours]
    for frame in prepared:  # only the chained flows are needed from here on
        frame.to_next = frame.to_previous = None
    neighbours = [_kept_flows(around, keep) for around in neighbours]
    return TrainingClip(prepared, neighbours, preprocessor.noise, grey, keep=keep)


def _kept_frame(frame: PreparedFrame, keep: Keep) -> PreparedFrame:
    return PreparedFrame(keep(frame.noisy), keep(frame.denoised), keep(frame.sigma))


def _kept_flows(around: Neighbourhood, keep: Keep) -> Neighbourhood:
    return Neighbourhood(keep(around.flow), keep(around.visible), around.present)


def clip_anchors(
    clip: TrainingClip,
    estimator: TemporalEstimator,
    on_frame: Callable[[int], None] | None = None,
) -> list[Tensor]:
    """Run stage 1 over a prepared clip: (C, H, W) float32 per frame.

    A frame without neighbours takes the prior's estimate.
    """
    frames = dict(enumerate(clip.frames))
    features: dict[int, Features] = {}
    radius, anchors = estimator.radius, []
    for t, around in enumerate(clip.neighbours):
        for i in range(max(t - radius, 0), min(t + radius + 1, len(frames))):
            if i not in features:
                features[i] = encode_frame(estimator, frames[i])
        features.pop(t - radius - 1, None)
        anchor = clip.frames[t].denoised
        if t in clip.targets:
            anchor = predict_anchor(estimator, frames, features, around, t)
        anchors.append(clip.keep(anchor))
        if on_frame:
            on_frame(t + 1)
    return anchors
