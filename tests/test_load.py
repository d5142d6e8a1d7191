"""Many calls, long clips and several threads: memory stays flat, results stay the same."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import f2r

CALLS = 40
WARM = 5
GROWTH = 24 * 2**20


def resident():
    """Give the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def noisy(seed, shape=(8, 64, 64), blur=False):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 0.08, shape)
    if blur:
        noise = (noise + np.roll(noise, 1, -1)) / 2**0.5
    columns = np.arange(shape[2]) / 5
    return (0.5 + 0.2 * np.sin(columns) + noise).astype(np.float32)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux")
def test_many_calls_leave_nothing_behind():
    memory, files = [], []
    for call in range(CALLS):
        f2r.denoise(noisy(call, (3, 32, 32)), preset="fast")
        if call >= WARM:
            gc.collect()
            memory.append(resident())
            files.append(open_files())
    assert len(set(files)) == 1
    assert memory[-1] - memory[0] < GROWTH


@pytest.mark.slow
def test_four_threads_give_what_one_after_the_other_gives():
    clips = [noisy(seed, (5, 48, 48), blur=seed % 2 == 1) for seed in range(4)]

    def denoise(clip):
        done = f2r.denoise(clip, preset="fast")
        return done.frames, done.anchor, done.prior

    alone = [denoise(clip) for clip in clips]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(denoise, clips))
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(a, b)


@pytest.mark.slow
def test_threads_that_train_do_not_disturb_each_other():
    clips = [noisy(seed, (4, 32, 32)) for seed in range(2)]

    def denoise(clip):
        return f2r.denoise(clip, sigma=0.08, steps=2).frames

    alone = [denoise(clip) for clip in clips]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(denoise, clips))
    for a, b in zip(alone, together, strict=True):
        assert np.array_equal(a, b)
