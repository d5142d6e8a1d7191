"""The house keeps its rules: imports go one way, start-up is light, weights are small."""

import ast
import subprocess
import sys
from pathlib import Path

import f2r

ROOT = Path(f2r.__file__).parent
LOWER = {"models", "flow", "noise", "io"}
UPPER = {"train", "infer", "cli", "denoiser", "run", "api", "inspect", "benchmark"}


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [node.module] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            parts = (module or "").split(".")
            if parts[0] == "f2r" and len(parts) > 1:
                yield parts[1]


def test_lower_rooms_never_import_upper_ones():
    for room in LOWER:
        for path in (ROOT / room).glob("*.py"):
            assert not UPPER & set(imported_rooms(path)), path


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
        "print([m for m in ('torch', 'cv2', 'av', 'tifffile', 'numpy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_shipped_weights_are_small():
    total = sum(path.stat().st_size for path in (ROOT / "weights").glob("*.safetensors"))
    assert 0 < total <= 12e6


def test_files_stay_one_room_each():
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path
