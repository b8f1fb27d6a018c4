#pragma once
// common/mma.cuh on the host. Addresses of shared memory are places in the block's dynamic part.
#include "emulated.h"
#include "cuda_fp16.h"

inline unsigned shared_address(const void* pointer) { return (unsigned)((const char*)pointer - emulated::dynamic_shared); }

inline void copy_async(unsigned to, const void* from, bool inside) {
  if (inside) memcpy(emulated::dynamic_shared + to, from, 16);
  else memset(emulated::dynamic_shared + to, 0, 16);
}
inline void commit_copies() {}
template <int Pending>
void wait_copies() {}

// Lane 4 g + c gets words c of row g of four matrices, whose rows' addresses lanes 0 to 31 give.
inline void load_matrices(unsigned (&to)[4], unsigned address) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned long long* const rows = emulated::gather(address);
  for (unsigned m = 0; m < 4; m++) memcpy(&to[m], emulated::dynamic_shared + rows[8 * m + lane / 4] + 4 * (lane % 4), 4);
}

// m16n8k16: lane 4 g + c has rows g and g + 8 of A (words: columns 2 c; row g, row g + 8, then 8 columns further), column g of B (rows 2 c,
// 8 rows further), and of D rows g and g + 8, columns 2 c and 2 c + 1.
inline void multiply(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  struct Fragment {
    unsigned a[4], b[2];
  };
  const Fragment own = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  const unsigned long long* const lanes = emulated::gather((unsigned long long)&own);
  const auto half = [](unsigned word, unsigned e) { return __half2float({(unsigned short)(word >> 16 * e)}); };
  const unsigned lane = threadIdx.x % 32;
  for (unsigned row = 0; row < 2; row++)
    for (unsigned column = 0; column < 2; column++) {
      float sum = 0;
      for (unsigned c = 0; c < 4; c++) {
        const auto& of_a = *(const Fragment*)lanes[lane / 4 * 4 + c];
        const auto& of_b = *(const Fragment*)lanes[(2 * (lane % 4) + column) * 4 + c];
        for (unsigned part = 0; part < 2; part++)
          for (unsigned e = 0; e < 2; e++) sum += half(of_a.a[2 * part + row], e) * half(of_b.b[part], e);
      }
      sums[2 * row + column] += sum;
    }
  __syncwarp();
}
