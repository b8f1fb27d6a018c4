// Exclusive prefix sums of both columns of `counts` inside blocks of 1024 rows, in place; totals of the blocks behind them (stage 0).
// Stage 1 makes the totals exclusive prefix sums, the grand totals last.
#include "common/base.cuh"

constexpr u32 threads = 256;
constexpr u32 rows_a_thread = 4;

struct alignas(8) Pair {
  u32 x, y;
};
__device__ inline Pair operator+(Pair a, Pair b) { return {a.x + b.x, a.y + b.y}; }
__device__ inline Pair operator-(Pair a, Pair b) { return {a.x - b.x, a.y - b.y}; }

// Inclusive prefix sums over the threads of a block.
__device__ inline Pair scanned(Pair own, Pair (&sums)[threads]) {
  sums[threadIdx.x] = own;
  for (u32 reach = 1; reach < threads; reach *= 2) {
    __syncthreads();
    const Pair before = threadIdx.x >= reach ? sums[threadIdx.x - reach] : Pair{0, 0};
    __syncthreads();
    sums[threadIdx.x] = sums[threadIdx.x] + before;
  }
  return sums[threadIdx.x];
}

KERNEL(compact_scan, 256)(u32* counts, u64 rows, u32 blocks, u32 stage) {
  __shared__ Pair sums[threads];
  __shared__ Pair carried;
  Pair* const totals = (Pair*)(counts + 2 * rows);
  if (stage == 1) {
    if (threadIdx.x == 0) carried = {0, 0};
    for (u32 first = 0; first < blocks; first += threads) {
      const u32 at = first + threadIdx.x;
      const Pair own = at < blocks ? totals[at] : Pair{0, 0};
      const Pair upto = scanned(own, sums) + carried;
      if (at < blocks) totals[at] = upto - own;
      __syncthreads();
      if (threadIdx.x == threads - 1) carried = upto;
      __syncthreads();
    }
    if (threadIdx.x == 0) totals[blocks] = carried;
    return;
  }
  const u64 first = ((u64)blockIdx.x * threads + threadIdx.x) * rows_a_thread;
  const u64 end = least(first + rows_a_thread, rows);
  Pair own = {0, 0};
  for (u64 row = first; row < end; row++) own = own + Pair{counts[row], counts[rows + row]};
  Pair running = scanned(own, sums) - own;
  for (u64 row = first; row < end; row++) {
    const Pair here = {counts[row], counts[rows + row]};
    counts[row] = running.x;
    counts[rows + row] = running.y;
    running = running + here;
  }
  if (threadIdx.x == threads - 1) totals[blockIdx.x] = running;
}
