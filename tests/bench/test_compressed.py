"""The grid of noise and codecs on a clip small enough for a test."""

import json

import numpy as np
import pytest

from f2r.io import open_reader
from f2r_bench.cli.main import main
from f2r_bench.clips.noise import to_bytes
from f2r_bench.compressed.codecs import ENCODINGS, encode_file
from f2r_bench.compressed.filters import filter_file, has_filter
from f2r_bench.compressed.table import grid_table, summary_lines
from synthetic import moving_clip


@pytest.fixture
def data(tmp_path):
    """A clip of five frames, 52 x 70."""
    folder = tmp_path / "clips"
    folder.mkdir()
    np.save(folder / "moving.npy", moving_clip(5, 52, 70).permute(0, 2, 3, 1).numpy())
    return folder


def grid(data, *options):
    common = ("--sigmas", "15", "--crop", "64x48", "--frames", "4", "-o", str(data.parent / "out"))
    return main(["compressed", str(data), *common, *options])


def results(data):
    return json.loads((data.parent / "out" / "compressed.json").read_text())


@pytest.mark.slow
def test_a_grid_is_measured_once_and_goes_on(data, capsys):
    options = ("--codecs", "x264-23", "mjpeg-5", "--told", "15")
    assert grid(data, *options) == 0
    shown = capsys.readouterr().out
    found = results(data)
    assert [case["identity"]["codec"] for case in found["cases"]] == ["x264-23", "mjpeg-5"]
    for case in found["cases"]:
        assert case["input"]["psnr"] < max(case["told"].values())
        assert case["filters"]["nlmeans"]
    table = (data.parent / "out" / "compressed.md").read_text()
    assert table.strip() in shown
    assert "auto - best told level: mean" in table
    assert "auto - best filter: mean" in table
    assert "commit" in found
    seconds = [case["auto"]["seconds"] for case in found["cases"]]
    assert grid(data, *options) == 0
    assert [case["auto"]["seconds"] for case in results(data)["cases"]] == seconds


@pytest.mark.slow
def test_a_part_can_be_measured_again_and_other_cases_stay(data):
    options = ("--told", "15", "--no-filters")
    assert grid(data, "--codecs", "x264-23", *options) == 0
    found = results(data)
    before = found["cases"][0]
    measured = before["auto"]["psnr"]
    before["auto"]["psnr"] = 0.0
    (data.parent / "out" / "compressed.json").write_text(json.dumps(found))
    assert grid(data, "--codecs", "mjpeg-5", *options) == 0
    kept = {case["identity"]["codec"]: case["auto"]["psnr"] for case in results(data)["cases"]}
    assert kept["x264-23"] == 0
    assert kept["mjpeg-5"] > 0
    assert grid(data, "--codecs", "x264-23", *options, "--again", "auto") == 0
    after = next(c for c in results(data)["cases"] if c["identity"] == before["identity"])
    assert after["told"] == before["told"]
    assert after["auto"]["psnr"] == measured


def test_more_levels_are_added_to_those_that_are_known(data, monkeypatch):
    given = []

    def fake(_, sigma, *__):
        given.append(sigma)
        return {"psnr": 30.0 + (sigma or 0) / 100, "noise": [], "estimated_psnr": None}

    monkeypatch.setattr("f2r_bench.compressed.case._run_f2r", fake)
    for levels in (("10", "15"), ("15", "20")):
        assert grid(data, "--codecs", "x264-23", "--no-filters", "--told", *levels) == 0
    assert given == [None, 10, 15, 20]
    assert "30.20 (20)" in (data.parent / "out" / "compressed.md").read_text()


@pytest.mark.parametrize("name", ENCODINGS)
def test_what_is_encoded_is_near_and_a_filter_that_does_nothing_keeps_it(tmp_path, name):
    grey = moving_clip(4, 48, 64).mean(1, keepdim=True)
    frames = to_bytes(grey.expand(-1, 3, -1, -1))
    coded, kept = tmp_path / f"coded{ENCODINGS[name].suffix}", tmp_path / "kept.mkv"
    encode_file(coded, frames, ENCODINGS[name])
    filter_file(coded, kept, "null", "")
    with open_reader(coded) as first, open_reader(kept) as second:
        one, two = np.stack(list(first)), np.stack(list(second))
    assert one.shape == frames.shape
    assert np.abs(255 * one - frames).mean() < 5
    assert np.array_equal(one, two)


def test_a_filter_that_does_not_exist_is_known_to_be_missing():
    assert has_filter("nlmeans")
    assert not has_filter("wishful")


def case(sigma, auto, told, filtered, estimated):
    return {
        "identity": {"clip": "c", "sigma": sigma, "codec": "x264-23", "preset": "fast"},
        "input": {"psnr": 30.0},
        "auto": {"psnr": auto, "noise": ["Gaussian"], "estimated_psnr": estimated},
        "told": {"10": told, "20": told - 2},
        "filters": {"nlmeans": {"s=1": filtered, "s=2": filtered - 1}, "hqdn3d": None},
        "balanced": {"psnr": auto + 0.1},
    }


def test_the_summary_says_mean_and_worst():
    cases = [case(10, 33.0, 33.5, 32.0, 33.2), case(0, 30.1, 30.2, 30.3, None)]
    told, filters, clean, balanced, estimates = summary_lines(cases)
    assert "mean -0.30 dB, worst -0.50 dB (c, sigma 10, x264-23), 2 cases" in told
    assert "mean +0.40 dB, worst -0.20 dB (c, sigma 0" in filters
    assert "mean +0.10 dB" in clean
    assert "worst +0.10 dB" in balanced
    assert "given in 50% of 2 cases, within 1 dB of the truth in 100% of those" in estimates
    table = grid_table(cases, balanced=True)
    assert "33.50 (10)" in table
    assert "not in this PyAV" in table


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--crop", "large"], "'large' is no size"),
        (["--told", "0"], "--told: noise levels"),
        (["--codecs", "x265-23", "--crop", "32x32"], "needs frames of at least 64x48"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(data, capsys, options, said):
    assert grid(data, *options) == 2
    assert said in capsys.readouterr().err
