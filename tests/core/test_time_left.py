"""The time that a run announces, and the time left that it shows."""

import io
import math

import numpy as np
import pytest
from rich.console import Console

import f2r
from f2r.cli.display import Display
from f2r.config import DenoiseConfig
from f2r.io.array import ArrayReader
from f2r.method.networks import load_networks
from f2r.noise.models import Gaussian
from f2r.run.files import denoise_file
from f2r.run.job import FileOptions
from f2r.run.look_at_clip import look
from f2r.run.setup import set_up
from f2r.run.time_plan import PLANNED_SHARE, plan_time
from f2r.system.progress import Progress, StageClock
from synthetic import moving_clip

BEFORE = {"read sample", "estimate noise", "prior and flow"}
"""Stages that have passed when the time is announced."""


@pytest.fixture
def now(monkeypatch):
    """A clock that a test sets; it stands still by itself."""
    moment = [100.0]
    monkeypatch.setattr("f2r.system.progress.time.monotonic", lambda: moment[0])
    return moment


def follow(clock, now, stage, seconds):
    """Run a stage of ten equal steps."""
    with clock.stage(stage):
        for step in range(10):
            now[0] += seconds / 10
            clock.tell(stage, (step + 1) / 10)


def test_the_time_left_is_that_of_the_whole_run(now):
    reports = []
    clock = StageClock(reports.append)
    follow(clock, now, "look", 3)
    assert all(report.left is None for report in reports)  # nothing is planned yet
    reports.clear()
    clock.expect({"judge": 4.0, "denoise": 20.0})
    follow(clock, now, "judge", 4)
    follow(clock, now, "denoise", 20)
    left = [report.left for report in reports]
    assert left[0] == 24
    assert left == pytest.approx(sorted(left, reverse=True))
    judging = [report.left for report in reports if report.stage == "judge"]
    assert min(judging) == 20
    assert left[-1] == 0


def test_while_the_length_of_a_stage_is_unknown_no_time_is_shown(now):
    reports = []
    clock = StageClock(reports.append)
    clock.expect({"judge": 4.0, "train": math.inf, "denoise": 20.0})
    for stage, seconds in (("judge", 4), ("train", 9)):
        follow(clock, now, stage, seconds)
        assert {report.left for report in reports} == {None}, stage
    reports.clear()
    follow(clock, now, "denoise", 20)
    assert reports[0].left == 20


@pytest.mark.parametrize("pace", [0.5, 2.0])
def test_the_time_left_is_corrected_by_the_pace_of_the_run(now, pace):
    reports = []
    clock = StageClock(reports.append)
    clock.expect({"denoise": 20.0})
    follow(clock, now, "denoise", 20 * pace)
    true = [20 * pace * (1 - report.fraction) for report in reports]
    planned = [20 * (1 - report.fraction) for report in reports]
    for report, truth, plan in zip(reports, true, planned, strict=True):
        assert abs(report.left - truth) <= abs(plan - truth)
    assert reports[9].left == pytest.approx(true[9], rel=0.15)


def test_reports_under_other_names_count_for_their_stage(now):
    reports = []
    clock = StageClock(reports.append)
    clock.expect({"train": 10.0, "denoise": 5.0})
    with clock.stage("train"):
        now[0] += 4
        clock.tell("stage 1", 1.0)
        assert reports[-1].left == 11
        now[0] += 9
        clock.tell("stage 2", 0.5)
        assert reports[-1].left == 5  # later than planned: the rest is still to come


def test_a_stage_that_is_resumed_has_the_time_of_its_rest_left(now):
    reports = []
    clock = StageClock(reports.append)
    clock.expect({"denoise": 40.0})
    with clock.stage("denoise", 0.75):
        now[0] += 2
        clock.tell("denoise", 0.75)
        assert [report.left for report in reports] == [10, 8]
        now[0] += 6  # half of the rest took 8 s: it is slower than planned
        clock.tell("denoise", 0.875)
        assert 5 < reports[-1].left < 8
    assert reports[-1].left == 0


