"""The time of a run: what has passed, and what its stages to come will take."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from f2r.config import TRAINING_SECONDS
from f2r.method.networks import Networks
from f2r.method.speed import Steps
from f2r.quality.error_estimation import judging_steps, leak_steps
from f2r.quality.fusion_gain import fusion_steps
from f2r.run.look_at_clip import FirstLook, Looked
from f2r.run.setup import Setup
from f2r.system.progress import StageClock

PLANNED_SHARE = 0.96
"""Share of a time budget that is planned; the rest is a reserve."""


@dataclass(frozen=True)
class TimePlan:
    """Seconds of a run, known once its sample was looked at."""

    per_frame: float
    """Expected for the inference of a frame."""
    passed: float
    """Already passed."""
    coming: Mapping[str, float]
    """Expected for each stage to come, as the clock names them; infinite for training where steps
    are counted instead. Writing runs beside the last one."""

    @property
    def total(self) -> float:
        """The whole run."""
        return self.passed + sum(self.coming.values())

    @property
    def training(self) -> float:
        """Training alone."""
        return self.coming.get("train", 0.0)

    @property
    def after_training(self) -> float:
        """What comes after training."""
        return self.coming["choose output"] + self.coming["denoise"]

    def to_dict(self) -> dict[str, float | None]:
        """Convert to JSON values; None where the time is not known."""
        seconds = {"passed": self.passed, **self.coming, "total": self.total}
        return {k: round(s, 2) if math.isfinite(s) else None for k, s in seconds.items()}


def plan_time(looked: Looked, networks: Networks, setup: Setup, clock: StageClock) -> TimePlan:
    """Expect the time of each stage from the measured speed of every step.

    Args:
        looked: the sample and the speed.
        networks: the networks of the run.
        setup: what the run works with.
        clock: knows what has passed.
    """
    judge, choose = (looked.speed.seconds(steps) for steps in _steps(looked, networks))
    denoise = looked.frames * (looked.seconds_per_frame + looked.seconds_to_read)
    train = training_seconds(looked, setup, clock, judge + choose + denoise)
    coming = {"judge": judge, "train": train, "choose output": choose, "denoise": denoise}
    return TimePlan(looked.seconds_per_frame, clock.elapsed, coming)


def plan_draft(first: FirstLook, per_frame: float, clock: StageClock) -> TimePlan:
    """Expect the time of a draft, which has one stage to come.

    Args:
        first: the sample.
        per_frame: measured seconds of inference for a frame.
        clock: knows what has passed.
    """
    denoise = first.frames * (per_frame + first.seconds_to_read)
    return TimePlan(per_frame, clock.elapsed, {"denoise": denoise})


def training_seconds(looked: Looked, setup: Setup, clock: StageClock, others: float) -> float:
    """Give the training time: that of the preset, or the rest of the time budget.

    Args:
        looked: the sample.
        setup: what the run works with.
        clock: knows what has passed.
        others: expected seconds of the other stages to come.
    """
    config = setup.config
    if not any(one.allows_training for one in looked.looks):
        return 0.0
    if config.steps is not None:
        return math.inf
    if config.time_budget is None:
        return TRAINING_SECONDS[config.preset]
    return max(PLANNED_SHARE * config.time_budget - clock.elapsed - others, 0.0)


def _steps(looked: Looked, networks: Networks) -> tuple[Steps, Steps]:
    """Give the pixels of each step in judging and in choosing."""
    pairs = zip(looked.looks, looked.clips, strict=True)
    judged = [clips for look, clips in pairs if look.is_measurable and clips]
    if not judged or not any(clip.targets for clip in judged[0]):
        return Steps(), Steps()
    size, targets = judged[0][0].size, [len(clip.targets) for clip in judged[0]]
    anchors = Steps(stage_1=sum(targets) * math.prod(size))
    whole = Steps(prior=2 * sum(w.pixels for of_plane in looked.wholes for w in of_plane))
    judge = anchors + whole + judging_steps(networks, size, sum(targets))
    first = networks, size, targets[0]
    return judge, leak_steps(*first) + fusion_steps(*first)
