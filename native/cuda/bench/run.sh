#!/bin/bash
# Builds the kernels of the screen for this machine's card, checks them against float64 and times them. Needs nvcc and PyTorch.
# The table goes to standard output, numbers to $OUT/screen.json where OUT is set. `run.sh SEED` repeats a run.
set -euo pipefail
cd "$(dirname "$0")"
export CUBINS=${CUBINS:-$(mktemp -d)}
major=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
pids=()
for kernel in coarse_operands screen_operands screen_product screen_select screen_rescore screen_decide screen_direct; do
  "$nvcc" -std=c++17 -O3 -Werror all-warnings -arch="sm_$major" -I ../kernels -cubin ../kernels/$kernel.cu -o "$CUBINS/$kernel.cubin" & pids+=($!)
done
"$nvcc" -std=c++17 -O3 -Werror all-warnings -arch="sm_$major" -cubin direct.cu -o "$CUBINS/direct.cubin" & pids+=($!)
if [ "$major" = 90 ]; then
  for kernel in screen_energy_hopper screen_scores_240 screen_scores_256; do
    "$nvcc" -std=c++17 -O3 -Werror all-warnings -gencode=arch=compute_90a,code=sm_90a -I ../kernels -cubin "../kernels/hardware/$kernel.cu" \
      -o "$CUBINS/$kernel.cubin" & pids+=($!)
  done
fi
for pid in "${pids[@]}"; do wait "$pid"; done
PYTHONUNBUFFERED=1 timeout 200 python3 main.py "$@"
