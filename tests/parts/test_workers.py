"""Workers on this machine: killed ones are replaced, errors arrive, the result is that of one."""

import os
import signal
import subprocess
import sys
import time

import pytest
from parts_samples import FAST, content, step, write_npy
from workers_samples import Marking, refusing

from f2r.config import DenoiseConfig
from f2r.errors import F2RError, InputError
from f2r.run.job import FileOptions, Order
from f2r.run.opening import opened_job
from f2r.run.parts.drive import MOST_DEATHS, make_all
from f2r.run.parts.local import LocalWorkers, choose_count
from f2r.run.parts.part import parts_of


def test_a_killed_worker_is_replaced(tmp_path):
    looks = []
    with LocalWorkers(Marking(tmp_path, 1), 1, 1) as workers:
        make_all(parts_of(1), workers, lambda: looks.append(1))
    assert len(list(tmp_path.glob("*.made"))) == 1
    assert len(list(tmp_path.glob("*.killed0"))) == 1
    assert looks


@pytest.mark.slow
def test_a_part_that_kills_every_worker_is_given_up(tmp_path):
    with (
        LocalWorkers(Marking(tmp_path, MOST_DEATHS), 1, 1) as workers,
        pytest.raises(F2RError, match=f"part 1/1 cost {MOST_DEATHS} workers"),
    ):
        make_all(parts_of(1), workers, lambda: None)


def test_what_a_worker_refuses_ends_the_run():
    with (
        LocalWorkers(refusing, 1, 1) as workers,
        pytest.raises(InputError, match="part 1/2 is refused"),
    ):
        make_all(parts_of(2), workers, lambda: None)


@pytest.mark.slow
def test_two_workers_make_what_one_makes(tmp_path):
    source = write_npy(tmp_path / "in.npy")
    assert step(source, tmp_path / "whole.npy", FAST) == 0
    assert step(source, tmp_path / "out.npy", FAST, "--workers", "2") == 0
    assert content(tmp_path / "out.npy") == content(tmp_path / "whole.npy")
    assert not (tmp_path / "out.npy.run").exists()


@pytest.mark.slow
def test_a_stopped_run_of_workers_goes_on(tmp_path):
    source = write_npy(tmp_path / "in.npy", count=40)
    assert step(source, tmp_path / "whole.npy", FAST) == 0
    names = [str(source), "-o", str(tmp_path / "out.npy"), *FAST, "--workers", "2"]
    command = [sys.executable, "-m", "f2r", "denoise", *names]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    parts = tmp_path / "out.npy.run" / "parts"
    while process.poll() is None and not any(p.stat().st_size for p in parts.glob("*.spool")):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 143
    assert "repeat the command with --resume" in said
    assert subprocess.run([*command, "--resume"], check=False).returncode == 0
    assert content(tmp_path / "out.npy") == content(tmp_path / "whole.npy")


def test_workers_end_with_their_parent(tmp_path):
    """A parent that is killed leaves no process at work."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "from f2r.run.parts.local import LocalWorkers\n"
        "from f2r.run.parts.part import Part\n"
        "from test_workers import writing_its_number\n"
        "workers = LocalWorkers(writing_its_number, 1, 1)\n"
        "if __name__ == '__main__':\n"
        "    workers.submit(Part(1, 1)).result()\n"
    )
    path = tmp_path / "parent.py"
    path.write_text(script)
    search = os.pathsep.join([*sys.path, str(tmp_path)])
    parent = subprocess.Popen(
        [sys.executable, str(path)], cwd=tmp_path, env=os.environ | {"PYTHONPATH": search}
    )
    number = tmp_path / "number"
    while not (number.exists() and number.read_text()):
        assert parent.poll() is None
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    child = int(number.read_text())
    while is_running(child):
        time.sleep(0.01)


def writing_its_number(_):
    with open("number", "w") as file:  # noqa: PTH123 - the folder of the process
        file.write(str(os.getpid()))
    time.sleep(600)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_number_of_workers_follows_cores_and_frames(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 16)
    monkeypatch.setattr("f2r.run.parts.local.free_memory", lambda: 64 * 2**30)
    for frames, expected in ((10, 1), (100, 3), (2000, 16)):
        path = write_npy(tmp_path / f"{frames}.npy", count=frames)
        order = Order(str(path), tmp_path / "out.npy", DenoiseConfig(sigma=0.1), FileOptions())
        with opened_job(order, lambda _: None, None, writes=False) as (job, _):
            assert choose_count(job) == expected
            monkeypatch.setattr("f2r.run.parts.local.free_memory", lambda: 2**30)
            assert choose_count(job) <= 2
            monkeypatch.setattr("f2r.run.parts.local.free_memory", lambda: 64 * 2**30)
