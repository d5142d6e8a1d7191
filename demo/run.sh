#!/usr/bin/env bash
# Denoise the clips of this folder, offline, in under five minutes on two cores. `make demo` calls it.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p out

echo "== street: noise of known strength, added once"
f2r simulate street.mkv -o out/street_noisy.npy --sigma 30 --seed 0 --overwrite

echo "== street: denoised without the clean clip; the noise level is estimated"
f2r denoise out/street_noisy.npy -o out/street_denoised.mkv --time-budget 110s --overwrite

echo "== street: compared with the clean clip"
f2r evaluate street.mkv out/street_noisy.npy --json out/street_noisy.figures.json > /dev/null
f2r evaluate street.mkv out/street_denoised.mkv --json out/street_denoised.figures.json > /dev/null

echo "== mitosis: truly noisy, no clean clip exists"
f2r denoise mitosis.tif -o out/mitosis.tif --time-budget 40s --overwrite

python summary.py
