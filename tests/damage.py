"""Ways in which a file is damaged."""

import os


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def flip(path, share=0.5):
    data = bytearray(path.read_bytes())
    data[int(share * (len(data) - 1))] ^= 4
    path.write_bytes(data)


def flip_first(path):
    flip(path, 0)


def flip_last(path):
    flip(path, 1)


def make_folder(path):
    path.unlink()
    path.mkdir()


def garble(path):
    path.write_bytes(b'{"made_by": ')


def edit(path):
    """Change a value, and nothing else."""
    data = path.read_bytes()
    digit = next(i for i in range(len(data) - 2, 0, -1) if chr(data[i]).isdecimal())
    path.write_bytes(data[:digit] + (b"7" if data[digit] != 55 else b"8") + data[digit + 1 :])


DAMAGES = [truncate, empty, flip, flip_first, flip_last, make_folder, garble, edit]
