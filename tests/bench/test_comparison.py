"""`f2r-bench compare` on real files: same noise for all, resumable, complete tables."""

import json

import numpy as np
import pytest
import torch

from f2r.evaluation.add_noise import simulate_file
from f2r.io.images.picture import write_picture
from f2r.noise.models import Gaussian
from f2r_bench.cli.main import main
from f2r_bench.clips.noise import draw_noisy
from f2r_bench.comparison.compare import summarise
from f2r_bench.comparison.fairness import LeftOut, too_short
from f2r_bench.comparison.tables import latex_tables, markdown_tables
from synthetic import moving_clip

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path):
    """Two clips of four frames, 48 x 64."""
    for seed, name in enumerate(("one", "two")):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for i, frame in enumerate(moving_clip(4, 48, 64, seed=seed)):
            pixels = (255 * frame.permute(1, 2, 0)).round().byte().numpy()
            write_picture(folder / f"{i:03d}.png", pixels)
    return tmp_path / "data"


def benchmark(data, *options):
    return main(["compare", str(data), "-o", str(data.parent / "out"), *options])


BOTH = ("--methods", "noisy,prior", "--sigma", "10", "30")


def test_a_comparison_writes_figures_tables_and_pictures(data, capsys):
    assert benchmark(data, *BOTH) == 0
    shown = capsys.readouterr().out
    out = data.parent / "out"
    content = json.loads((out / "benchmark.json").read_text())
    assert len(content["cases"]) == 2 * 2 * 2
    case = json.loads((out / "cases" / "one" / "s30" / "prior.json").read_text())
    assert len(case["figures"]["each"]["psnr"]) == 4
    means = {(e["method"], e["sigma"]): e["psnr"] for e in content["summary"]}
    assert means["prior", 30.0] > means["noisy", 30.0] + 5
    assert means["noisy", 10.0] == pytest.approx(28.13, abs=0.3)
    tables = (out / "tables.md").read_text()
    assert tables.strip() in shown
    assert f"{means['prior', 30.0]:.2f}" in tables
    assert r"\toprule" in (out / "tables.tex").read_text()
    assert (out / "figures" / "two-s30.png").stat().st_size > 1000


def test_grey_clips_are_compared_as_such(tmp_path, capsys):
    clip = moving_clip(5, 64, 96).mean(1)
    np.save(tmp_path / "cells.npy", clip[..., None].numpy())
    methods = ("noisy", "prior", "video-noise2noise", "f2r-fast")
    options = ("--methods", ",".join(methods), "--sigma", "30", "--budget", "2s")
    assert benchmark(tmp_path / "cells.npy", *options) == 0
    content = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    noisy, *others, ours = (e["psnr"] for e in content["summary"])
    assert noisy == pytest.approx(18.59, abs=0.5)
    assert all(noisy + 5 < other < ours for other in others)
    assert (tmp_path / "out" / "figures" / "cells-s30.png").exists()
    assert benchmark(tmp_path / "cells.npy", "--methods", "prior,udvd-slim", "--sigma", "30") == 2
    assert "is grey, which udvd-slim cannot take" in capsys.readouterr().err


def test_every_method_sees_the_samples_that_simulate_draws(data, tmp_path):
    benchmark(data, *BOTH, "--seed", "7")
    cases = data.parent / "out" / "cases" / "one"
    hashes = {
        json.loads((cases / "s30" / f"{name}.json").read_text())["identity"]["noisy_sha256"]
        for name in ("noisy", "prior")
    }
    assert len(hashes) == 1
    simulate_file(data / "one", tmp_path / "noisy.npy", Gaussian(30 / 255), 7)
    clean = np.stack(_read(data / "one"))
    drawn = draw_noisy(torch.from_numpy(clean).permute(0, 3, 1, 2), Gaussian(30 / 255), 7)
    stored = np.load(tmp_path / "noisy.npy")
    assert np.array_equal(drawn.permute(0, 2, 3, 1).numpy(), stored)


def _read(folder):
    from f2r.io import open_reader

    with open_reader(folder) as reader:
        return list(reader)


def test_finished_cases_are_taken_as_they_are_and_changed_ones_made_anew(data):
    benchmark(data, *BOTH)
    cases = data.parent / "out" / "cases"
    kept, lost = cases / "one" / "s10" / "prior.json", cases / "two" / "s30" / "noisy.json"
    broken = cases / "two" / "s10" / "noisy.json"
    before = kept.stat().st_mtime_ns
    lost.unlink()
    broken.write_text("{")
    benchmark(data, *BOTH)
    assert kept.stat().st_mtime_ns == before
    assert lost.exists()
    assert json.loads(broken.read_text())["identity"]["clip"] == "two"
    benchmark(data, *BOTH, "--seed", "1")
    assert kept.stat().st_mtime_ns != before


