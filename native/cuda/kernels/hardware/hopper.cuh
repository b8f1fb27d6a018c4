#pragma once
// Compute capability 9.0: barriers in shared memory that count bytes, copies of tiles and of rows that complete on them, and descriptors of
// operands for warpgroup products.
#include "common/mma.cuh"

// 128 bytes that the driver's cuTensorMapEncodeTiled makes.
struct alignas(64) TensorMap {
  u64 words[16];
};

__device__ inline void barrier_init(u32 barrier, u32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ inline void barrier_expect(u32 barrier, u32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ inline void barrier_arrive(u32 barrier) { asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory"); }
__device__ inline void barrier_wait(u32 barrier, u32 phase) {
  asm volatile(
    "{ .reg .pred p;\n"
    "again: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
    "@!p bra again; }"
    ::"r"(barrier), "r"(phase) : "memory");
}

// A tile of rows of 64 halfs, 128 bytes each, their 16-byte parts permuted by the row.
__device__ inline void copy_tile(u32 to, const TensorMap* map, u32 column, u32 row, u32 barrier) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];"
               ::"r"(to), "l"(map), "r"(barrier), "r"(column), "r"(row) : "memory");
}
__device__ inline void copy_row(u32 to, const void* from, u32 bytes, u32 barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
               ::"r"(to), "l"(from), "r"(bytes), "r"(barrier) : "memory");
}

// Rows of 128 bytes in groups of 8 (1024 bytes), permuted over 128 bytes.
__device__ inline u64 operand(u32 address) { return (u64)(address >> 4 & 0x3fff) | 1ull << 16 | 64ull << 32 | 1ull << 62; }

__device__ inline void warpgroup_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void warpgroup_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int Pending>
__device__ inline void warpgroup_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
template <u32 Threads>
__device__ inline void meet() {
  asm volatile("bar.sync 1, %0;" ::"n"(Threads) : "memory");
}
