"""Denoise a clip frame by frame, as decided."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import NamedTuple, Self

from f2r.io.clip import Frame
from f2r.method.draft import DRAFT_HISTORY
from f2r.method.exposure import EXPOSURE_REACH, match_exposure
from f2r.method.fusion import TemporalFusion
from f2r.method.networks import RunNetworks
from f2r.method.stream import Estimate, FrameEstimator
from f2r.models.draft import DraftDenoiser
from f2r.quality.estimated_errors import Output
from f2r.run.decide import PlaneDecision
from f2r.run.result import PlaneEstimate, Result
from f2r.run.setup import Setup


class _Plane(NamedTuple):
    """The steps of one plane: both stages or the draft, then fusion."""

    decision: PlaneDecision
    stream: FrameEstimator
    fusion: TemporalFusion

    @classmethod
    def start(
        cls, decision: PlaneDecision, networks: RunNetworks, setup: Setup, first: int
    ) -> Self:
        stream = decision.stream(networks, setup, first)
        if isinstance(networks, DraftDenoiser):
            return cls(decision, stream, TemporalFusion(decision.noise, radius=0, error_share=0.0))
        return cls(decision, stream, decision.fusion(networks.temporal.radius, setup.config.tuning))


def frames_before(decisions: Sequence[PlaneDecision], networks: RunNetworks) -> int:
    """Say how many frames before a frame its result depends on."""
    matches = any(decision.matches_exposure for decision in decisions)
    return _history(networks) + (EXPOSURE_REACH if matches else 0)


def _history(networks: RunNetworks) -> int:
    """Say how many matched frames before a frame its result depends on."""
    if isinstance(networks, DraftDenoiser):
        return DRAFT_HISTORY
    return networks.lookahead + networks.temporal.radius


def denoise_frames(
    frames: Iterable[Frame],
    decisions: Sequence[PlaneDecision],
    networks: RunNetworks,
    setup: Setup,
    start: int = 0,
    first: int = 0,
) -> Iterator[Result]:
    """Denoise frames in order, from frame `start` on; the window before it is computed again.

    Args:
        frames: every frame of the clip from frame `first` on.
        decisions: one per plane.
        networks: the networks of the run.
        setup: what the run works with.
        start: number of finished frames, which are left out.
        first: at most `start - frames_before`, or 0.
    """
    if all(decision.output is Output.NOISY for decision in decisions):
        yield from _untouched(islice(frames, start - first, None), decisions, setup)
        return
    unwanted = min(start, _history(networks))
    planes = [_Plane.start(one, networks, setup, start - unwanted) for one in decisions]
    lookahead = planes[0].stream.lookahead + planes[0].fusion.lookahead
    matches = any(decision.matches_exposure for decision in decisions)
    matched = match_exposure(frames) if matches else ((frame, 1.0) for frame in frames)
    needed = islice(matched, start - unwanted - first, None)
    for frame, gain in chain(needed, repeat((None, 1.0), lookahead)):
        parts = list[PlaneEstimate]()
        levels = [None] * len(planes) if frame is None else setup.layout.split(frame)
        for (decision, stream, fusion), noisy in zip(planes, levels, strict=True):
            ready = None if noisy is None else stream.prepare(decision.scale * noisy, gain)
            estimate = fusion.push(stream.push(ready))
            if estimate is not None:
                parts.append(PlaneEstimate(estimate, decision))
        if parts and unwanted:
            unwanted -= 1
        elif parts:
            yield Result(setup.layout, parts, setup.strength)


def _untouched(
    frames: Iterable[Frame], decisions: Sequence[PlaneDecision], setup: Setup
) -> Iterator[Result]:
    """Give the frames unchanged, without any network."""
    for frame in frames:
        parts = []
        for plane, decision in zip(setup.layout.split(frame), decisions, strict=True):
            level = decision.scale * plane
            no_flow = level.new_zeros((2, 0, 0))
            estimate = Estimate(level, level, level, level, no_flow, no_flow)
            parts.append(PlaneEstimate(estimate, decision))
        yield Result(setup.layout, parts, setup.strength)
