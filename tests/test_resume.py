"""A run that is killed at any instant goes on, and its output equals an uninterrupted run's."""

import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from f2r.cli.main import main
from f2r.errors import InputError
from f2r.io.overlap import WriteBehind, read_ahead
from f2r.run.resume.spool import FrameSpool, Mark
from synthetic import moving_clip

PLAIN = Mark(False, False)
samples = st.lists(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.one_of(hnp.array_shapes(min_dims=2, max_dims=3, max_side=9)),
    ),
    min_size=1,
    max_size=3,
)


def frame(value):
    return [np.full((6, 8, 3), value, np.uint16)]


@settings(deadline=None, max_examples=30)
@given(kept=st.lists(samples, max_size=4))
def test_a_spool_gives_back_what_it_was_given(tmp_path_factory, kept):
    path = tmp_path_factory.mktemp("spool") / "frames"
    with FrameSpool(path) as spool:
        for i, planes in enumerate(kept):
            spool.append(planes, Mark(i == 0, i == 2))
    with FrameSpool(path) as spool:
        assert spool.marks == [Mark(i == 0, i == 2) for i in range(len(kept))]
        for i, planes in enumerate(kept):
            for a, b in zip(planes, spool.read(i), strict=True):
                assert a.dtype == b.dtype
                assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def test_a_spool_cut_anywhere_keeps_its_whole_frames(tmp_path):
    path = tmp_path / "frames"
    ends = [0]
    with FrameSpool(path) as spool:
        for value in range(3):
            spool.append(frame(value), PLAIN)
            ends.append(path.stat().st_size)
    data = path.read_bytes()
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        with FrameSpool(path) as spool:
            whole = sum(end <= length for end in ends[1:])
            assert len(spool) == whole
            spool.append(frame(9), PLAIN)
            assert int(spool.read(whole)[0].max()) == 9


def test_a_torn_record_is_noticed(tmp_path):
    path = tmp_path / "frames"
    with FrameSpool(path) as spool:
        for value in range(3):
            spool.append(frame(value), PLAIN)
    data = bytearray(path.read_bytes())
    data[-3] ^= 255
    path.write_bytes(data)
    with FrameSpool(path) as spool:
        assert len(spool) == 2
    data[25] ^= 255
    path.write_bytes(data)
    with FrameSpool(path) as spool, pytest.raises(InputError, match="damaged"):
        spool.read(0)


def test_every_bit_of_a_header_counts(tmp_path):
    path = tmp_path / "frames"
    with FrameSpool(path) as spool:
        for value in range(3):
            spool.append([np.full((4, 4, 1), value, np.uint8)], Mark(value == 0, False))
    data = path.read_bytes()
    for bit in range(8 * data.index(b"F2Rf", 1)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(InputError, match="is damaged"), FrameSpool(path) as spool:
            spool.read(0)


@pytest.fixture
def noisy(tmp_path):
    clean = moving_clip(7, 40, 48).permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).normal(0, 0.08, clean.shape)
    path = tmp_path / "noisy.npy"
    np.save(path, ((clean + noise).clip(0, 1) * 255).round().astype(np.uint8))
    return path


def command(path, output, *options):
    fixed = ["-o", str(output), "--sigma", "20", *options]
    return [sys.executable, "-m", "f2r", "denoise", str(path), *fixed]


def run_until(arguments, is_far_enough, number):
    """Run, and send a signal as soon as the disk shows what is waited for."""
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not is_far_enough():
        time.sleep(0.005)
    process.send_signal(number)
    return process.communicate(timeout=120)[1], process.returncode


@pytest.mark.slow
def test_killed_at_random_instants_the_output_is_the_same(noisy, tmp_path):
    output, chance = tmp_path / "out.npy", random.Random(1)
    folder = tmp_path / "out.npy.run"
    whole = tmp_path / "whole.npy"
    assert main(["denoise", *command(noisy, whole, "--preset", "fast")[4:]]) == 0
    arguments = command(noisy, output, "--preset", "fast")
    spool, limits = folder / "frames.spool", sorted(chance.sample(range(1, 7 * 5760), 3))
    for limit in [0, *limits]:
        goes_on = ["--resume"] if folder.exists() else []
        run_until(
            arguments + goes_on,
            lambda limit=limit: spool.exists() and spool.stat().st_size >= min(limit, 9000),
            signal.SIGKILL,
        )
        assert not output.exists() or not folder.exists()
    if folder.exists():
        assert subprocess.run([*arguments, "--resume"], check=False).returncode == 0
    assert output.read_bytes() == whole.read_bytes()
    assert not folder.exists()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("out")) == [
        "out.npy",
        "out.npy.json",
        "out.npy.png",
    ]


def interrupted(noisy, output):
    """Leave behind what a run leaves that was stopped after its first frames."""
    spool = output.with_name(output.name + ".run") / "frames.spool"
    arguments = command(noisy, output, "--preset", "fast")
    return run_until(arguments, lambda: spool.exists() and spool.stat().st_size > 0, signal.SIGINT)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_a_changed_run_is_refused(noisy, tmp_path, capsys):
    output = tmp_path / "out.npy"
    said, code = interrupted(noisy, output)
    assert code == 130
    assert "--resume" in said
    same = ["denoise", str(noisy), "-o", str(output), "--sigma", "20", "--preset", "fast"]
    assert main(same) == 2
    assert "holds an interrupted run" in capsys.readouterr().err
    assert main([*same, "--resume", "--seed", "3"]) == 2
    assert "belongs to another config" in capsys.readouterr().err
    array = np.load(noisy)
    np.save(noisy, array[::-1])
    assert main([*same, "--resume"]) == 2
    assert "belongs to another input" in capsys.readouterr().err
    assert main([*same, "--overwrite"]) == 0
    assert not (tmp_path / "out.npy.run").exists()


@pytest.mark.slow
def test_training_by_steps_is_the_same_after_a_kill(noisy, tmp_path):
    whole, output = tmp_path / "whole.npy", tmp_path / "out.npy"
    assert main(["denoise", *command(noisy, whole, "--steps", "2")[4:]]) == 0
    spool = tmp_path / "out.npy.run" / "temporal.ckpt"
    arguments = command(noisy, output, "--steps", "2")
    run_until(arguments, spool.exists, signal.SIGKILL)
    assert subprocess.run([*arguments, "--resume"], check=False).returncode == 0
    assert output.read_bytes() == whole.read_bytes()
    report = json.loads((tmp_path / "out.npy.json").read_text())
    assert report["training"]["temporal_steps"] == report["training"]["refiner_steps"] == 2


def failing(count):
    for i in range(count):
        yield np.zeros((1, 1, 1), np.float32) + i
    raise InputError("broken here")


def test_an_error_of_the_reading_thread_arrives_after_the_frames_before_it():
    got = []
    with pytest.raises(InputError, match="broken here"):
        got.extend(read_ahead(failing(3)))
    assert len(got) == 3


def test_jobs_are_done_in_order_and_their_errors_are_raised():
    done = []
    with WriteBehind() as behind:
        for i in range(5):
            behind.submit(lambda i=i: done.append(i))
    assert done == [0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError), WriteBehind() as behind:
        behind.submit(lambda: 1 / 0)
