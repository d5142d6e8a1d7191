"""Preparation of a run: measure, judge, adapt, decide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch

from f2r.io.clip import FrameReader
from f2r.method.networks import Networks, RunNetworks
from f2r.method.prepared_clip import PreparedClip
from f2r.models.draft import DraftDenoiser
from f2r.run.decide import PlaneDecision, after_training, complete_errors, decide_plane
from f2r.run.judge import PlaneJudgement, judge_plane
from f2r.run.look_at_clip import Looked, first_look, look, seconds_per_draft
from f2r.run.report import preparation_report
from f2r.run.sentences import (
    describe_draft,
    describe_judgements,
    describe_looks,
    describe_quality,
)
from f2r.run.setup import Setup
from f2r.run.time_plan import plan_draft, plan_time, training_seconds
from f2r.system.progress import StageClock
from f2r.train.adapt import Adaptation, AdaptConfig, adapt

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """Result of the preparation; a resumed run loads it from disk."""

    decisions: Sequence[PlaneDecision]
    """One per plane."""
    networks: RunNetworks
    """The networks, adapted to the clip if the run trains."""
    report: Mapping[str, Any]
    """Part of the report on the preparation; JSON values that nothing reads back."""


def prepare(
    reader: FrameReader,
    networks: RunNetworks,
    setup: Setup,
    clock: StageClock,
    checkpoints: Path | None = None,
    announce: Announce = lambda _: None,
) -> Prepared:
    """Estimate the noise, judge the networks, train them on the clip, decide the output.

    A draft is decided by the noise alone.

    Args:
        reader: the clip.
        networks: weights to start from; training changes them in place.
        setup: what the run works with.
        clock: measures the stages.
        checkpoints: folder for training state, from which an interrupted run resumes.
        announce: receives sentences on what was found and decided.
    """
    if isinstance(networks, DraftDenoiser):
        return _prepare_draft(reader, networks, setup, clock, announce)
    generator = torch.Generator().manual_seed(setup.config.seed)
    looked = look(reader, networks, setup, clock, checkpoints)
    plan = plan_time(looked, networks, setup, clock)
    clock.expect(plan.coming)
    for sentence in describe_looks(looked.looks, plan):
        announce(sentence)
    judgements = judge(looked, networks, setup, clock, generator)
    with clock.stage("train"):
        seconds = training_seconds(looked, setup, clock, plan.after_training)
        adaptation, judgements = _adapt(judgements, networks, setup, seconds, clock, checkpoints)
    with clock.stage("choose output"):
        judgements = [complete_errors(one, networks, setup, generator) for one in judgements]
        decisions = [decide_plane(one) for one in judgements]
    said = describe_judgements(judgements), describe_quality(decisions, judgements)
    for sentence in chain(*said):
        announce(sentence)
    report = preparation_report(looked.sample, plan, judgements, adaptation, decisions)
    return Prepared(decisions, networks, report)


def _prepare_draft(
    reader: FrameReader,
    network: DraftDenoiser,
    setup: Setup,
    clock: StageClock,
    announce: Announce,
) -> Prepared:
    """Estimate the noise, and how long the draft takes."""
    first = first_look(reader, setup, clock)
    plan = plan_draft(first, seconds_per_draft(network, setup, first), clock)
    clock.expect(plan.coming)
    judgements = [PlaneJudgement(one, (), None) for one in first.looks]
    decisions = [decide_plane(one) for one in judgements]
    for sentence in [*describe_looks(first.looks, plan), *describe_draft(decisions, judgements)]:
        announce(sentence)
    report = preparation_report(first.sample, plan, judgements, None, decisions)
    return Prepared(decisions, network, report)


def judge(
    looked: Looked,
    networks: Networks,
    setup: Setup,
    clock: StageClock,
    generator: torch.Generator,
) -> list[PlaneJudgement]:
    """Check the noise of each plane by its anchors and estimate the errors of the networks."""
    with clock.stage("judge"):
        return [
            judge_plane(*plane, networks, looked.frames, setup, generator)
            for plane in zip(looked.looks, looked.clips, looked.wholes, strict=True)
        ]


def _adapt(
    judgements: Sequence[PlaneJudgement],
    networks: Networks,
    setup: Setup,
    seconds: float,
    clock: StageClock,
    checkpoints: Path | None,
) -> tuple[Adaptation | None, list[PlaneJudgement]]:
    """Train both stages on all noisy planes; the judgements follow the new networks."""
    clips = [clip for one in judgements if one.look.allows_training for clip in one.shots]
    if seconds <= 0 or not clips:
        return None, list(judgements)
    config = AdaptConfig(seconds, setup.config.steps, setup.config.tuning)
    clips, done = adapt(networks, clips, config, setup.config.seed, checkpoints, clock.pass_on)
    after = iter(zip(clips, done.changes, done.blends, strict=True))
    return done, [
        _after_training(one, list(islice(after, len(one.shots))))
        if one.look.allows_training
        else one
        for one in judgements
    ]


def _after_training(
    judgement: PlaneJudgement, trained: Sequence[tuple[PreparedClip, Any, Any]]
) -> PlaneJudgement:
    """Give the judgement of a plane after training, with the anchors of the trained stage 1."""
    if judgement.errors is None:
        return judgement
    errors = after_training(judgement.errors, [(change, blend) for _, change, blend in trained])
    return replace(judgement, errors=errors, clips=[clip for clip, _, _ in trained])
