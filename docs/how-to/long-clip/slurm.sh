#!/bin/bash
# Usage: slurm.sh INPUT OUTPUT [PARTS [OPTIONS...]]
set -e
input=$(realpath "$1") output=$(realpath "$2") parts=${3:-16}
denoise="f2r denoise $(printf '%q ' "$input" -o "$output" "${@:4}")"
first=$(sbatch --parsable --job-name f2r-prepare --wrap "$denoise --prepare-only")
middle=$(sbatch --parsable --job-name f2r-part --dependency "afterok:$first" --requeue \
  --array "1-$parts" --wrap "$denoise --part \$SLURM_ARRAY_TASK_ID/$parts")
sbatch --job-name f2r-join --dependency "afterok:$middle" --wrap "$denoise --join"
