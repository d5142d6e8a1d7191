"""Workers of a Dask cluster: killed ones are replaced, and the result is that of one process."""

import os
import random
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from parts_samples import FAST, content, step, write_npy

from f2r.config import DenoiseConfig
from f2r.run.job import FileOptions, Order
from f2r.run.parts.dask_cluster import with_whole_paths

distributed = pytest.importorskip("distributed")


@contextmanager
def cluster(workers):
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options, silence_logs=50) as local:
        yield local


class Killer(threading.Thread):
    """Kills workers at random, each time when another frame is on the disk."""

    def __init__(self, local, folder, kills, seed=0):
        super().__init__(daemon=True)
        self.local, self.folder, self.left = local, folder, kills
        self.chance = random.Random(seed)

    def size(self):
        try:
            return sum(path.stat().st_size for path in self.folder.glob("*.spool"))
        except OSError:
            return 0

    def run(self):
        seen = 0
        while self.left:
            if self.size() > seen:
                time.sleep(self.chance.random() * 0.2)
                pids = [w.pid for w in self.local.workers.values() if w.pid]
                if pids:
                    os.kill(self.chance.choice(pids), signal.SIGKILL)
                    self.left -= 1
                seen = self.size()
            time.sleep(0.01)


def kill_and_compare(tmp_path, workers, kills, **clip):
    source = write_npy(tmp_path / "in.npy", **clip)
    assert step(source, tmp_path / "whole.npy", FAST) == 0
    with cluster(workers) as local:
        killer = Killer(local, tmp_path / "out.npy.run" / "parts", kills)
        killer.start()
        address = local.scheduler_address
        assert step(source, tmp_path / "out.npy", FAST, "--dask", address) == 0
        assert killer.left == 0
    assert content(tmp_path / "out.npy") == content(tmp_path / "whole.npy")
    assert not (tmp_path / "out.npy.run").exists()


def test_two_killed_workers_change_nothing(tmp_path):
    kill_and_compare(tmp_path, 2, 2, count=16)


@pytest.mark.slow
def test_twenty_killed_workers_change_nothing(tmp_path):
    kill_and_compare(tmp_path, 3, 20, count=600)


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("f2r.run.parts.dask_cluster.PATIENCE", "1 s")
    source = write_npy(tmp_path / "in.npy")
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):
        assert step(source, tmp_path / "out.npy", FAST, "--dask", address) == 2
        said = [x for x in capsys.readouterr().err.splitlines() if x.startswith("f2r: ")]
        assert len(said) == 1
        assert f"--dask {address}: no scheduler answers there" in said[0]
    assert not (tmp_path / "out.npy.run").exists()


def test_workers_find_files_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noise.json").write_text("{}")
    config = DenoiseConfig(noise="noise.json", weights="own")
    order = Order("in.npy", tmp_path.relative_to(tmp_path) / "out.npy", config, FileOptions())
    whole = with_whole_paths(order)
    assert whole.source == str(tmp_path / "in.npy")
    assert whole.target == tmp_path / "out.npy"
    assert whole.config.noise == str(tmp_path / "noise.json")
    assert whole.config.weights == str(tmp_path / "own")
    plain = Order("a.npy", tmp_path / "b.npy", DenoiseConfig(), FileOptions())
    assert with_whole_paths(plain).config == plain.config
