"""Join the parts of a clip: one encoder, one muxer, as in a run that was never divided."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import zip_longest

from f2r.errors import InputError
from f2r.io.clip import FrameWriter, Samples
from f2r.io.overlap import WriteBehind, read_ahead
from f2r.run.job import Job
from f2r.run.parts.part import Part, parts_of
from f2r.run.parts.store import PartStore
from f2r.run.result import Mark

NAMED = 20
"""Parts that are named in an error, at most."""


def whole_parts(store: PartStore) -> list[Part]:
    """List the parts of the clip, after a complete check of each.

    Raises:
        InputError: parts are missing or damaged; the text names them.
    """
    counts = store.counts()
    if not counts:
        raise InputError(f"{store.folder.parent}: holds no parts: make them by --part 1/16 and on")
    lacks = []
    for count in counts:
        states = {part: store.state_of(part) for part in parts_of(count)}
        if not any(states.values()):
            return list(states)
        lacks.append(_describe_lack(states))
    raise InputError(f"{store.folder.parent}: {'; '.join(lacks)}: make them by --part")


def _describe_lack(states: dict[Part, str | None]) -> str:
    """Name the parts that are not whole: 'part 2/7 is missing, parts 3/7, 5/7 are damaged'."""
    said = []
    for state in ("missing", "damaged"):
        parts = [str(part) for part, found in states.items() if found == state]
        more = f" and {len(parts) - NAMED} more" if len(parts) > NAMED else ""
        is_one = len(parts) == 1
        name = f"{'part' if is_one else 'parts'} {', '.join(parts[:NAMED])}{more}"
        said += [f"{name} {'is' if is_one else 'are'} {state}"] if parts else []
    return ", ".join(said)


def write_parts(
    job: Job, writer: FrameWriter, store: PartStore, parts: Sequence[Part]
) -> list[Mark]:
    """Write the frames of all parts; give their marks.

    The input is decoded as well, for timestamps and positions of NaN.

    Raises:
        InputError: the input has other frames than the parts.
    """
    marks: list[Mark] = []
    total = sum(store.read(part).frames for part in parts)
    stage, reading = job.clock.stage("join"), closing(read_ahead(job.reader))
    with stage, reading as frames, WriteBehind() as behind:
        for frame, found in zip_longest(frames, _finished(store, parts)):
            if frame is None or found is None:
                raise InputError(
                    f"{job.source}: does not have the {total} frames of its parts, it does not "
                    "follow its own index: denoise it without --part"
                )
            samples, mark = found
            behind.submit(partial(writer.put, samples))
            marks.append(mark)
            job.clock.tell("join", len(marks) / total)
    return marks


def _finished(store: PartStore, parts: Sequence[Part]) -> Iterator[tuple[Samples, Mark]]:
    for part in parts:
        with store.opened(part) as spool:
            for index, mark in enumerate(spool.marks):
                yield spool.read(index), mark


def describe_workers(store: PartStore, parts: Sequence[Part]) -> Iterator[str]:
    """Warn where parts were made on machines whose results may differ in the last bits."""
    kinds = Counter(store.read(part).made_on for part in parts)
    if len(kinds) > 1:
        named = "; ".join(f"{count} on {kind}" for kind, count in kinds.items())
        yield f"warning: parts come from different kinds of machine ({named}): last bits may differ"
