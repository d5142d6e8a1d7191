"""The benchmark that takes F2R apart runs with the parts as they are now."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from synthetic import moving_clip

SPEED = Path(__file__).parents[2] / "benchmarks" / "speed.py"


def test_every_stage_of_a_frame_is_timed(tmp_path):
    clip, out = tmp_path / "clean.npy", tmp_path / "speed.json"
    np.save(clip, moving_clip(6, 48, 64).permute(0, 2, 3, 1).numpy())
    options = [
        "--clip",
        clip,
        "--frames",
        "6",
        "--rounds",
        "1",
        "--train-seconds",
        "1",
        "--out",
        out,
    ]
    subprocess.run([sys.executable, SPEED, *options], check=True, timeout=240, capture_output=True)
    found = json.loads(out.read_text())
    assert {"prior", "flow", "stage 2"} <= found["f2r_stages_seconds_per_frame"].keys()
