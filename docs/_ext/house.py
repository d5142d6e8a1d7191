"""Draw the rooms of the package and the imports between them as `pictures/house.svg`.

Run it as a script, or let Sphinx do it at every build.
"""

import ast
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "pictures" / "house.svg"
WIDTH, BOX, ROW, SLOTS = 880, (104, 34), 92, 5
"""Width of the picture, size of a room, distance of the floors, in pixels; rooms side by side."""

Point = tuple[float, float]
"""Column and row in the picture, pixels."""

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


def places(graph: Graph) -> dict[str, Point]:
    """Place the rooms so that arrows are short and run through no room.

    The rooms of a floor are spread over all slots in every order; floor by floor the best is kept.
    """
    level = floors(graph)
    top = max(level.values())
    rows = [sorted(room for room in graph if level[room] == floor) for floor in range(top + 1)]
    slots = [WIDTH * (k + 0.5) / SLOTS for k in range(SLOTS)]
    arrows = drawn_arrows(graph)
    place: dict[str, Point] = {}

    def put(floor: int, at: Sequence[float]) -> dict[str, Point]:
        height = ROW * (top - floor) + 30
        return place | {room: (x, height) for room, x in zip(rows[floor], at, strict=True)}

    for floor, row in enumerate(rows):
        place = put(floor, slots[: len(row)])
    for floor in [*range(top + 1), *reversed(range(top + 1))] * 3:
        ways = itertools.permutations(slots, len(rows[floor]))
        place = put(floor, min(ways, key=lambda at: _cost(put(floor, at), arrows)))
    return place


def _cost(place: dict[str, Point], arrows: list[tuple[str, str]]) -> float:
    """Sum the lengths of the arrows, with a fine for every room that one runs through."""
    total = 0.0
    for start, end in arrows:
        (x, _), (to_x, _) = place[start], place[end]
        others = [at for room, at in place.items() if room not in {start, end}]
        points = [_on_arrow(place[start], place[end], k / 24) for k in range(1, 24)]
        hit = sum(any(_inside(point, at) for point in points) for at in others)
        total += abs(x - to_x) / WIDTH + 4 * hit
    return total


def _inside(point: Point, room: Point) -> bool:
    return abs(point[0] - room[0]) < BOX[0] / 2 + 6 and abs(point[1] - room[1]) < BOX[1] / 2 + 2


def _on_arrow(start: Point, end: Point, t: float) -> Point:
    """Give a point of the curve from a room to one below it."""
    half = BOX[1] / 2
    low, high = start[1] + half, end[1] - half
    ends, middle = (1 - t) ** 2, t**2
    x = start[0] * ends * (1 + 2 * t) + end[0] * middle * (3 - 2 * t)
    bow = (end[1] - start[1]) / 2
    turns = (low, start[1] + bow, end[1] - bow, high)
    weights = ((1 - t) ** 3, 3 * t * ends, 3 * middle * (1 - t), t**3)
    return x, sum(w * y for w, y in zip(weights, turns, strict=True))


def draw(graph: Graph) -> str:
    """Draw the graph as SVG; upper rooms import lower ones."""
    place = places(graph)
    parts = [_arrow(place[start], place[end]) for start, end in drawn_arrows(graph)]
    parts += [_room(room, *at) for room, at in place.items()]
    height = max(y for _, y in place.values()) + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" font-family="sans-serif" font-size="14">\n'
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#7a8794"/></marker></defs>'
        f'\n<rect width="{WIDTH}" height="{height:g}" fill="#ffffff"/>\n' + "\n".join(parts)
    ) + "\n</svg>\n"


def _room(name: str, x: float, y: float) -> str:
    wide, high = BOX
    return (
        f'<rect x="{x - wide / 2:g}" y="{y - high / 2:g}" width="{wide}" height="{high}" rx="6" '
        f'fill="#eaf1f8" stroke="#26639f"/>'
        f'<text x="{x:g}" y="{y + 5:g}" text-anchor="middle" fill="#20262c">{name}</text>'
    )


def _arrow(start: Point, end: Point) -> str:
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
