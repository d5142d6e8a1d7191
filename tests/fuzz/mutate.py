"""Seeded damage to the bytes of a small real file."""

import random
import re

NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\1\0")
WORDS = (b"-1", b"0", b"99999999999999999999", b"1e999", b"NaN", b"null", b"[]", b"{}", b'""')


def flip(data, dice):
    for _ in range(dice.choice((1, 1, 2, 8, 40))):
        place = _place(data, dice)
        data[place] ^= 1 << dice.randrange(8)


def zero(data, dice):
    place = _place(data, dice)
    size = dice.choice((1, 4, 16, 200, 2000))
    data[place : place + size] = bytes(min(size, len(data) - place))


def cut(data, dice):
    del data[_place(data, dice) :]


def drop(data, dice):
    place = _place(data, dice)
    del data[place : place + dice.choice((1, 2, 7, 64, 900))]


def repeat(data, dice):
    place = _place(data, dice)
    part = data[place : place + dice.choice((1, 4, 40, 900))]
    data[place:place] = part * dice.choice((1, 2, 30))


def number(data, dice):
    place = _place(data, dice)
    chosen = dice.choice(NUMBERS)[: dice.choice((2, 4))]
    data[place : place + len(chosen)] = chosen


def noise(data, dice):
    place = _place(data, dice)
    size = min(dice.choice((3, 30, 300)), len(data) - place)
    data[place : place + size] = dice.randbytes(size)


def word(data, dice):
    """Put another value where a text has a number, as in headers and JSON."""
    found = list(re.finditer(rb"[0-9]+", bytes(data[:4096])))
    if found:
        match = dice.choice(found)
        data[match.start() : match.end()] = dice.choice(WORDS)


WAYS = (flip, flip, zero, cut, drop, repeat, number, number, noise, word)


def mutate(data: bytes, dice: random.Random) -> bytes:
    """Return the bytes with one to three kinds of damage, more often near their start."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 3))):
        if changed:
            dice.choice(WAYS)(changed, dice)
    return bytes(changed)


def _place(data, dice):
    reach = dice.choice((64, 512, len(data), len(data)))
    return dice.randrange(max(1, min(reach, len(data))))
