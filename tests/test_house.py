"""The house keeps its rules: imports go one way, start-up is light, weights are small."""

import ast
import itertools
import os
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
from torch.nn.modules.module import register_module_forward_pre_hook

import f2r
from f2r.cli.main import main
from f2r.models.prior import ImagePrior
from f2r.models.refiner import SpatialRefiner
from f2r.models.temporal import TemporalEstimator

ROOT = Path(f2r.__file__).parent
PUBLIC = {"__init__", "__main__", "config", "errors"}


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [node.module] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            parts = (module or "").split(".")
            if parts[0] == "f2r" and len(parts) > 1:
                yield parts[1]


@pytest.fixture(scope="module")
def arrows():
    """Which rooms each room imports."""
    found = {}
    for path in ROOT.rglob("*.py"):
        room = room_of(path)
        found.setdefault(room, set()).update(set(imported_rooms(path)) - {room})
    return found


def reached(arrows, room):
    seen, waiting = set(), [room]
    while waiting:
        for other in arrows.get(waiting.pop(), set()) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def test_no_two_rooms_depend_on_each_other(arrows):
    for one, other in itertools.combinations(sorted(arrows), 2):
        both = other in reached(arrows, one) and one in reached(arrows, other)
        assert not both, f"{one} and {other} depend on each other"


def test_only_the_public_surface_lies_loose(arrows):
    assert {path.stem for path in ROOT.glob("*.py")} == PUBLIC
    assert len(set(arrows) - PUBLIC) <= 16


def test_the_core_does_not_know_the_comparison():
    for path in ROOT.rglob("*.py"):
        assert "f2r_bench" not in path.read_text(), path


def test_inference_does_not_know_the_command_line_and_the_library_never_prints():
    for path in ROOT.rglob("*.py"):
        if "cli" in path.relative_to(ROOT).parts:
            continue
        assert "cli" not in set(imported_rooms(path)) or path.name == "__main__.py", path
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls), path


def test_importing_f2r_or_asking_for_help_loads_nothing_heavy():
    code = (
        "import sys, f2r, f2r.cli.main; "
        "heavy = ('torch', 'cv2', 'av', 'tifffile', 'numpy', 'accelerate'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_api_loads_no_video_library_and_no_launcher_before_a_clip_needs_one():
    code = (
        "import sys, f2r.run.arrays, f2r.train.corpus.stages_training, f2r.cli.train; "
        "print([m for m in ('cv2', 'av', 'tifffile', 'accelerate') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_help_starts_in_half_a_second():
    spent = []
    for _ in range(2):  # the first call reads the disk
        start = os.times()
        subprocess.run([sys.executable, "-m", "f2r", "--help"], capture_output=True, check=True)
        end = os.times()
        spent.append(
            end.children_user + end.children_system - start.children_user - start.children_system
        )  # processor time: other programs do not count
    assert min(spent) < 0.5


def test_shipped_weights_are_small():
    total = sum(path.stat().st_size for path in (ROOT / "weights").rglob("*.safetensors"))
    assert 0 < total <= 30e6


def test_files_stay_one_room_each():
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path


WHOLE, TILED = 64, pytest.param(648, marks=pytest.mark.slow)


@pytest.mark.parametrize("width", [WHOLE, TILED])
def test_at_most_twelve_calls_from_the_command_to_a_network(tmp_path, width):
    networks, deepest = (ImagePrior, TemporalEstimator, SpatialRefiner), {}

    def measure(module, _):
        calls = [c for c in traceback.extract_stack() if Path(c.filename).is_relative_to(ROOT)]
        if isinstance(module, networks) and any(c.name == "denoise_frames" for c in calls):
            depth = len(calls) + 1  # the network's own `forward`
            deepest[type(module)] = max(deepest.get(type(module), 0), depth)

    noise = np.random.default_rng(0).normal(0.5, 0.1, (2, 32, width, 3))
    np.save(tmp_path / "clip.npy", noise.astype(np.float32))
    arguments = ["denoise", str(tmp_path / "clip.npy"), "--preset", "fast", "--sigma", "25"]
    with register_module_forward_pre_hook(measure):
        assert main([*arguments, "--memory", "0.1"] if width > 64 else arguments) == 0
    assert set(deepest) == set(networks)
    assert max(deepest.values()) <= 12, deepest
