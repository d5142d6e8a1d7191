"""Denoise a clip by the workers of a Dask cluster on this machine."""

import subprocess

from dask.distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=3, threads_per_worker=1) as cluster:
        command = ["f2r", "denoise", "long.mp4", "-o", "clean.mp4"]
        subprocess.run([*command, "--dask", cluster.scheduler_address], check=True)
