"""A run shares the processor: threads sleep while they wait, and limits are kept."""

import os
import platform
import subprocess
import sys

import pytest

from f2r.system.processor import quota, share_processor

LINUX = pytest.mark.skipif(platform.system() != "Linux", reason="control groups are Linux's")


def put(root, group, **files):
    """Write a control group below a root folder; '__' in a name stands for a dot."""
    folder = root / "sys/fs/cgroup" / group
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


def lie_in(root, *lines):
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("".join(f"{line}\n" for line in lines))


def test_the_smallest_quota_of_all_groups_above_counts(tmp_path):
    lie_in(tmp_path, "0::/pod/box")
    put(tmp_path, "pod/box", cpu__max="max 100000")
    put(tmp_path, "pod", cpu__max="400000 100000")
    put(tmp_path, ".", cpu__max="150000 100000")
    assert quota(tmp_path) == 1.5


def test_a_quota_of_the_first_version_is_found_from_inside_a_container(tmp_path):
    lie_in(tmp_path, "4:memory:/docker/1", "3:cpu,cpuacct:/docker/1", "0::/")
    put(tmp_path, "cpu,cpuacct", cpu__cfs_quota_us=50000, cpu__cfs_period_us=100000)
    put(tmp_path, "memory", cpu__max="1 100000")
    assert quota(tmp_path) == 0.5


@pytest.mark.parametrize("text", ["max 100000", "-1 100000", "", "2 0", "many some"])
def test_what_is_no_quota_limits_nothing(tmp_path, text):
    lie_in(tmp_path, "0::/")
    put(tmp_path, ".", cpu__max=text)
    assert quota(tmp_path) is None


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert quota(tmp_path) is None


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_what_the_user_has_set_stays(name):
    variables = {name: "12", "OMP_NUM_THREADS": "3"}
    share_processor(variables)
    assert variables == {name: "12", "OMP_NUM_THREADS": "3"}


@LINUX
def test_threads_of_a_command_sleep_and_keep_to_its_processors():
    """OpenMP itself tells what it has read."""
    unset = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    one = min(os.sched_getaffinity(0))
    run = subprocess.run(
        [sys.executable, "-m", "f2r", "info"],
        env=unset | {"OMP_DISPLAY_ENV": "verbose"},
        preexec_fn=lambda: os.sched_setaffinity(0, {one}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "GOMP_SPINCOUNT = '500'" in run.stderr  # the policy itself is shown so in any case
    assert "cpu_threads: 1\n" in run.stdout
