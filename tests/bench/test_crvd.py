"""The raw comparison through the real command line, on files of exactly CRVD's layout."""

import json
import sys
from pathlib import Path

import pytest

from f2r.errors import InputError
from f2r.io.raw.crvd import ISOS, TEST_SCENES
from f2r_bench.cli.main import main
from f2r_bench.raw.comparison import CrvdPlan, run_crvd

sys.path.insert(0, str(Path(__file__).parents[1] / "raw"))
from test_raw_crvd import write_scene

pytestmark = pytest.mark.slow


def test_a_table_over_scenes_and_isos(tmp_path):
    for iso in (1600, 25600):
        write_scene(tmp_path, 7, iso, frames=2)
    plan = CrvdPlan(tmp_path, ("noisy", "prior"), 1.0, scenes=(7,), isos=(1600, 25600))
    table = run_crvd(plan, tmp_path / "out")
    assert [line.split(" | ")[0] for line in table.splitlines()[2:4]] == ["| noisy", "| prior"]
    figures = json.loads((tmp_path / "out" / "crvd.json").read_text())["methods"]
    noisy, prior = (figures[name]["iso"] for name in ("noisy", "prior"))
    assert noisy["1600"] == noisy["25600"]  # the same shots lie in both folders
    # The more noise the prior is told of, the more it smooths.
    assert noisy["1600"]["raw_psnr"] > prior["1600"]["raw_psnr"] > prior["25600"]["raw_psnr"] > 20


def test_every_scene_is_asked_for(tmp_path, capsys):
    for iso in ISOS:
        write_scene(tmp_path, TEST_SCENES[0], iso, frames=2)
    assert main(["crvd", str(tmp_path), "-o", str(tmp_path / "o")]) == 2
    assert "scene8" in capsys.readouterr().err


def test_a_method_for_colour_clips_is_refused(tmp_path):
    with pytest.raises(InputError, match="udvd: takes no raw clips"):
        run_crvd(CrvdPlan(tmp_path, ("udvd",), 1.0), tmp_path / "out")
