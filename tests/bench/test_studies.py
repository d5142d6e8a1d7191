"""Every command that measures one property, on clips small enough for a test."""

import json

import numpy as np
import pytest

from f2r_bench.cli.main import main
from f2r_bench.studies.curve import Point, draw_curve
from synthetic import moving_clip

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path):
    """A clip of six frames, 48 x 64."""
    folder = tmp_path / "clips"
    folder.mkdir()
    np.save(folder / "moving.npy", moving_clip(6, 48, 64).permute(0, 2, 3, 1).numpy())
    return folder


def measured(command, *options, output):
    assert main([command, *map(str, options), "-o", str(output)]) == 0
    record = json.loads(output.read_text())
    assert {"date", "commit", "hardware", "environment", "options"} <= record.keys()
    assert str(output.parent) not in output.read_text()
    return record


def test_quality_and_its_curve(data, tmp_path):
    options = (data, "--sigma", 20, "--frames", 4, "--budgets", "fast", "2s")
    cases = measured("quality", *options, output=tmp_path / "quality.json")["cases"]
    assert [case["budget"] for case in cases] == ["fast", "2s"]
    for case in cases:
        assert case["psnr"]["noisy"] < case["psnr"]["refined"]
    assert (tmp_path / "quality-moving-s20.png").stat().st_size > 1000


def test_a_curve_of_equal_figures_can_be_drawn():
    points = [Point(1.0, (30.0, 30.0, 30.0)), Point(10.0, (30.0, 30.0, 30.0))]
    assert len(np.unique(draw_curve(points, "flat"))) > 2


def test_noise_estimation(data, tmp_path):
    record = measured("noise-estimation", data, "--frames", 3, output=tmp_path / "noise.json")
    assert record["summary_percent"]["sigma"]["median"] < 25
    assert {row["noise"] for row in record["correlated"]} >= {"demosaicking"}


def test_unknown_noise(data, tmp_path):
    options = (data, "--frames", 2, "--cases", "clipped")
    record = measured("unknown-noise", *options, output=tmp_path / "unknown.json")
    assert [row["told"] for row in record["clipped"]] == ["true", "auto"]
    for row in record["clipped"]:
        assert row["loss"] == pytest.approx(
            row["unclipped"]["refined"] - row["clipped"]["refined"], abs=2e-3
        )


def test_real_noise(tmp_path):
    noisy = moving_clip(4, 48, 64).permute(0, 2, 3, 1).numpy()
    noisy += np.random.default_rng(0).normal(0, 0.08, noisy.shape).astype(np.float32)
    np.save(tmp_path / "noisy.npy", noisy)
    options = (tmp_path / "noisy.npy", "--pictures", tmp_path / "pictures")
    record = measured("real-noise", *options, output=tmp_path / "real.json")
    assert record["clips"][0]["structure"].keys() == {"detail", "level", "edges", "neighbours"}
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 2


def test_flow(data, tmp_path):
    means = measured("flow", data, "--frames", 4, output=tmp_path / "flow.json")["means"]
    assert means["two passes"]["warped"] > 25


def test_every_stage_of_a_frame_is_timed(data, tmp_path):
    options = (data, "--rounds", 1, "--train-seconds", 1, "--size", "64x32")
    record = measured("speed", *options, output=tmp_path / "speed.json")
    assert {"prior", "flow", "stage 2"} <= record["f2r_stages_seconds_per_frame"].keys()
    assert record["size"] == "64x32"
    assert record["methods"]["f2r fast"]["times_f2r"] == 1


def test_memory(tmp_path):
    record = measured("memory", "64x48x4", output=tmp_path / "memory.json")
    assert 0.1 < record["cases"][0]["peak_gib"] < 4


def test_a_run_beside_others_is_held_against_its_fair_share(tmp_path):
    record = measured("busy", "64x48x3", "--others", 1, output=tmp_path / "busy.json")
    threads = record["processors"]
    fair = record["alone_seconds"] * (threads + 1) / threads
    assert record["fair_seconds"] == pytest.approx(fair, abs=0.02)
    assert record["times_fair"] == pytest.approx(record["busy_seconds"] / fair, rel=0.02)


def test_a_killed_run_goes_on(tmp_path):
    options = ("--kinds", ".npy", "--kills", 1, "--frames", 6)
    runs = measured("kill", *options, output=tmp_path / "kill.json")["runs"]
    assert runs[0]["kills"] == 1
    assert runs[0]["is_equal"]


def test_raw(data, tmp_path):
    options = (data, "--isos", 6400, "--frames", 3)
    cases = measured("raw", *options, output=tmp_path / "raw.json")["cases"]
    psnr = {case["method"]: case["raw_psnr"] for case in cases}
    assert psnr["noisy"] < psnr["prior"] < psnr["f2r fast"]


def test_ablations(data, tmp_path):
    options = ("--name", "stages", "--frames", 3, "--budget", "1s", "-o", tmp_path / "out")
    assert main(["ablations", str(data), *map(str, options)]) == 0
    tables = (tmp_path / "out" / "tables.md").read_text()
    assert all(name in tables for name in ("stage-1-only", "no-anchor", "full"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["memory", "large"], "'large' is no clip"),
        (["busy", "64x48x3", "--variables", "OMP"], "'OMP' is no variable"),
        (["real-noise"], "nothing to denoise"),
        (["flow", "nowhere"], "no such folder"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, said):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
