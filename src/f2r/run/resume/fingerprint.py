"""Fingerprint of a clip on disk: cheap, and different for other content."""

import hashlib
from pathlib import Path

SAMPLED_BYTES = 2**16
"""Bytes of a sampled block."""

BLOCKS = 64
"""Blocks that are sampled of a large clip, spread over its files."""

READ_WHOLE = 2**26
"""Bytes of the largest clip that is read as a whole."""


def fingerprint_of(path: Path) -> str:
    """Give the SHA-256 of a clip's names, sizes, times and content; of a large one, of samples."""
    is_folder = path.is_dir()
    files = sorted(f for f in path.rglob("*") if f.is_file()) if is_folder else [path]
    digest = hashlib.sha256()
    for file in files:
        facts = file.stat()
        name = str(file.relative_to(path)) if is_folder else ""
        digest.update(repr((name, facts.st_size, facts.st_mtime_ns)).encode())
    is_small = sum(file.stat().st_size for file in files) <= READ_WHOLE
    chosen = files if is_small else files[:: max(len(files) // BLOCKS, 1)]
    for file in chosen:
        whole = -(-file.stat().st_size // SAMPLED_BYTES) + 1
        for block in _blocks(file, whole if is_small else max(BLOCKS // len(chosen), 2)):
            digest.update(block)
    return digest.hexdigest()


def _blocks(file: Path, count: int) -> list[bytes]:
    """Read up to `count` blocks, evenly spread, the first and the last included."""
    last = max(file.stat().st_size - SAMPLED_BYTES, 0)
    starts = sorted({last * k // max(count - 1, 1) for k in range(count)})
    with file.open("rb") as stream:
        blocks = []
        for start in starts:
            stream.seek(start)
            blocks.append(stream.read(SAMPLED_BYTES))
    return blocks
