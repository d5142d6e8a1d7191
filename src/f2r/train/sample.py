"""Which frames of a long clip to train on, within bounded memory."""

from collections.abc import Iterable, Sequence

from f2r.io.clip import ClipInfo, Frame

BYTES_PER_PIXEL = 2 * 12 + 12 + 4 * 3 * 2 + 4 * 6 * 2 + 12
"""Prepared frame: noisy, denoised and level in float32, four float16 flows and warped
neighbours, an anchor."""

RUN = 9
"""Consecutive frames of one sampled stretch; enough for full windows in its middle."""


def choose_stretches(frames: int, limit: int) -> list[range]:
    """Choose which frames to train on.

    Args:
        frames: length of the clip; > 0.
        limit: the most frames that fit in memory; >= 1.

    Returns:
        Stretches of consecutive frames in order: the whole clip if it fits, otherwise evenly
        spread runs.
    """
    if frames <= limit:
        return [range(frames)]
    run = min(RUN, limit)
    count = max(limit // run, 1)
    gap = (frames - run) / max(count - 1, 1)
    starts = [round(i * gap) for i in range(count)]
    return [range(start, start + run) for start in starts]


def frames_within(info: ClipInfo, gib: float) -> int:
    """Say how many prepared frames of a clip fit into `gib` GiB; at least a window of five."""
    return max(int(gib * 2**30 / frame_bytes(info)), 5)


def frame_bytes(info: ClipInfo) -> int:
    """Say how many bytes a prepared frame of a clip takes."""
    planes = 1 if info.is_colour else info.channels
    return info.height * info.width * BYTES_PER_PIXEL * planes


def read_stretches(frames: Iterable[Frame], stretches: Sequence[range]) -> list[list[Frame]]:
    """Read the frames of each stretch in one pass over the clip, which stops at the last."""
    wanted = {i: k for k, stretch in enumerate(stretches) for i in stretch}
    last = max(wanted)
    taken: list[list[Frame]] = [[] for _ in stretches]
    for i, frame in enumerate(frames):
        if i in wanted:
            taken[wanted[i]].append(frame)
        if i >= last:
            break
    return [stretch for stretch in taken if stretch]
