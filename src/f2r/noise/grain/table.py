"""The text of a film grain table, as aomenc and SVT-AV1 read it.

Source: the format that libaom's `--film-grain-table` and SVT-AV1's `--fgs-table` share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from f2r.noise.grain.fit import Grain
from f2r.noise.grain.measure import LAG

TICKS = 10_000_000
"""Ticks of a second."""

END = 2**63 - 1
"""Time at which the last scene ends."""

SEED = 7391
"""Where the random numbers of a scene begin; encoders change it with every frame."""


@dataclass(frozen=True)
class Scene:
    """The grain of one scene."""

    start: int
    """When it begins, in ticks."""
    grain: Grain | None
    """None for a scene without grain."""


def grain_table(scenes: Sequence[Scene]) -> str:
    """Write the table of a clip: one entry per scene, each up to the start of the next."""
    ends = [scene.start for scene in scenes[1:]] + [END]
    entries = [_entry(scene, end) for scene, end in zip(scenes, ends, strict=True)]
    return "filmgrn1\n" + "".join(entries)


def _entry(scene: Scene, end: int) -> str:
    grain = scene.grain
    if grain is None:
        return f"E {scene.start} {end} 0 {SEED} 0\n"
    # Chroma is scaled by the level of the luma; blocks overlap so that their borders stay unseen.
    chroma = "128 192 256 128 192 256"
    lines = [
        f"E {scene.start} {end} 1 {SEED} 1",
        f"\tp {LAG} {grain.ar_shift} {grain.grain_shift} {grain.scaling_shift} 0 1 {chroma}",
    ]
    for name, points in zip(("sY", "sCb", "sCr"), grain.scaling, strict=True):
        listed = "".join(f" {x} {y}" for x, y in points)
        lines.append(f"\t{name} {len(points)}{listed}")
    for name, values in zip(("cY", "cCb", "cCr"), grain.coefficients, strict=True):
        lines.append(f"\t{name} " + " ".join(str(value) for value in values))
    return "\n".join(lines) + "\n"
