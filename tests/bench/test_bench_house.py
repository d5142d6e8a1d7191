"""The rules of the house `f2r_bench`."""

import ast
import subprocess
import sys
from pathlib import Path

import f2r
import f2r_bench

ROOT = Path(f2r_bench.__file__).parent
INSIDE = {"method", "quality", "run", "train"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name.split(".") for name in names)


def room_of(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def test_one_file_alone_knows_the_inside_of_f2r():
    for path in ROOT.rglob("*.py"):
        inside = [m for m in imported(path) if m[0] == "f2r" and m[1:2] and m[1] in INSIDE]
        assert not inside or path.name == "core.py", (path, inside)


def test_the_core_knows_nothing_of_it():
    for path in Path(f2r.__file__).parent.rglob("*.py"):
        assert all(module[0] != "f2r_bench" for module in imported(path)), path


def test_rooms_do_not_import_each_other_in_a_circle():
    arrows = {}
    for path in ROOT.rglob("*.py"):
        here = arrows.setdefault(room_of(path), set())
        here |= {m[1] for m in imported(path) if m[0] == "f2r_bench" and len(m) > 1}
        here.discard(room_of(path))

    def reachable(room, seen):
        for other in arrows.get(room, set()) - seen:
            seen |= reachable(other, seen | {other})
        return seen

    for room in arrows:
        assert room not in reachable(room, set()), room


def test_files_are_short_and_few_lie_loose():
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path
    assert len(list(ROOT.glob("*.py"))) <= 6


def test_asking_for_help_loads_nothing_heavy():
    code = (
        "import sys, f2r_bench.cli.main; "
        "heavy = ('torch', 'cv2', 'av', 'tifffile', 'numpy'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
