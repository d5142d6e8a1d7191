"""The luma of AV1's film grain synthesis, from the specification (7.18.3), for tests."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Entry:
    start: int
    end: int
    applies: bool
    numbers: dict


def read_table(text):
    """Read a film grain table."""
    lines = text.splitlines()
    assert lines[0] == "filmgrn1"
    entries = []
    for line in lines[1:]:
        name, *values = line.split()
        numbers = [int(value) for value in values]
        if name == "E":
            entries.append(Entry(*numbers[:2], bool(numbers[2]), {}))
            assert numbers[4] == numbers[2]
        else:
            assert line.startswith("\t")
            entries[-1].numbers[name] = numbers
    return entries


def template(entry, generator):
    """Make the 73 x 82 template of 8-bit luma grain."""
    lag, ar_shift, grain_shift = entry.numbers["p"][:3]
    coefficients = entry.numbers["cY"]
    assert lag == 3
    assert len(coefficients) == 24
    white = np.clip(np.rint(512 * generator.standard_normal((73, 82))), -2048, 2047)
    grain = np.floor(white / 2 ** (4 + grain_shift) + 0.5)
    offsets = [(y, x) for y in range(-3, 1) for x in range(-3, 4) if (y, x) < (0, 0)]
    weighted = list(zip(coefficients, offsets, strict=True))
    for y in range(3, 73):
        for x in range(3, 79):
            total = sum(c * grain[y + v, x + u] for c, (v, u) in weighted if c)
            grain[y, x] = np.clip(grain[y, x] + np.floor(total / 2**ar_shift + 0.5), -128, 127)
    return grain[9:, 9:]


def play(entry, luma, generator):
    """Add grain to an (H, W) luma of 8 bits, blocks of 32 without overlap."""
    points = entry.numbers["sY"][1:]
    scaling = np.interp(luma, points[::2], points[1::2])
    grain = template(entry, generator)
    noise = np.zeros(luma.shape)
    for top in range(0, luma.shape[0], 32):
        for left in range(0, luma.shape[1], 32):
            y, x = generator.integers(0, 32, 2)
            block = noise[top : top + 32, left : left + 32]
            block[...] = grain[y : y + block.shape[0], x : x + block.shape[1]]
    return np.floor(scaling * noise / 2 ** entry.numbers["p"][3] + 0.5)
