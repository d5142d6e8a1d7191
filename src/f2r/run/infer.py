"""Denoise the whole clip, frame by frame, as it was decided."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from f2r.io.clip import Frame
from f2r.method.exposure import match_exposure
from f2r.method.fusion import FusedStream
from f2r.method.networks import Networks
from f2r.method.stream import Estimate
from f2r.quality.estimated_errors import Output
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
    if all(decision.output is Output.NOISY for decision in decisions):
        yield from _untouched(islice(frames, start, None), decisions, setup)
        return
    streams = [decision.stream(networks, setup) for decision in decisions]
    first = max(start - streams[0].lookahead, 0)
    unwanted = start - first
    for estimates in _estimates(streams, frames, decisions, setup, first):
        if unwanted:
            unwanted -= 1
            continue
        parts = [PlaneEstimate(*pair) for pair in zip(estimates, decisions, strict=True)]
        yield Result(setup.layout, parts, setup.strength)


def _untouched(
    frames: Iterable[Frame], decisions: Sequence[PlaneDecision], setup: Setup
) -> Iterator[Result]:
    """Give frames as they are, without any network."""
    for frame in frames:
        parts = []
        for plane, decision in zip(setup.layout.split(frame), decisions, strict=True):
            level = decision.scale * plane
            no_flow = level.new_zeros((2, 0, 0))
            estimate = Estimate(level, level, level, level, no_flow, no_flow)
            parts.append(PlaneEstimate(estimate, decision))
        yield Result(setup.layout, parts, setup.strength)


def _estimates(
    streams: Sequence[FusedStream],
    frames: Iterable[Frame],
    decisions: Sequence[PlaneDecision],
    setup: Setup,
    first: int,
) -> Iterator[list[Estimate]]:
    matched = any(decision.matches_exposure for decision in decisions)
    pairs = match_exposure(frames) if matched else ((frame, 1.0) for frame in frames)
    for i, (frame, gain) in enumerate(pairs):
        if i < first:
            continue
        planes = setup.layout.split(frame)
        ready = [
            stream.push(decision.scale * noisy, gain)
            for stream, decision, noisy in zip(streams, decisions, planes, strict=True)
        ]
        yield from (list(group) for group in zip(*ready, strict=True))
    yield from (list(group) for group in zip(*(s.finish() for s in streams), strict=True))