@pytest.mark.usefixtures("now")
def test_training_that_is_resumed_knows_what_is_left_of_it():
    reports = []
    clock = StageClock(reports.append)
    clock.expect({"train": 100.0, "denoise": 20.0})
    with clock.stage("train"):
        clock.pass_on(Progress("stage 1", 0.9, left=55.0))
    assert reports[1].left == 75


@pytest.fixture(scope="module")
def noisy():
    clean = moving_clip(9, 64, 96).permute(0, 2, 3, 1).numpy()
    return clean + np.random.default_rng(0).normal(0, 0.1, clean.shape).astype(np.float32)


def test_the_announced_time_contains_every_later_stage(noisy):
    reports = []
    report = f2r.denoise(noisy, sigma=0.1, preset="fast", progress=reports.append).report
    announced, taken = dict(report["seconds_announced"]), report["seconds"]
    total, passed = announced.pop("total"), announced.pop("passed")
    assert total == pytest.approx(passed + sum(announced.values()), abs=0.05)
    assert set(announced) == set(taken) - BEFORE - {"total"}
    assert passed >= sum(taken[stage] for stage in BEFORE) - 0.05
    assert min(announced[stage] for stage in ("judge", "choose output", "denoise")) > 0
    assert announced["train"] == 0
    planned = [one for one in reports if one.stage not in BEFORE]
    assert all(one.left is not None and one.left >= 0 for one in planned)
    assert planned[-1].left == 0


class Interruption(KeyboardInterrupt):
    """What Ctrl-C raises."""


def interrupt(report):
    if report.stage == "denoise" and report.fraction > 0.5:
        raise Interruption


def test_a_resumed_run_shows_the_time_of_all_that_is_left(noisy, tmp_path):
    np.save(tmp_path / "clip.npy", noisy)
    files = str(tmp_path / "clip.npy"), tmp_path / "out.npy"
    config = DenoiseConfig(preset="fast", sigma=0.1)
    with pytest.raises(Interruption):
        denoise_file(*files, config, progress=interrupt)
    reports = []
    resume = FileOptions(resume=True)
    report = denoise_file(*files, config, resume, progress=reports.append).report
    assert report["resumed_after_frame"] > 0
    left = [one.left for one in reports]
    assert None not in left
    done = report["resumed_after_frame"] / len(noisy)
    planned = report["seconds_announced"]["denoise"]
    assert left[0] == pytest.approx((1 - done) * planned, abs=0.02)
    assert left[-1] == 0


def test_a_time_budget_is_shared_by_all_stages(noisy):
    budget = 1e6
    reader = ArrayReader(noisy)
    setup = set_up(reader.info, Gaussian(0.1), DenoiseConfig(time_budget=budget))
    networks, clock = load_networks(None, setup.device), StageClock()
    plan = plan_time(look(reader, networks, setup, clock), networks, setup, clock)
    assert min(plan.coming.values()) > 0
    assert plan.total == pytest.approx(PLANNED_SHARE * budget, rel=1e-3)


def test_an_unknown_training_time_is_no_number(noisy):
    report = f2r.denoise(noisy[:4], sigma=0.1, steps=1).report
    assert report["seconds_announced"]["train"] is report["seconds_announced"]["total"] is None


def test_a_finished_stage_shows_no_time_left():
    with Display() as display:
        display.update(Progress("judge", 0.5, left=24.0))
        display.update(Progress("judge", 1.0, left=20.0))
        display.update(Progress("denoise", 0.5, left=10.0))
        rows = {row.split()[0]: row for row in rendered(display)}
    assert "left" not in rows["judge"]
    assert "0:00:10 left" in rows["denoise"]


def rendered(display):
    """Draw the bars as text."""
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(display.bars.get_renderable())
    return console.export_text().splitlines()