def test_a_subset_can_be_chosen(data):
    assert benchmark(data, "--methods", "noisy", "--sigma", "20", "--clips", "two") == 0
    content = json.loads((data.parent / "out" / "benchmark.json").read_text())
    assert content["clips"] == ["two"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--methods", "magic"], "method 'magic' is unknown"),
        (["--methods", "nafnet"], "--weights nafnet=FILE"),
        (["--weights", "nafnet"], "give NAME=FILE"),
        (["--sigma", "0", "--methods", "noisy"], "noise levels must lie in"),
        (["--frames", "0"], "--frames must be at least 1"),
        (["--budget", "soon"], "is no time"),
        (["--clips", "three"], "no clip 'three'"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(data, capsys, options, said):
    assert benchmark(data, *options) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert error.splitlines()[-1].startswith("f2r: ")


def spoil(data, how):
    if how == "is missing":
        (data / "one" / "001.png").unlink()
    elif how == "must have one size":
        write_picture(data / "one" / "004.png", np.zeros((32, 32, 3), np.uint8))
    else:
        for file in data.rglob("*.png"):
            file.unlink()


@pytest.mark.parametrize("how", ["is missing", "must have one size", "holds no clips"])
def test_broken_data_are_one_line_and_exit_code_2(data, capsys, how):
    spoil(data, how)
    assert benchmark(data, "--methods", "noisy") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("f2r: ")]
    assert len(errors) == 1
    assert how in errors[0]


def test_a_checkpoint_that_does_not_fit_is_one_line_and_exit_code_2(data, capsys):
    torch.save({"intro.weight": torch.zeros(8, 3, 3, 3)}, data.parent / "naf.pth")
    weights = f"nafnet={data.parent / 'naf.pth'}"
    assert benchmark(data, "--methods", "nafnet", "--weights", weights) == 2
    assert "does not fit nafnet" in capsys.readouterr().err


def case(method, clip, psnr, memory=100.0):
    figures = {"psnr": psnr, "ssim": 0.9, "warping_error": 1e-3, "flicker": None}
    return {
        "identity": {"method": method, "clip": clip, "sigma": 30.0},
        "learning": "supervised",
        "figures": {"mean": figures | {"warping_error_of_clean": 5e-4}},
        "seconds": {"per_frame": 1.0, "training": 0.0, "total": 4.0},
        "steps": 0,
        "peak_memory_mib": memory,
    }


def content():
    cases = [case("a_b", "x", 30.0), case("a_b", "y", 34.0, 300.0), case("c", "x", 31.0)]
    return {
        "dataset": "toy",
        "clips": ["x", "y"],
        "conditions": {"frames": 3, "seed": 1, "budget": 60.0, "device": "cpu", "threads": 2},
        "environment": {"libraries": {"torch": "2"}, "f2r": "0"},
        "cost": {m: {"parameters": 2_000_000, "macs_per_pixel": 5e4} for m in ("a_b", "c")},
        "summary": summarise(cases),
    }


def test_clips_count_alike_and_the_best_is_bold():
    summary = content()["summary"]
    assert summary[0]["psnr"] == pytest.approx(32.0)
    assert summary[0]["peak_memory_mib"] == 300.0
    assert summary[0]["flicker"] is None
    tables = markdown_tables(content())
    assert "| a_b † | **32.00 / 0.9000** |" in tables
    assert "| c † | 31.00 / 0.9000 |" in tables
    assert "| 2.00 | 50 |" in tables


def test_a_method_that_was_stopped_too_early_is_a_footnote(data):
    options = ("--methods", "noisy,udvd-slim", "--sigma", "30", "--budget", "1s", "--frames", "2")
    assert benchmark(data, *options, "--clips", "one") == 0
    out = data.parent / "out"
    found = json.loads((out / "benchmark.json").read_text())
    assert [entry["method"] for entry in found["summary"]] == ["noisy"]
    assert found["left_out"][0]["steps"] < found["left_out"][0]["needed"]
    assert len(found["cases"]) == 2
    tables = (out / "tables.md").read_text()
    assert "| udvd-slim" not in tables
    assert "Left out: udvd-slim, stopped after" in tables


def test_what_was_trained_elsewhere_needs_no_steps():
    cases = [case("a", "x", 30.0) | {"steps": 0}, case("b", "x", 30.0) | {"steps": 99}]
    assert too_short(cases, {"a": 0, "b": 99}) == []
    assert too_short(cases, {"a": 1, "b": 100}) == [LeftOut("a", 0, 1), LeftOut("b", 99, 100)]


def test_a_published_figure_stands_beside_what_is_left_out():
    left_out = [{"method": "udvd", "steps": 8, "needed": 2000}]
    for tables in (markdown_tables, latex_tables):
        written = tables(content() | {"left_out": left_out})
        assert "stopped after 8 steps" in written
        assert "32.01 at sigma 30" in written


def test_latex_is_escaped():
    tables = latex_tables(content())
    assert r"a\_b" in tables
    assert r"\textbf{32.00 / 0.9000}" in tables
    assert tables.count(r"\begin{table}") == 3
