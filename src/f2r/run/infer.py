"""Denoise the whole clip, frame by frame, as it was decided."""

from collections.abc import Iterable, Iterator, Sequence

from f2r.io.clip import Frame
from f2r.method.fusion import FusedStream
from f2r.method.networks import Networks
from f2r.method.stream import Estimate
from f2r.run.decide import PlaneDecision
from f2r.run.result import PlaneEstimate, Result
from f2r.run.setup import Setup


def denoise_frames(
    frames: Iterable[Frame],
    decisions: Sequence[PlaneDecision],
    networks: Networks,
    setup: Setup,
    start: int = 0,
) -> Iterator[Result]:
    """Denoise frames in order, from frame `start` on; the window before it is made anew.

    Args:
        frames: every frame of the clip, from the first.
        decisions: one per plane.
        networks: the networks of the run.
        setup: what the run works with.
        start: frames that are finished and are left out.
    """
    streams = [decision.stream(networks, setup) for decision in decisions]
    first = max(start - streams[0].lookahead, 0)
    unwanted = start - first
    for estimates in _estimates(streams, frames, decisions, setup, first):
        if unwanted:
            unwanted -= 1
            continue
        parts = [PlaneEstimate(*pair) for pair in zip(estimates, decisions, strict=True)]
        yield Result(setup.layout, parts, setup.config.strength)


def _estimates(
    streams: Sequence[FusedStream],
    frames: Iterable[Frame],
    decisions: Sequence[PlaneDecision],
    setup: Setup,
    first: int,
) -> Iterator[list[Estimate]]:
    for i, frame in enumerate(frames):
        if i < first:
            continue
        planes = setup.layout.split(frame)
        ready = [
            stream.push(decision.scale * noisy)
            for stream, decision, noisy in zip(streams, decisions, planes, strict=True)
        ]
        yield from (list(group) for group in zip(*ready, strict=True))
    yield from (list(group) for group in zip(*(s.finish() for s in streams), strict=True))
