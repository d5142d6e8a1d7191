"""Draw the rooms of the package and the imports between them as `pictures/house.svg`.

Run it as a script, or let Sphinx do it at every build.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
WIDTH, BOX, ROW = 880, (104, 34), 92
"""Width of the picture, size of a room, and distance of the floors, in pixels."""

Graph = dict[str, set[str]]
"""Per room the rooms that it imports."""


def rooms() -> list[str]:
    """Name the rooms: the packages right below `f2r`, and the comparison."""
    found = (path.parent.name for path in (ROOT / "src" / "f2r").glob("*/__init__.py"))
    return [*sorted(found), "f2r_bench"]


def imports() -> Graph:
    """Find which rooms each room imports; `config` and `errors` belong to no room."""
    names = rooms()
    graph: Graph = {}
    for room in names:
        folder = ROOT / "src" / (room if room == "f2r_bench" else f"f2r/{room}")
        modules = (m for path in folder.rglob("*.py") for m in _modules(path))
        targets = {m.split(".")[1] for m in modules if m.startswith("f2r.")}
        graph[room] = (targets & set(names)) - {room}
    return graph


def _modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def floors(graph: Graph) -> dict[str, int]:
    """Give every room a floor above all rooms that it imports; a circle shares a floor."""
    reach = {room: _reached(graph, room) for room in graph}
    level: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in level:
            below = [r for r in reach[room] if room not in reach[r] and r != room]
            level[room] = 1 + max(map(floor, below), default=-1)
        return level[room]

    return {room: floor(room) for room in graph}


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        new = graph[todo.pop()] - seen
        seen |= new
        todo += new
    return seen


def drawn_arrows(graph: Graph) -> list[tuple[str, str]]:
    """Give the arrows that are drawn: those that do not follow from others."""
    reach = {room: _reached(graph, room) for room in graph}
    return [
        (room, target)
        for room, targets in sorted(graph.items())
        for target in sorted(targets)
        if not any(target in reach[via] for via in targets - {target} if room not in reach[via])
    ]


def draw(graph: Graph) -> str:
    """Draw the graph as SVG; upper rooms import lower ones."""
    level = floors(graph)
    top = max(level.values())
    place: dict[str, tuple[float, float]] = {}
    for floor in range(top + 1):
        row = sorted(room for room in graph if level[room] == floor)
        for k, room in enumerate(row):
            shift = 60 * (floor % 2) - 30  # so that no arrow runs through a room
            place[room] = (WIDTH * (k + 0.5) / len(row) + shift, ROW * (top - floor) + 30)
    parts = [_arrow(place[start], place[end]) for start, end in drawn_arrows(graph)]
    parts += [_room(room, *at) for room, at in place.items()]
    height = ROW * top + 60
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="14">\n'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#7a8794"/></marker></defs>'
        f'\n<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>\n' + "\n".join(parts)
    ) + "\n</svg>\n"


def _room(name: str, x: float, y: float) -> str:
    wide, high = BOX
    return (
        f'<rect x="{x - wide / 2:g}" y="{y - high / 2:g}" width="{wide}" height="{high}" rx="6" '
        f'fill="#eaf1f8" stroke="#26639f"/>'
        f'<text x="{x:g}" y="{y + 5:g}" text-anchor="middle" fill="#20262c">{name}</text>'
    )


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    half = BOX[1] / 2
    bow = (to_y - y) / 2
    if y == to_y:
        return (
            f'<path d="M{x:g} {y + half:g} C{x:g} {y + 50:g} {to_x:g} {y + 50:g} '
            f'{to_x:g} {to_y + half:g}" fill="none" stroke="#c0504d" marker-end="url(#head)"/>'
        )
    return (
        f'<path d="M{x:g} {y + half:g} C{x:g} {y + bow:g} {to_x:g} {to_y - bow:g} '
        f'{to_x:g} {to_y - half:g}" fill="none" stroke="#7a8794" marker-end="url(#head)"/>'
    )


def write() -> None:
    """Draw the house where the picture on disk no longer shows it."""
    picture = draw(imports())
    if not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != picture:
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(picture, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Register the extension."""
    app.connect("builder-inited", lambda _app: write())
    return {"parallel_read_safe": True}


if __name__ == "__main__":
    write()
