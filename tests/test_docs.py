"""The documentation agrees with the code: rooms, functions, sections, links, options."""

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "demo" / "README.md"])
CODE = sorted((ROOT / "src").rglob("*.py"))

sys.path.insert(0, str(DOCS / "_ext"))

import generated  # noqa: E402
import house  # noqa: E402


def name_of(page):
    return str(page.relative_to(ROOT))


def test_the_design_page_lists_exactly_the_rooms_that_exist():
    text = (DOCS / "design.md").read_text(encoding="utf-8").split("## Rooms")[1].split("![")[0]
    listed = re.findall(r"^\| `([a-z0-9_]+)/?` \|", text, re.MULTILINE)
    assert sorted(listed) == sorted(house.rooms())


def test_the_picture_of_the_house_shows_exactly_the_rooms_that_exist():
    picture = (DOCS / "pictures" / "house.svg").read_text(encoding="utf-8")
    assert sorted(re.findall(r">([a-z0-9_]+)</text>", picture)) == sorted(house.rooms())


def test_imported_rooms_stand_below():
    graph = {"cli": {"run"}, "run": {"io"}, "io": set(), "a": {"b", "io"}, "b": {"a"}}
    level = house.floors(graph)
    assert level == {"cli": 2, "run": 1, "io": 0, "a": 1, "b": 1}
    assert ("cli", "run") in house.drawn_arrows(graph)


def test_an_arrow_past_a_floor_runs_beside_its_rooms():
    graph = {"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": set()}
    place = house.places(graph)
    points = [house._on_arrow(place["a"], place["d"], k / 20) for k in range(21)]
    assert not any(house._inside(point, place["b"]) for point in points)


def test_functions_named_on_the_method_page_exist():
    named = re.findall(r"`(f2r\.[a-z0-9_.]+\.\w+)`", (DOCS / "method.md").read_text("utf-8"))
    assert len(named) > 15
    for path in named:
        module, _, name = path.rpartition(".")
        found = importlib.import_module(module)
        assert hasattr(found, name) or importlib.util.find_spec(path), path


def test_sections_that_the_code_cites_exist():
    cited = []
    for file in CODE:
        text = re.sub(r"\s+", " ", file.read_text(encoding="utf-8"))
        cited += re.findall(r'(docs/[\w/-]+\.md)(?:, "([^"]+)")?', text)
    assert cited
    for page, section in cited:
        headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        assert not section or section in headings, (page, section)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_nothing_that_readers_do_not_have(page):
    text = page.read_text(encoding="utf-8")
    assert "../shared" not in text
    assert "METHOD.md" not in text


def test_every_picture_is_used():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (DOCS / "pictures").glob("[a-z]*"):
        assert f"pictures/{picture.name})" in text, picture.name


@cache
def options():
    """Give the options of every command."""
    pages = generated.f2r_commands() + generated.bench_commands()
    sections = re.split(r"^## ", pages, flags=re.MULTILINE)[1:]
    return {s.split("\n")[0]: set(re.findall(r"`(--?[a-z][a-z0-9-]*)`", s)) for s in sections}


def test_the_reference_describes_every_command_and_option():
    found = options()
    assert {"f2r denoise", "f2r train clips", "f2r-bench compare"} <= set(found)
    assert {"-o", "--output", "--sigma", "--preset", "--pattern"} <= found["f2r denoise"]
    rows = generated.f2r_commands().splitlines()
    empty = [row for row in rows if row.startswith("| `") and row.endswith("|  |")]
    assert empty == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_on_a_page_use_options_that_exist(page):
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            check_command(line.partition("#")[0])


def check_command(line):
    found = re.search(r"(?:^|[|;] |do |-m )(f2r(?:-bench)? (?:train )?[a-z-]+)\b(.*)", line)
    if not found:
        return
    assert found[1] in options(), line
    used = set(re.findall(r"(?<=\s)--?[a-z][a-z0-9-]*", found[2].partition(" | ")[0]))
    assert used <= options()[found[1]] | {"--help"}, line
