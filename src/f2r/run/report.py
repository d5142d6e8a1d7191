"""The report of a run, made once from its decisions and figures."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from f2r.run.decide import PlaneDecision, quality_to_dict
from f2r.run.judge import PlaneJudgement
from f2r.run.result import Mark
from f2r.run.sampling import Sample
from f2r.run.setup import Setup
from f2r.run.time_plan import TimePlan
from f2r.train.adapt import Adaptation


def preparation_report(
    sample: Sample,
    plan: TimePlan,
    judgements: Sequence[PlaneJudgement],
    adaptation: Adaptation | None,
    decisions: Sequence[PlaneDecision],
) -> dict[str, Any]:
    """Report what was found and decided before inference; JSON values.

    Args:
        sample: what was measured.
        plan: the time that was announced.
        judgements: one per plane.
        adaptation: what training did; None without training.
        decisions: one per plane.
    """
    layout, pairs = sample.layout, zip(decisions, judgements, strict=True)
    training = {} if adaptation is None else {"training": asdict(adaptation)}
    return {
        "frames_trained_on": sample.frames,
        "rows_and_columns_trained_on": [layout.height, layout.width],
        "noise": [one.to_dict() for one in judgements],
        "seconds_per_frame": plan.per_frame,
        "seconds_announced": plan.to_dict(),
        **training,
        "outputs": [decision.output.value for decision in decisions],
        "shifts_of_one_sided_noise": [list(decision.shifts) for decision in decisions],
        "estimated_psnr": [
            quality_to_dict(decision, one.errors)
            for decision, one in pairs
            if one.errors is not None
        ],
    }


def inference_report(marks: Sequence[Mark], setup: Setup) -> dict[str, Any]:
    """Report on inference; JSON values.

    Args:
        marks: one per frame.
        setup: what the run worked with.
    """
    side = setup.tiling.side
    return {
        "frames": len(marks),
        "tile_side": side if side < max(setup.layout.padded) else None,
        "scene_cuts": scene_cuts(marks),
        "frames_by_prior_alone": sum(mark.is_alone for mark in marks),
    }


def scene_cuts(marks: Sequence[Mark]) -> list[int]:
    """List the first frame after each scene cut, counted from 1."""
    return [i + 1 for i, mark in enumerate(marks) if i and mark.starts_shot]
